import pytest
from made_search import made_spec
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("500MB", 500 * 10**6),
        ("1.5GiB", 3 * 2**29),
        ("64 KiB", 65536),
        ("3kB", 3000),
        ("100B", 100),
        (1234, 1234),
    ],
)
def test_a_size_is_read_with_its_unit(text, size):
    assert made_spec(disk=text).search.disk == size


@pytest.mark.parametrize("text", ["20", "GB", "20 gigs", "-1GB", "1e9B", "20Gb"])
def test_what_is_no_size_is_refused_with_examples(text):
    with pytest.raises(ValidationError, match=r"expected a size such as 20GB, 500MB or 1\.5GiB, or a number of bytes"):
        made_spec(disk=text)


def test_no_room_at_all_is_refused():
    with pytest.raises(ValidationError, match="greater than 0"):
        made_spec(disk=0)

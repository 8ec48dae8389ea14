import json
import random
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import PlainImage, made_record
from PIL import Image

from spaces.trial import DataConfig
from trainable.data.sources import read_sources
from trainable.data.split import SPLITS, data_hash, split_records
from trainable.errors import DataError


def photo(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), colour).save(path)


def write(folder, name, photos):
    """Write a file of one row for each image, drawn in a colour of its own."""
    for image, colour in photos.items():
        photo(folder / image, colour)
    rows = [
        {"query": "<image>What?", "response": f"thing {number} of {name}", "images": [image]}
        for number, image in enumerate(photos)
    ]
    (folder / name).write_text(json.dumps(rows))


def numbered(count, start=0):
    return {f"{n}.png": (n % 256, n // 256, 7) for n in range(start, start + count)}


def config(folder, *sources, **shares):
    declared = [{"source": "rows", "path": str(folder / name), **more} for name, more in sources]
    return DataConfig.model_validate({"sources": declared, **shares})


def splits(config):
    """Give the ids of the rows of each split."""
    split = split_records(read_sources(config).records, config)
    return {name: {record.id for record in getattr(split, name)} for name in SPLITS}


def records(count, *, source=0, prefix=""):
    """Give rows without a box, an image each."""
    return [
        replace(
            made_record("What?", f"{prefix}{n}", name=f"{prefix}row {n}"),
            images=(PlainImage(f"{prefix}{n}"),),
            source=source,
        )
        for n in range(count)
    ]


def of_two(**shares):
    return DataConfig.model_validate({"sources": [{"source": "shapes"}] * 2, **shares})


def test_shares_are_those_of_the_images():
    split = split_records(records(200), of_two(search_share=0.2, confirm_share=0.1, test_share=0.05))
    assert [len(getattr(split, name)) for name in SPLITS] == [130, 40, 20, 10]


def test_a_share_of_nothing_is_no_split():
    split = split_records(records(50), of_two(confirm_share=0, test_share=0))
    assert (split.confirm, split.test, len(split.search)) == ((), (), 10)


def test_every_row_is_in_one_split_and_in_its_order():
    rows = records(60)
    split = split_records(rows, of_two())
    assert sorted(r.id for name in SPLITS for r in getattr(split, name)) == sorted(r.id for r in rows)
    assert all(list(getattr(split, name)) == [r for r in rows if r in getattr(split, name)] for name in SPLITS)


def test_a_sources_rows_are_in_the_split_that_it_names_and_that_takes_no_share_of_others(tmp_path):
    write(tmp_path, "a.json", numbered(20))
    write(tmp_path, "b.json", numbered(6, 20))
    write(tmp_path, "c.json", numbered(4, 30))
    found = splits(config(tmp_path, ("a.json", {}), ("b.json", {"split": "search"}), ("c.json", {"split": "test"})))
    assert found["search"] == {f"b.json#{n}" for n in range(6)}
    assert found["test"] == {f"c.json#{n}" for n in range(4)}
    assert (len(found["confirm"]), len(found["train"])) == (2, 18)


def test_all_splits_may_be_named(tmp_path):
    for start, name in enumerate(SPLITS):
        write(tmp_path, f"{name}.json", numbered(2, 10 * start))
    found = splits(config(tmp_path, *((f"{name}.json", {"split": name}) for name in SPLITS)))
    assert found == {name: {f"{name}.json#0", f"{name}.json#1"} for name in SPLITS}


def test_where_a_source_is_trained_on_the_others_may_go_elsewhere_whole(tmp_path):
    write(tmp_path, "a.json", numbered(3))
    write(tmp_path, "b.json", numbered(1, 20))
    found = splits(config(tmp_path, ("a.json", {"split": "train"}), ("b.json", {})))
    assert (found["train"], found["search"]) == ({f"a.json#{n}" for n in range(3)}, {"b.json#0"})


def test_a_copy_of_an_image_under_another_name_stays_in_one_split(tmp_path):
    photos = numbered(30)
    write(tmp_path, "a.json", photos | {f"copy of {name}": colour for name, colour in photos.items()})
    for seed in range(5):
        found = splits(config(tmp_path, ("a.json", {}), split_seed=seed))
        for ids in found.values():
            numbers = {int(name.partition("#")[2]) for name in ids}
            assert {number % 30 for number in numbers if number < 30} == {
                number % 30 for number in numbers if number >= 30
            }


def test_images_of_one_size_in_bytes_are_not_taken_for_copies(tmp_path):
    for n in range(8):
        (tmp_path / f"{n}.bmp").parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), (n, 0, 0)).save(tmp_path / f"{n}.bmp")
    rows = [{"query": "<image>What?", "response": str(n), "images": [f"{n}.bmp"]} for n in range(8)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = splits(config(tmp_path, ("a.json", {}), confirm_share=0, test_share=0, search_share=0.5))
    assert (len(found["train"]), len(found["search"])) == (4, 4)


def test_images_that_differ_after_their_first_bytes_only_are_not_taken_for_copies(tmp_path):
    noise = random.Random(0).randbytes(64 * 64 * 3)
    for n in range(8):
        Image.frombytes("RGB", (64, 64), noise[:-1] + bytes([n])).save(tmp_path / f"{n}.bmp")
    rows = [{"query": "<image>What?", "response": str(n), "images": [f"{n}.bmp"]} for n in range(8)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = splits(config(tmp_path, ("a.json", {}), confirm_share=0, test_share=0, search_share=0.5))
    assert (len(found["train"]), len(found["search"])) == (4, 4)


def test_an_image_in_two_splits_that_are_named_is_an_error_that_names_both_rows(tmp_path):
    write(tmp_path, "a.json", numbered(3))
    write(tmp_path, "b.json", {"copy.png": (1, 0, 7), "other.png": (99, 0, 0)})
    with pytest.raises(DataError) as caught:
        splits(config(tmp_path, ("a.json", {"split": "train"}), ("b.json", {"split": "test"})))
    first, second, last = str(caught.value).splitlines()
    assert first == "1 images or texts are in two splits that sources name:"
    assert second == "  1.png: a.json row 1 in train and b.json row 0 in test"
    assert last.startswith("Remove them from one")


def test_many_images_in_two_splits_are_counted(tmp_path):
    write(tmp_path, "a.json", numbered(15))
    write(tmp_path, "b.json", numbered(15))
    with pytest.raises(DataError) as caught:
        splits(config(tmp_path, ("a.json", {"split": "train"}), ("b.json", {"split": "search"})))
    assert "15 images or texts" in str(caught.value) and "and 5 more" in str(caught.value)


def test_a_text_in_two_splits_that_are_named_is_an_error(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps([{"query": "Hi", "response": "Ho"}]))
    with pytest.raises(DataError, match=r"a\.json row 0 in train and b\.json row 0 in search"):
        splits(config(tmp_path, ("a.json", {"split": "train"}), ("b.json", {"split": "search"})))


def test_a_row_that_shares_an_image_with_a_split_that_is_named_goes_there(tmp_path):
    write(tmp_path, "a.json", numbered(10))
    write(tmp_path, "b.json", {"copy.png": (1, 0, 7)})
    assert "a.json#1" in splits(config(tmp_path, ("a.json", {}), ("b.json", {"split": "test"})))["test"]


def test_the_split_and_the_hash_do_not_depend_on_the_folder(tmp_path):
    (tmp_path / "here").mkdir()
    write(tmp_path / "here", "a.json", numbered(40))
    write(tmp_path / "here", "b.json", {f"copy of {n}.png": (n, 0, 7) for n in range(0, 40, 3)})
    shutil.copytree(tmp_path / "here", tmp_path / "a longer path" / "there")
    both = [
        config(folder, ("a.json", {}), ("b.json", {}))
        for folder in (tmp_path / "here", tmp_path / "a longer path" / "there")
    ]
    assert splits(both[0]) == splits(both[1])
    first, second = (data_hash(read_sources(one).records) for one in both)
    assert first == second


def test_another_seed_is_another_split():
    found = {tuple(r.id for r in split_records(records(40), of_two(split_seed=seed)).search) for seed in range(5)}
    assert len(found) == 5


def test_a_row_more_leaves_the_others_where_they_were(tmp_path):
    rows = records(41)
    before, after = (split_records(some, of_two()) for some in (rows[:-1], rows))
    moved = {r.id for r in before.train} - {r.id for r in after.train}
    assert len(moved) <= 3


@given(st.integers(1, 12), st.integers(0, 6), st.randoms(), st.floats(0.01, 0.5), st.floats(0, 0.2), st.floats(0, 0.2))
def test_the_order_of_rows_changes_no_split(first, second, rng, search, confirm, test):
    rows = records(first) + [replace(r, id=f"other {r.id}") for r in records(second, source=1)]
    # the same names of images in both sources, of other images
    rows = [replace(r, images=tuple(Named(image.key, f"{r.source}/{image.key}") for image in r.images)) for r in rows]
    shares = of_two(search_share=search, confirm_share=confirm, test_share=test)
    shuffled = rows[:]
    rng.shuffle(shuffled)
    try:
        one, other = (split_records(some, shares) for some in (rows, shuffled))
    except DataError:
        assert len(rows) < 2
        return
    for name in SPLITS:
        assert {r.id for r in getattr(one, name)} == {r.id for r in getattr(other, name)}
    assert one.train and one.search


class Named(PlainImage):
    """An image whose name is not its key."""

    def __init__(self, label, key):
        super().__init__(key)
        object.__setattr__(self, "_label", label)

    @property
    def label(self):
        return self._label


@pytest.mark.parametrize("count", range(2, 8))
def test_the_smallest_data_sets_can_be_trained_on_and_scored(count):
    for share in (0.01, 0.2, 0.9):
        split = split_records(records(count), of_two(search_share=share, confirm_share=0.02, test_share=0.02))
        assert split.train and split.search


def test_one_image_can_not_be_split():
    with pytest.raises(DataError, match="1 rows share 1 image groups; a split by image needs at least 2"):
        split_records(records(1), of_two())
    with pytest.raises(DataError, match=r"needs at least 2.*none is left for search"):
        split_records([replace(row, images=records(1)[0].images) for row in records(5)], of_two())


def test_no_rows_can_not_be_split():
    with pytest.raises(DataError, match="0 rows share 0 image groups"):
        split_records([], of_two())


def test_a_source_that_names_a_split_and_has_no_rows_is_an_error():
    named = DataConfig.model_validate({"sources": [{"source": "shapes"}, {"source": "shapes", "split": "search"}]})
    with pytest.raises(DataError, match="none is left for search"):
        split_records(records(5), named)


def test_rows_have_ids_of_their_own_even_where_a_data_set_writes_such_an_id(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        questions = {name: {"imageId": "p", "question": "What?", "answer": "A"} for name in ("0", "0 (2)")}
        (tmp_path / folder / "q.json").write_text(json.dumps(questions))
        photo(tmp_path / folder / "p.png", "red")
    declared = [
        {"source": "vqa", "questions": str(tmp_path / folder / "q.json"), "images": str(tmp_path / folder)}
        for folder in ("x", "y")
    ]
    ids = [record.id for record in read_sources(DataConfig.model_validate({"sources": declared})).records]
    assert ids == ["q.json#0", "q.json#0 (2)", "q.json#0 (3)", "q.json#0 (2) (2)"]

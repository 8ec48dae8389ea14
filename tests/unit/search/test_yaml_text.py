"""Settings written as YAML: read back as they were, with comments where they belong."""

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from search.yaml_text import yaml_text

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30)
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS | TEXTS,
        lambda inner: st.lists(SCALARS | TEXTS, max_size=4) | st.dictionaries(NAMES, inner, max_size=7),
        max_leaves=8,
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(TREES)
def test_what_is_written_is_read_as_it_was(tree):
    text = yaml_text(tree, header=["A title"], notes={next(iter(tree)): "a note"})
    assert text.startswith("# A title\n\n")
    assert YAML(typ="safe").load(text) == tree


def test_comments_stand_behind_and_above_and_sections_apart():
    tree = {"name": "x", "part": {"rank": {"range": [1, 2], "log": True}, "rate": 1e-5}, "last": {"a": {"b": 1}}}
    text = yaml_text(tree, notes={"part.rate": "small", "name": "of it"}, heads={"last": "The last\npart."})
    assert text == (
        "name: x  # of it\n\n"
        "part:\n  rank: {range: [1, 2], log: true}\n  rate: 1e-05  # small\n\n"
        "# The last\n# part.\nlast:\n  a: {b: 1}\n"
    )

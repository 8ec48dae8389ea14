import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import SpecError
from search.spec_file import load_spec

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
SNIPPETS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "\t",
    "null",
    "-1",
    "1e400",
    "nan",
    "!!python/object",
    "&a",
    "*a",
    "'",
    '"',
    "\x00",
    "é",
    "true",
    "#",
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_a_valid_sweep_file(path):
    spec = load_spec(path)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


@given(st.sampled_from(EXAMPLES), st.integers(0, 10**9), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_a_mutated_sweep_file_is_read_or_refused_and_nothing_else(tmp_path_factory, path, seed, changes):
    chance = random.Random(seed)
    text = path.read_text()
    for _ in range(changes):
        at, length = chance.randrange(len(text)), chance.choice([0, 0, 1, 5, 40])
        text = text[:at] + chance.choice(SNIPPETS) + text[at + length :]
    target = tmp_path_factory.mktemp("fuzz") / "sweep.yaml"
    target.write_text(text)
    try:
        load_spec(target)
    except SpecError as error:
        assert error.faults and all(str(target) in fault or "sweep.yaml" in fault for fault in error.faults)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused_with_the_files_name(tmp_path_factory, content):
    target = tmp_path_factory.mktemp("fuzz") / "sweep.yaml"
    target.write_bytes(content)
    with pytest.raises(SpecError, match=r"sweep\.yaml"):
        load_spec(target)

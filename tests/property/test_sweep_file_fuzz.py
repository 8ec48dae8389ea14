import os
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import SpecError
from search.spec_file import load_spec
from spaces.trial import SourceConfig

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
LONGEST_FAULT = 600
CASES = 10_000 if os.environ.get("PARETUNE_NIGHTLY") else 1_000
"""Mutated files; all of them nightly."""

SOURCES = """
model: tiny
data:
  sources:
    - {source: shapes, domain: base, scenes: 40, seed: 1, share: 0.1}
    - {source: coco, annotations: a.json, images: img, frame: pixels_xywh, max_boxes: 3, drawn_on: stored, share: 0.1}
    - {source: voc, annotations: xml, images: img, frame: pixels_xyxy, max_boxes: 3, drawn_on: upright, share: 0.1}
    - {source: yolo, labels: labels, images: img, names: data.yaml, max_boxes: 3, drawn_on: upright, share: 0.1}
    - {source: refcoco, refs: "refs(unc).p", instances: i.json, images: img, refs_split: train, share: 0.1}
    - {source: vqa, questions: q.json, annotations: a.json, images: img, share: 0.1}
    - {source: auto, path: data, images: img, share: 0.1}
    - source: llamafactory
      folder: data
      dataset: mine
      image_folder: img
      frame: resized_xyxy
      answer_frame: pixels_xyxy
      drawn_on: stored
      resized_max_pixels: 1003520
      image_urls: false
      max_rows: 20
      share: 0.1
    - {source: rows, path: rows.jsonl, format: sharegpt, share: 0.2}
    - {source: rows, path: hub, part: train, split: search}
  search_share: 0.2
  confirm_share: 0.1
  test_share: 0.1
  split_seed: 3
  max_length: 2048
objectives:
  - metric: grounding.miou
  - metric: text.token_f1
space: {optimizer: {learning_rate: {range: [1.0e-4, 1.0e-3], log: true}}}
search: {trials: 3}
"""
SNIPPETS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "- ",
    "? ",
    "| ",
    "\t",
    "\n",
    "\n  ",
    "null",
    "~",
    "-1",
    "0",
    "1e400",
    "nan",
    ".inf",
    "9" * 5000,
    "x" * 5000,
    "0x1F",
    "1_0",
    "12:30:00",
    "2020-13-40",
    "!!python/object",
    "!!binary x",
    "&a",
    "*a",
    "<<: *a",
    "'",
    '"',
    '"\\ud800"',
    "\x00",
    "\ufeff",
    "\u2028",
    "\ue000",
    "é",
    "true",
    "#",
    "%YAML 3.0\n---\n",
    "---\n",
    "[" * 500,
]


def words_of(text):
    return sorted({word for word in text.replace(",", " ").replace("{", " ").replace("}", " ").split() if word})


def mutated(text, words, chance):
    """Replace, remove or insert parts of a text, words and whole lines of it, one to six times."""
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(text) + 1), chance.choice([0, 0, 1, 5, 40])
        match chance.randrange(5):
            case 0:
                word, other = chance.choice(words), chance.choice([*words, *SNIPPETS])
                text = text.replace(word, other, chance.choice([1, 1, -1]))
            case 1:
                lines = text.split("\n")
                lines.insert(chance.randrange(len(lines) + 1), lines.pop(chance.randrange(len(lines))))
                text = "\n".join(lines)
            case 2:
                lines = text.split("\n")
                lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
                text = "\n".join(lines)
            case _:
                text = text[:at] + chance.choice(["", *SNIPPETS]) + text[at + length :]
        text = text[:60_000]
    return text


def check(target):
    try:
        spec = load_spec(target)
    except SpecError as error:
        assert error.faults
        for fault in error.faults:
            fault.encode()
            assert "sweep.yaml" in fault
            assert len(fault) <= LONGEST_FAULT, fault
    else:
        assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def fuzz(target, seeds):
    texts = [SOURCES] * 4 + [path.read_text() for path in EXAMPLES]
    words = words_of("\n".join(texts))
    for seed in seeds:
        chance = Random(f"sweep file {seed}")
        target.write_text(mutated(chance.choice(texts), words, chance), encoding="utf-8", errors="surrogatepass")
        try:
            check(target)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[:1000]!a}"
            pytest.fail(f"the mutation with the seed {seed}: {reason}", pytrace=False)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_a_valid_sweep_file(path):
    spec = load_spec(path)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def test_the_mutated_file_names_every_key_of_every_source(tmp_path):
    (tmp_path / "sweep.yaml").write_text(SOURCES)
    spec = load_spec(tmp_path / "sweep.yaml")
    kinds = get_args(get_args(SourceConfig)[0])
    assert {type(source) for source in spec.data.sources} == set(kinds)
    for name in {name for kind in kinds for name in kind.model_fields}:
        assert f"{name}:" in SOURCES, name


def test_a_mutated_sweep_file_is_read_or_refused_and_nothing_else(tmp_path):
    fuzz(tmp_path / "sweep.yaml", range(CASES))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused_with_the_files_name(tmp_path_factory, content):
    target = tmp_path_factory.mktemp("fuzz") / "sweep.yaml"
    target.write_bytes(content)
    with pytest.raises(SpecError, match=r"sweep\.yaml"):
        load_spec(target)

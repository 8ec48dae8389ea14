"""docs/sweep-file.md says what the models of a sweep file say, no more and no less."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from search.spec import SweepSpec, key_fields
from search.spec_file import load_spec
from spaces import METRICS, leaves
from spaces.domains import FloatRange
from spaces.metrics import CONTROLS

DOC = Path(__file__).parents[2] / "docs" / "sweep-file.md"
NAMES = {int: "whole number", float: "number", bool: "true or false", str: "text", NoneType: "nothing"}


def type_text(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " \\| ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)[0]
        return f"list of {type_text(inner)}" + ("" if get_origin(inner) is Literal else "s")
    if get_origin(annotation) is Mapping:
        key, value = get_args(annotation)
        return f"mapping of {'names' if key is str else type_text(key)} to {type_text(value)}s"
    if annotation in NAMES:
        return NAMES[annotation]
    return " or ".join(type_text(part) for part in get_args(annotation) if part is not NoneType)


def default_text(key: str, field: FieldInfo) -> str:
    value = field.default
    if key.startswith("space."):
        value = leaves()[key.removeprefix("space.")].default
    elif field.default_factory is not None:
        return "the score's own"
    elif field.is_required():
        return "required"
    match value:
        case None:
            return "—"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`{list(value)}`"
        case _:
            return f"`{value}`"


def expected_rows() -> Iterator[str]:
    for key, field in key_fields():
        description = (field.description or "").replace("|", "\\|")
        yield f"| `{key}` | {type_text(field.annotation)} | {default_text(key, field)} | {description} |"
    for name in SweepSpec.model_fields:
        yield f"| [`{name}`](#{name}) | {SweepSpec.model_fields[name].description} |"
    for name in ("log", "step", "when", "baseline"):
        yield f"| `{name}` | {FloatRange.model_fields[name].description} |"
    for name, metric in METRICS.items():
        if name not in CONTROLS:
            yield f"| `{name}` | `{metric.direction}` | {metric.meaning} |"


def blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", DOC.read_text(), flags=re.DOTALL)


def test_every_key_stands_in_the_document_with_its_type_default_and_meaning() -> None:
    written = DOC.read_text().splitlines()

    missing = [row for row in expected_rows() if row not in written]

    assert missing == []


def test_the_document_has_no_row_that_no_model_has() -> None:
    rows = [line for line in DOC.read_text().splitlines() if re.match(r"\| \[?`", line)]

    extra = set(rows) - set(expected_rows())

    assert extra == set()


@pytest.mark.parametrize("block", blocks())
def test_every_yaml_block_is_part_of_a_valid_sweep_file(block: str, tmp_path: Path) -> None:
    rest = {
        "data": "data: {sources: [{source: shapes}]}\n",
        "objectives": "objectives: [grounding.miou, text.token_f1]\n",
        "space": "space: {adapter: {rank: {choice: [4, 8]}}}\n",
    }
    parts = [text for name, text in rest.items() if not re.search(rf"^{name}:", block, flags=re.MULTILINE)]
    path = tmp_path / "sweep.yaml"
    path.write_text(block + "".join(parts))

    load_spec(path)


def test_the_example_of_the_errors_is_what_the_faulty_file_gives(tmp_path: Path) -> None:
    faulty, shown = re.findall(r"```text\n(.*?)```", DOC.read_text(), flags=re.DOTALL)[:2]
    path = tmp_path / "sweep.yaml"
    path.write_text(faulty)

    with pytest.raises(ValueError) as caught:
        load_spec(path, overrides=["search.trials=abc"])

    assert str(caught.value).replace(f"{tmp_path}/", "") == shown.strip()

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.errors import SearchError, SpecError
from search.spec import SweepSpec
from search.spec_file import load_spec

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))

DATA = "data: {sources: [{source: shapes}]}\n"
OBJECTIVES = "objectives: [grounding.miou, text.token_f1]\n"
SPACE = "space: {adapter: {rank: {choice: [4, 8]}}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sweep.yaml"


def written(file: Path, text: str | bytes) -> Path:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def faults_of(file: Path, text: str | bytes, *overrides: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_spec(written(file, text), overrides=overrides)
    return [fault.replace(f"{file}:", "") for fault in caught.value.faults]


def loaded(file: Path, text: str, *overrides: str) -> SweepSpec:
    return load_spec(written(file, text), overrides=overrides)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads_and_survives_json(example: Path) -> None:
    spec = load_spec(example)

    assert SweepSpec.model_validate_json(spec.model_dump_json()) == spec


def test_there_are_examples() -> None:
    assert {"shapes", "coco", "llamafactory", "overnight"} <= {path.stem for path in EXAMPLES}


def test_only_data_and_objectives_are_required_for_a_single_trial(file: Path) -> None:
    spec = loaded(file, DATA + OBJECTIVES + "search: {trials: 1}\n")

    assert spec.model.path == "tiny"
    assert spec.space.dimensions == {}


def test_missing_sections_are_named(file: Path) -> None:
    assert faults_of(file, "search: {trials: 1}\n") == [
        "1:1: data: missing; the key is required. Add it.",
        "1:1: objectives: missing; the key is required. Add it.",
    ]


def test_an_empty_section_counts_as_absent(file: Path) -> None:
    assert loaded(file, DATA + OBJECTIVES + SPACE + "trial:\nsearch:\n").trial.steps == 200


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("serch: {}", "4:1: serch: unknown key 'serch'; expected model, data, objectives, trial, space or search."),
        ("search: {trials: '4'}", "4:18: search.trials: got '4'; expected a whole number. Remove the quotes."),
        ("search: {trials: true}", "4:18: search.trials: got true; expected a whole number."),
        ("search: {trials: 4.0}", "4:18: search.trials: got 4.0; expected a whole number."),
        ("search: {trials: 0}", "4:18: search.trials: got 0; expected at least 1."),
        ("search: {trials: }", "4:10: search.trials: got nothing; expected a whole number. Give a value or remove"),
        ("search: 3", "4:9: search: got 3; expected a mapping of keys."),
        ("search: {trails: 3}", "4:10: search.trails: unknown key 'trails'; expected sampler, pruner, constraints"),
        ("search: {sampler: tpee}", "4:19: search.sampler: got 'tpee'; expected 'tpe', 'gp', 'random', 'nsgaii' or"),
        ("search: {pruner: {nam: x}}", "4:19: search.pruner.nam: unknown key 'nam'; expected name, warmup_trials,"),
        ("trial: {rungs: 5}", "4:16: trial.rungs: got 5; expected a list. Write [5]."),
        ("trial: {rungs: [5, x]}", "4:20: trial.rungs.1: got 'x'; expected a whole number."),
        ("trial: {rungs: [9, 5]}", "4:16: trial.rungs: rungs must rise and lie between 1 and 199; got [9, 5]."),
        ("trial: {resources: {gpus: .nan}}", "4:27: trial.resources.gpus: got nan; expected"),
        ("trial: {resources: {gpus: 1.5}}", "4:27: trial.resources.gpus: got 1.5; expected whole GPUs, or a fraction"),
        ("trial: {resources: {custom: {a: x}}}", "4:33: trial.resources.custom.a: got 'x'; expected a number."),
        ("trial: {resources: {custom: {GPU: 1}}}", "4:21: trial.resources.custom: got 'GPU'; expected a name of your"),
        ("trial: {resources: {custom: {a: 1.5}}}", "4:21: trial.resources.custom: got a: 1.5; expected a whole number"),
        ("trial: {resources: {custom: {a: 0}}}", "4:21: trial.resources.custom: got a: 0; expected a whole number"),
        ("search: {address: here}", "4:19: search.address: got 'here'; expected local, auto or HOST:PORT such as"),
        (
            "search: {address: 'ray://head:10001'}",
            "4:19: search.address: got 'ray://head:10001'; a sweep is not driven",
        ),
        ("model: {path: 3}", "4:15: model.path: got 3; expected a text. Put it in quotes."),
        ("model: {dtype: float16}", "4:16: model.dtype: got 'float16'; expected 'float32' or 'bfloat16'."),
    ],
)
def test_a_fault_has_line_column_key_and_reason(file: Path, line: str, fault: str) -> None:
    faults = faults_of(file, DATA + OBJECTIVES + SPACE + line + "\n")

    assert len(faults) == 1
    assert faults[0].startswith(fault)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (DATA + OBJECTIVES + "spaces: {}\nsearch: {trials: 1}", "Did you mean 'space'?"),
        (DATA + OBJECTIVES + SPACE + "trials: 4", "Did you mean 'trial' or 'search.trials'?"),
        (DATA + OBJECTIVES + SPACE + "rungs: [4]", "Did you mean 'trial.rungs'?"),
        (DATA + OBJECTIVES + "space: {learning_rate: 0.1}", "Did you mean 'space.optimizer.learning_rate'?"),
        (DATA + OBJECTIVES + "space: {adapter: {rnk: 4}}", "Did you mean 'rank'?"),
        (DATA + OBJECTIVES + "space: {adapter: {rank: {rnge: [4, 8]}}}", "Did you mean 'range'?"),
        (DATA + OBJECTIVES + "space: {adapter: {rank: {choice: [4], when: {decay: linear}}}}", "'optimizer.decay'?"),
        (DATA + OBJECTIVES + "space: {adapter: {targets: {choice: [atention]}}}", "Did you mean 'attention'?"),
        (DATA + SPACE + "objectives: [grounding.iou, text.token_f1]", "Did you mean 'grounding.miou'?"),
        (DATA.replace("shapes", "shape") + OBJECTIVES + SPACE, "Did you mean 'shapes'?"),
        (DATA.replace("shapes", "shapes, scene: 5") + OBJECTIVES + SPACE, "Did you mean 'scenes'?"),
    ],
)
def test_the_nearest_valid_name_is_offered_across_levels(file: Path, text: str, hint: str) -> None:
    assert any(hint in fault for fault in faults_of(file, text))


def test_all_faults_of_all_sections_come_at_once_in_the_order_of_the_file(file: Path) -> None:
    text = """search: {trials: x}
modl: {}
data:
  sources:
    - source: shapes
      scenes: 1
    - {source: coco, images: i}
objectives: [grounding.miou]
space:
  adapter:
    rank: {range: [64, 4]}
trial: {steps: 0}
"""
    assert [fault.split(": ")[:2] for fault in faults_of(file, text)] == [
        ["1:18", "search.trials"],
        ["2:1", "modl"],
        ["6:15", "data.sources.0.scenes"],
        ["7:7", "data.sources.1.annotations"],
        ["8:13", "objectives"],
        ["11:19", "space.adapter.rank.range"],
        ["12:16", "trial.steps"],
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: got an empty file; expected the keys model, data,"),
        ("# nothing\n", "1:1: got an empty file"),
        ("- data\n", "1:1: got ['data']; expected the keys"),
        ("just words\n", "1:1: got 'just words'; expected the keys"),
        ("data:\n\tsources: []\n", "2:1: a tab where YAML allows none. Use spaces."),
        ("data: [1, 2\n", "2:1: no YAML: expected ',' or ']'"),
        ("data: {}\n---\ndata: {}\n", "2:1: a second document; expected one."),
        ("data: \x01\n", "1:7: a character that YAML forbids: '\\x01'."),
        (b"data: 1\n# caf\xe9\n", "2:6: byte 0xe9 is not UTF-8. Save the file as UTF-8."),
        ("[" * 5000, "1:1: nested too deeply to be read."),
    ],
)
def test_a_file_that_is_no_mapping_in_yaml_has_one_clear_fault(file: Path, text: str | bytes, fault: str) -> None:
    faults = faults_of(file, text)

    assert len(faults) == 1
    assert faults[0].startswith(fault)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("search: {trials: 4, trials: 5}", "4:21: search.trials: the key 'trials' stands twice; it is first at 4:10."),
        ("search: !custom {trials: 4}", "4:9: search: the tag !custom has no meaning here. Remove it."),
        ("search: &a {trials: *a}", "4:9: search.trials: an alias stands inside what it names. Remove it."),
        ("? [1, 2]\n: 3", "4:3: a key that is no name. Remove it."),
        ('model: "a\\0b"', "4:8: model: a character that is no text. Remove it."),
        ('model: "\\ud800"', "4:8: model: a character that is no text. Remove it."),
        ('"\\ud800": 3', "4:1: a key that is no name. Remove it."),
        ('model: ""', "4:8: model: got an empty text; expected one that is not empty."),
        ("3: 4", "4:1: 3: unknown key '3'; expected model,"),
    ],
)
def test_odd_yaml_is_a_fault_at_its_place(file: Path, line: str, fault: str) -> None:
    faults = faults_of(file, DATA + OBJECTIVES + SPACE + line + "\n")

    assert len(faults) == 1
    assert faults[0].startswith(fault)


def test_aliases_that_blow_up_are_cut_off(file: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]

    assert any("more than 100000 values" in fault for fault in faults_of(file, "\n".join(lines)))


def test_a_harmless_alias_is_read(file: Path) -> None:
    text = DATA + OBJECTIVES + "space: {adapter: {rank: &r {choice: [4, 8]}}, optimizer: {decay: linear}}\n"

    assert loaded(file, text.replace("decay: linear", "learning_rate: {range: [1e-5, 1e-3], log: true}"))


def test_an_exponent_without_a_dot_is_a_number_and_on_is_a_key(file: Path) -> None:
    space = "space: {optimizer: {learning_rate: {range: [1e-5, 1e-3]}}, mixture: {giou: {on: true}}}\n"

    spec = loaded(file, DATA + OBJECTIVES + space)

    assert spec.space.dimensions["optimizer.learning_rate"].edges() == (1e-5, 1e-3)
    assert spec.space.fixed == {"mixture.giou.on": True}


def test_windows_line_ends_and_a_byte_order_mark_are_read(file: Path) -> None:
    text = (DATA + OBJECTIVES + SPACE).replace("\n", "\r\n")

    assert load_spec(written(file, b"\xef\xbb\xbf" + text.encode()))


def test_a_missing_file_and_a_folder_are_faults(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file or directory"):
        load_spec(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="is a folder; expected a YAML file"):
        load_spec(tmp_path)


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000])
def test_a_name_that_no_file_can_have_is_a_fault(name: str) -> None:
    with pytest.raises(SpecError):
        load_spec(Path(name))


@pytest.mark.parametrize("path", ["~nobody-of-this-name/base", "a" * 5000])
def test_a_model_path_that_no_folder_can_have_stays_a_name_or_becomes_absolute(file: Path, path: str) -> None:
    assert loaded(file, f"model: {path}\n" + DATA + OBJECTIVES + SPACE).model.path.endswith(path)


def test_a_data_path_in_the_home_of_nobody_is_read_as_it_stands(file: Path) -> None:
    data = "data: {sources: [{source: coco, annotations: ~nobody-of-this-name/a, images: i}]}\n"

    (source,) = loaded(file, data + OBJECTIVES + SPACE).data.sources

    assert source.model_dump()["annotations"] == str(file.parent / "~nobody-of-this-name" / "a")


def test_a_spec_error_is_a_search_error_and_a_value_error_with_the_whole_message(file: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(written(file, "a: 1\nb: 2\n"))

    assert isinstance(caught.value, SearchError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.file == str(file)
    assert str(caught.value) == "\n".join(caught.value.faults)


def test_settings_that_make_no_sense_together_are_faults_with_the_fix(file: Path) -> None:
    faults = faults_of(file, DATA + OBJECTIVES + "search: {pruner: median_all}\n")

    assert faults == [
        "1:1: space: nothing is searched, but search.trials is 40. "
        "Give a key a range or a choice, or set search.trials to 1.",
        "3:18: search.pruner: median_all stops trials at rungs, but there are none. "
        "Set trial.rungs, e.g. [100], or search.pruner to none.",
    ]


def test_relative_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sweeps"
    folder.mkdir()
    (folder / "base").mkdir()
    text = (
        "model: {path: base}\n"
        "data:\n  sources:\n"
        "    - {source: coco, annotations: a.json, images: ../images}\n"
        "    - {source: llamafactory, folder: /data, dataset: x}\n"
        "search: {storage: 'sqlite:///s.db'}\n"
    )

    spec = loaded(folder / "s.yaml", text + OBJECTIVES + SPACE)
    coco, factory = spec.data.sources

    assert spec.model.path == str(folder / "base")
    assert coco.model_dump()["annotations"] == str(folder / "a.json")
    assert coco.model_dump()["images"] == str(tmp_path / "images")
    assert factory.model_dump()["folder"] == "/data"
    assert spec.search.storage == f"sqlite:///{folder / 's.db'}"


def test_paths_are_absolute_even_if_the_file_is_named_relatively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(Path("s.yaml"), "model: {path: ./m}\n" + DATA + OBJECTIVES + SPACE)

    assert load_spec(Path("s.yaml")).model.path == os.path.join(os.getcwd(), "m")  # noqa: PTH109, PTH118


@pytest.mark.parametrize(
    ("written_as", "read_as"), [("kept", "{folder}/kept"), ("~/kept", "{home}/kept"), ("/k", "/k")]
)
def test_the_folder_of_what_is_kept_is_absolute_since_workers_run_elsewhere(
    file: Path, monkeypatch: pytest.MonkeyPatch, written_as: str, read_as: str
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    spec = loaded(file, f"model: {{cache: {{folder: {written_as}}}}}\n" + DATA + OBJECTIVES + SPACE)

    assert spec.model.cache.folder == read_as.format(folder=file.parent, home="/home/somebody")


@pytest.mark.parametrize("disk", ["20 apples", "-3", "1.5"])
def test_an_amount_of_disk_that_is_none_is_named(file: Path, disk: str) -> None:
    with pytest.raises(SpecError, match=r"model\.cache\.disk"):
        loaded(file, f"model: {{cache: {{disk: {disk}}}}}\n" + DATA + OBJECTIVES + SPACE)


@pytest.mark.parametrize("path", ["tiny", "Qwen/Qwen2-VL-2B-Instruct"])
def test_tiny_and_hub_names_stay_names(file: Path, path: str) -> None:
    (file.parent / "tiny").mkdir()

    assert loaded(file, f"model: {{path: {path}}}\n" + DATA + OBJECTIVES + SPACE).model.path == path


def test_an_override_sets_a_key_and_makes_the_levels_that_are_missing(file: Path) -> None:
    spec = loaded(file, DATA + OBJECTIVES + SPACE, "search.trials=4", "trial.resources.gpus=1", "trial.rungs=[5, 9]")

    assert spec.search.trials == 4
    assert spec.trial.resources.gpus == 1.0
    assert spec.trial.rungs == (5, 9)


def test_a_later_override_wins_over_an_earlier_one(file: Path) -> None:
    assert loaded(file, DATA + OBJECTIVES + SPACE, "search.trials=4", "search={trials: 7}").search.trials == 7


def test_an_override_replaces_a_whole_dimension(file: Path) -> None:
    spec = loaded(file, DATA + OBJECTIVES + SPACE, "space.adapter.rank=8", "search.trials=1")

    assert spec.space.dimensions == {}
    assert spec.space.fixed == {"adapter.rank": 8}


def test_an_override_reaches_into_lists(file: Path) -> None:
    spec = loaded(
        file,
        DATA + OBJECTIVES + SPACE,
        "objectives.1.metric=text.exact_match",
        "data.sources.0.scenes=9",
        "data.sources.1={source: shapes, seed: 1}",
    )

    assert spec.objectives[1].metric == "text.exact_match"
    assert [source.model_dump()["scenes"] for source in spec.data.sources] == [9, 500]


def test_an_override_inside_a_name_alone_keeps_the_name(file: Path) -> None:
    spec = loaded(file, DATA + OBJECTIVES + SPACE + "search: {sampler: nsgaii}\n", "search.sampler.startup_trials=3")

    assert (spec.search.sampler.name, spec.search.sampler.startup_trials) == ("nsgaii", 3)


def test_an_override_beside_a_models_or_objectives_name_alone_keeps_the_name(file: Path) -> None:
    spec = loaded(
        file,
        DATA + OBJECTIVES + SPACE + "model: some/base\n",
        "model.dtype=bfloat16",
        "objectives.0.direction=maximize",
    )

    assert (spec.model.path, spec.model.dtype) == ("some/base", "bfloat16")
    assert [objective.metric for objective in spec.objectives] == ["grounding.miou", "text.token_f1"]


def test_an_override_may_hold_an_equals_sign_and_a_condition(file: Path) -> None:
    spec = loaded(
        file,
        DATA + OBJECTIVES + SPACE,
        "search.storage=postgresql://h/n?a=b",
        "space.adapter.dropout.range=[0, 0.1]",
        "space.adapter.dropout.when.adapter.rank=8",
    )

    assert spec.search.storage == "postgresql://h/n?a=b"
    assert spec.space.dimensions["adapter.dropout"].when == {"adapter.rank": (8,)}


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("search.trials=abc", "search.trials: got 'abc'; expected a whole number."),
        ("search.trials", "expected a key, an equals sign and a value. Write it as key.path=value"),
        ("=4", "expected a key, an equals sign and a value."),
        ("search..trials=4", "expected a key, an equals sign and a value."),
        ("serch.trials=4", "serch: unknown key 'serch'; expected"),
        ("search.trails=4", "search.trails: unknown key 'trails'; expected"),
        ("search.trials=[4", "search.trials: no YAML: expected ',' or ']'"),
        ("search={trials: abc}", "search.trials: got 'abc'; expected a whole number."),
        ("objectives.5.metric=x", "objectives.5: got '5'; expected a position in a list of 2, counted from 0."),
        ("objectives.first=x", "objectives.first: got 'first'; expected a position in a list of 2"),
        ("space.adapter.rank.range=[4, 8]", "space.adapter.rank: got the keys choice, range; expected a value"),
    ],
)
def test_a_faulty_override_is_named_in_place_of_the_line(file: Path, override: str, fault: str) -> None:
    faults = faults_of(file, DATA + OBJECTIVES + SPACE, override)

    assert len(faults) == 1
    assert faults[0].startswith(f"--set {override}: {fault}") or (
        "rank" in override and faults[0].startswith(f"3:19: {fault}")
    )


def test_faults_of_overrides_come_after_those_of_the_file(file: Path) -> None:
    faults = faults_of(file, DATA + OBJECTIVES + SPACE + "trial: {steps: 0}\n", "b=1", "a=1")

    assert [fault.split(":")[0] for fault in faults] == ["4", "--set b=1", "--set a=1"]


def test_reading_a_sweep_file_imports_nothing_heavy() -> None:
    code = (
        "import sys, search.spec_file; "
        "print(sorted({'torch', 'ray', 'optuna', 'pandas', 'pyarrow', 'transformers', 'numpy'} & set(sys.modules)))"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"

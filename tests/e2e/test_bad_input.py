"""Whatever is wrong with the input: one clear message, exit code 2, no traceback, no model loaded."""

import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest
from command import TINY_SWEEP, paretune, write_sweep
from made_sweep import baseline, make_sweep

from search.cli import main
from trainable.model.tiny import tiny_folder


def refused(done):
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


@pytest.mark.parametrize("command", ["check", "sweep"])
def test_every_fault_of_a_sweep_file_is_named_at_once(tmp_path, command):
    text = (
        TINY_SWEEP.replace("rank:", "rnak:").replace("trials: 4", "trials: many").replace("[1e-4, 1e-2]", "[1, 1e-2]")
    )
    message = refused(paretune(command, write_sweep(tmp_path, text), cwd=tmp_path))
    assert "sweep.yaml:9:13" in message and "rank" in message
    assert "sweep.yaml:10:" in message and "low" in message
    assert "sweep.yaml:14:" in message and "many" in message
    assert not (tmp_path / "sweeps").exists()


def test_an_override_that_makes_no_sense_is_named(tmp_path):
    message = refused(paretune("sweep", write_sweep(tmp_path), "--set", "search.trails=4", cwd=tmp_path))
    assert "--set search.trails=4" in message
    assert "Did you mean 'trials'?" in message


def test_a_missing_file_is_named(tmp_path):
    assert "nowhere.yaml" in refused(paretune("check", "nowhere.yaml", cwd=tmp_path))


@pytest.mark.parametrize("command", ["resume", "status", "report"])
def test_a_folder_without_a_sweep_is_named(tmp_path, command):
    assert f"{tmp_path} is no sweep" in refused(paretune(command, tmp_path, cwd=tmp_path))


@pytest.mark.parametrize("command", ["resume", "status", "report"])
def test_a_damaged_part_of_the_record_is_named(tmp_path, command):
    make_sweep(tmp_path, [baseline(0.5, 0.6)])
    part = next((tmp_path / "trials").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    assert str(part) in refused(paretune(command, tmp_path, cwd=tmp_path))


def test_missing_data_are_named_before_anything_starts(tmp_path):
    text = TINY_SWEEP.replace(
        "- {source: shapes, domain: shifted, scenes: 12}", "- {source: coco, annotations: a.json, images: photos}"
    )
    message = refused(paretune("sweep", write_sweep(tmp_path, text), "--out", "out", cwd=tmp_path))
    assert str(tmp_path / "a.json") in message
    assert not (tmp_path / "out").exists()


def test_an_objective_that_the_data_cannot_support_is_named(tmp_path):
    (tmp_path / "dataset_info.json").write_text('{"chat": {"file_name": "chat.json"}}')
    (tmp_path / "chat.json").write_text(
        "[" + ",".join(f'{{"instruction": "Say {i}", "input": "", "output": "{i}"}}' for i in range(10)) + "]"
    )
    text = TINY_SWEEP.replace(
        "- {source: shapes, domain: shifted, scenes: 12}", "- {source: llamafactory, folder: ., dataset: chat}"
    )
    message = refused(paretune("check", write_sweep(tmp_path, text), cwd=tmp_path))
    assert "grounding.miou does not apply" in message


def test_a_model_folder_that_does_not_exist_is_named(tmp_path):
    text = TINY_SWEEP.replace("model: tiny", "model: ./models/mine")
    assert str(tmp_path / "models" / "mine") in refused(paretune("check", write_sweep(tmp_path, text), cwd=tmp_path))


@pytest.mark.parametrize("command", ["check", "sweep"])
def test_a_base_that_was_cut_short_is_named_before_anything_starts(tmp_path, command):
    weights = shutil.copytree(tiny_folder(), tmp_path / "base") / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100_000])
    path = write_sweep(tmp_path, TINY_SWEEP.replace("model: tiny", "model: ./base"))
    assert refused(paretune(command, path, "--out", "out", cwd=tmp_path)) == (
        f"paretune: model.path: the base in {tmp_path}/base is not whole: model.safetensors has 100000 bytes; expected "
        f"{len(whole)}; copy or download it anew\n"
    )
    assert not (tmp_path / "out").exists()


def test_check_says_what_the_data_hold(tmp_path):
    done = paretune("check", write_sweep(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "refused: 0 rows" in done.stdout
    assert "train: " in done.stdout and "grounding" in done.stdout
    assert "adapter.rank, optimizer.learning_rate, mixture.box_ce.weight" in done.stdout


def test_help_loads_nothing_heavy():
    script = (
        "import sys\n"
        "from search.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as done:\n    assert done.code == 0\n"
        "heavy = {'torch', 'transformers', 'ray', 'optuna', 'pandas', 'pyarrow', 'pydantic', 'numpy'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in ("check", "sweep", "resume", "status", "report", "130 interrupted"):
        assert word in done.stdout


def test_an_option_that_a_command_has_not_is_refused_with_its_own_usage(tmp_path):
    done = paretune("sweep", "my.yaml", "--trials", "4", cwd=tmp_path)
    usage, *_, message = refused(done).splitlines()
    assert usage.startswith("usage: paretune sweep [-h] [--out DIR] [--set KEY=VALUE]")
    assert message == (
        "paretune sweep: error: unrecognized arguments: --trials 4; did you mean --set KEY=VALUE (override a key of "
        "the file, e.g. search.trials=4; may be repeated)?"
    )


@pytest.mark.parametrize("words", [("status", "x"), ("trial", "pin", "x", "3"), ("trial", "clone", "x", "3")])
def test_keys_are_spoken_of_only_where_they_can_be_set(words, capsys):
    with pytest.raises(SystemExit) as done:
        main([*words, "--wrong"])
    said = capsys.readouterr().err
    assert done.value.code == 2
    assert f"paretune {' '.join(word for word in words if word not in 'x3')}: error: unrecognized" in said
    assert ("; did you mean --set KEY=VALUE (another value of a searched key" in said) == ("clone" in words)


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert (done.value.code, capsys.readouterr().out) == (0, f"paretune {version('paretune')}\n")


def test_checking_loads_neither_ray_nor_optuna_and_no_weights(tmp_path):
    script = (
        "import sys\n"
        "from search.cli import main\n"
        f"assert main(['check', {str(write_sweep(tmp_path))!r}]) == 0\n"
        "heavy = {'ray', 'optuna', 'peft', 'transformers.models.qwen2_vl.modeling_qwen2_vl'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

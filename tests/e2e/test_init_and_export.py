"""The way of a user of LLaMA-Factory: their training file, a sweep, its winner exported, and trained again."""

import json

import pytest
from command import paretune
from nightly import NIGHTLY
from scene_files import training_file, write_scenes

from results import read_sweep
from search.check import check_data
from search.spec_file import load_spec

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder in which a sweep was made from a training file as it is, and its winner exported."""
    folder = tmp_path_factory.mktemp("user")
    training_file(folder, write_scenes(folder / "data", scenes=8), changes={"num_train_epochs": 1})
    done = paretune("init", "train_lora.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "next: paretune check sweep.yaml" in done.stdout
    few = ("--set", "search.trials=2", "--set", "search.enqueue=[ntl]")
    swept = paretune("sweep", "sweep.yaml", "--out", "swept", *few, cwd=folder)
    assert swept.returncode == 0, swept.stderr
    kept = sorted((folder / "swept" / "checkpoints").glob("trial-*.pt"))
    number = kept[-1].stem.removeprefix("trial-").lstrip("0") or "0"
    words = ("--trial", number, "--out", "winner", "--json", "--longer", "1.5")
    exported = paretune("export", "swept", *words, cwd=folder)
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["trial"] == int(number)
    return folder


def test_a_training_file_becomes_a_sweep_whose_winner_is_exported(folder):
    check_data(load_spec(folder / "sweep.yaml"))
    assert list(read_sweep(folder / "swept").trials["state"]) == ["COMPLETE", "COMPLETE"]
    assert (folder / "winner" / "adapter_model.safetensors").exists()
    assert f"dataset_dir: {folder / 'data'}" in (folder / "winner" / "llamafactory-train.yaml").read_text()
    check_data(load_spec(folder / "winner" / "train.yaml"))


@NIGHTLY
def test_the_winner_is_trained_again_longer(folder):
    again = paretune("sweep", "winner/train.yaml", "--out", "again", cwd=folder)
    assert again.returncode == 0, again.stderr
    trials, earlier = read_sweep(folder / "again").trials, read_sweep(folder / "swept").trials
    assert set(trials["state"]) == {"COMPLETE"}
    assert set(trials["steps"]) == {round(1.5 * earlier["steps"].max())}

"""Exported trials: the adapter gives the recorded scores on the untouched base, and the files are what others read."""

import json
import shutil
import urllib.request

import pytest
import torch
from huggingface_hub import ModelCard
from made_sweep import START
from moto.server import ThreadedMotoServer
from peft import PeftModel
from trained_sweep import LINEAGE, train_sweep, trained_spec
from transformers import AutoModelForImageTextToText

from results import ConfirmationRow, RecordWriter, read_sweep, recommended_trial, write_report
from search.cli import main
from search.kept_checkpoints import checkpoint_place
from search.recorded_point import recorded_values
from search.spec_file import load_spec
from search.sweep_spec import spec_of
from spaces import METRICS, settings_of
from trainable.evaluation.evaluate import evaluate
from trainable.host import Host
from trainable.model.fingerprint import fingerprint
from trainable.model.load import base_folder

ADAPTERS = {
    "attention": {"rank": 4, "targets": "attention"},
    "mlp": {"rank": 3, "targets": "mlp", "alpha_ratio": 1.5},
    "dropout": {"rank": 8, "dropout": 0.2, "alpha_ratio": 0.5},
    "rslora": {"rank": 16, "rank_stabilised": True},
    "last layers": {"rank": 4, "last_layers": 2, "targets": "all"},
    "orthogonal": {"rank": 4, "init": "orthogonal"},
    "gaussian": {"rank": 2, "init": "gaussian"},
}

OF_ANSWERS = ("grounding.miou", "grounding.acc50", "text.token_f1", "text.exact_match")


@pytest.fixture(scope="module")
def host():
    torch.set_num_threads(1)
    spec = trained_spec()
    return Host(spec.model, spec.data)


@pytest.fixture(scope="module")
def sweep(host, tmp_path_factory):
    """Give the folder of a sweep of three trials; the plain baseline, and two with a mixture and a curriculum."""
    folder = tmp_path_factory.mktemp("sweeps") / "sweep"
    space = {
        "adapter": {"rank": {"choice": [2, 4]}},
        "optimizer": {"learning_rate": {"range": [1e-3, 1e-2], "log": True}},
        "mixture": {
            "box_ce": {"weight": {"range": [0.5, 3]}, "shape": "linear", "octaves": 1.0},
            "ntl_was": {"on": True, "weight": 0.3},
        },
        "curriculum": {"mix": "task", "grounding_share": {"range": [0.3, 0.7]}},
    }
    train_sweep(trained_spec(space=space, trials=3), folder, host=host)
    return folder


def exported(folder, out, capsys, *words):
    assert main(["export", str(folder), "--out", str(out), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def final_scores(model, spec, host):
    return evaluate(
        model,
        host.base,
        host.search_rows(spec.trial.final_rows),
        constant_box_1000=host.constant_box_1000,
        batch=spec.trial.eval_batch,
        max_new_tokens=spec.trial.max_new_tokens,
        in_detail=True,
    ).scores


def scores_on_untouched_base(spec, out, host):
    """Score the adapter as a stranger would load it, on a base that was loaded anew, on the sweep's final rows."""
    bare = AutoModelForImageTextToText.from_pretrained(base_folder(spec.model), dtype=getattr(torch, spec.model.dtype))
    before = fingerprint(bare)
    model = PeftModel.from_pretrained(bare, out)
    assert fingerprint(host.base.model) == before
    model.generation_config = host.base.model.generation_config
    return final_scores(model, spec, host)


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_adapter_gives_the_recorded_scores_on_the_untouched_base(name, host, tmp_path, capsys):
    spec = trained_spec(
        space={"adapter": ADAPTERS[name], "optimizer": {"learning_rate": 1e-2}}, trial={"steps": 2, "rungs": ()}
    )
    train_sweep(spec, tmp_path / "sweep", host=host)
    result = exported(tmp_path / "sweep", tmp_path / "out", capsys, "--trial", "0")
    found = scores_on_untouched_base(spec, tmp_path / "out", host)
    assert found == result["scores"]
    assert set(found) & set(METRICS) and any(score.startswith("slice.") for score in found)
    assert found != final_scores(host.base.model, spec, host), "the adapter must matter, or this test says nothing"


def test_the_scores_of_bfloat16_are_given_again_too(tmp_path, capsys):
    spec = trained_spec(model={"path": "tiny", "dtype": "bfloat16"}, trial={"steps": 2, "rungs": ()})
    host = train_sweep(spec, tmp_path / "sweep")
    result = exported(tmp_path / "sweep", tmp_path / "out", capsys)
    assert scores_on_untouched_base(spec, tmp_path / "out", host) == result["scores"]


def test_a_packed_trial_is_exported_like_any_other(host, tmp_path, capsys):
    spec = trained_spec(space={"adapter": {"rank": 4, "targets": "mlp"}}, trial={"steps": 2, "rungs": ()})
    train_sweep(spec, tmp_path / "sweep", host=host, packed=True)
    result = exported(tmp_path / "sweep", tmp_path / "out", capsys)
    found = scores_on_untouched_base(spec, tmp_path / "out", host)
    assert found == pytest.approx(result["scores"], rel=1e-5)  # a pack sums products in another order
    assert {name: found[name] for name in OF_ANSWERS} == {name: result["scores"][name] for name in OF_ANSWERS}


def test_a_trial_that_was_stopped_and_pinned_is_exported_with_the_scores_of_its_rung(host, tmp_path, capsys):
    folder = tmp_path / "sweep"
    spec = trained_spec(space={"adapter": {"rank": {"choice": [2, 4]}}}, trials=2)
    train_sweep(spec, folder, host=host, asked={1: ("pin", "stop")})
    result = exported(folder, tmp_path / "out", capsys, "--trial", "1")
    assert (result["state"], result["steps"]) == ("PRUNED", 2)
    assert "did not reach its last step" in (tmp_path / "out" / "README.md").read_text()
    reports = read_sweep(folder).reports
    at_rung = reports.loc[(reports["trial"] == 0) & (reports["step"] == 2), "metric.text.token_f1"].item()
    assert result["baseline"]["text.token_f1"] == at_rung
    checkpoint_place(spec, folder).open().remove(1)
    assert main(["export", str(folder), "--out", str(tmp_path / "again"), "--trial", "1"]) == 2
    assert f"paretune trial extend {folder} 1" in capsys.readouterr().err


def test_an_adapter_is_fetched_from_a_store(host, tmp_path, capsys, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/bucket", method="PUT")).read()
        store = f"s3://bucket/sweeps?scheme=http&endpoint_override=127.0.0.1:{port}"
        spec = trained_spec(space={"adapter": {"rank": 4}}, trial={"steps": 1, "rungs": ()}, checkpoints=store)
        train_sweep(spec, tmp_path / "sweep", host=host)
        assert not (tmp_path / "sweep" / "checkpoints").exists()
        result = exported(tmp_path / "sweep", tmp_path / "out", capsys)
        assert scores_on_untouched_base(spec, tmp_path / "out", host) == result["scores"]
        checkpoint_place(spec, tmp_path / "sweep").open().remove(0)
        assert main(["export", str(tmp_path / "sweep"), "--out", str(tmp_path / "again")]) == 2
        said = capsys.readouterr().err
        assert "s3://bucket/sweeps/sweep holds none" in said and str(port) not in said
    finally:
        server.stop()
    assert main(["export", str(tmp_path / "sweep"), "--out", str(tmp_path / "again")]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_the_adapter_names_its_base_scale_and_targets(sweep, tmp_path, capsys):
    number = kept(sweep)[-1]
    exported(sweep, tmp_path / "out", capsys, "--trial", str(number))
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    adapter = settings_of(point(sweep, number)).adapter
    assert (config["base_model_name_or_path"], config["peft_type"]) == (base_folder(spec_of(sweep).model), "LORA")
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (adapter.rank, adapter.rank * 2, False)
    exported(sweep, tmp_path / "named", capsys, "--trial", str(number), "--base", "Qwen/Qwen2-VL-2B-Instruct")
    config = json.loads((tmp_path / "named" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "Qwen/Qwen2-VL-2B-Instruct"


def kept(folder):
    return sorted(checkpoint_place(spec_of(folder), folder).open().numbers())


def point(folder, number):
    from search.export.chosen import chosen_trial

    return chosen_trial(read_sweep(folder), spec_of(folder), str(number)).point


def test_what_is_exported_is_what_the_record_says(sweep, tmp_path, capsys):
    number = kept(sweep)[0]
    result = exported(sweep, tmp_path / "out", capsys, "--trial", str(number))
    reports = read_sweep(sweep).reports
    last = reports.loc[reports["trial"] == number].iloc[-1]
    assert result["trial"] == number
    assert result["steps"] == 4
    assert result["scores"]["grounding.miou"] == last["metric.grounding.miou"]
    assert result["scores"].keys() == {key.removeprefix("metric.") for key in last.dropna().index if "metric." in key}
    assert sorted(result["files"]) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert set(result["baseline"]) == set(result["scores"])


def test_the_card_can_be_read_by_the_hub_and_holds_what_a_reader_asks(sweep, tmp_path, capsys):
    number = kept(sweep)[-1]
    words = ("--trial", str(number), "--license", "other", "--license-name", "ours", "--license-link", "https://a.b")
    result = exported(sweep, tmp_path / "out", capsys, *words, "--base", "Qwen/Qwen2-VL-2B-Instruct")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.base_model == "Qwen/Qwen2-VL-2B-Instruct"
    assert (card.data.library_name, card.data.pipeline_tag) == ("peft", "image-text-to-text")
    assert (card.data.license, card.data.license_name, card.data.license_link) == ("other", "ours", "https://a.b")
    measured = {entry.metric_type: entry.metric_value for entry in card.data.eval_results}
    assert measured["grounding.miou"] == result["scores"]["grounding.miou"]
    assert not [name for name in measured if "constant_box" in name]
    assert f"{result['scores']['grounding.constant_box_miou']:.3f}" in card.text
    assert f"{result['baseline']['text.token_f1']:.3f}" in card.text
    for expected in (LINEAGE["data_hash"], LINEAGE["git_sha"], "| paretune | 0.1.0 |", "Not confirmed", "ntl_was"):
        assert expected in card.text
    assert "unknown" in card.text


def test_a_card_without_a_licence_says_so_and_names_no_folder(sweep, tmp_path, capsys):
    exported(sweep, tmp_path / "out", capsys, "--trial", str(kept(sweep)[0]))
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert (card.data.license, card.data.base_model) == ("unknown", None)
    assert "Nobody said under which licence" in card.text
    assert str(tmp_path) not in card.content
    assert base_folder(spec_of(sweep).model) not in card.content


def test_scores_of_other_rows_stand_in_the_card_once_there_are_any(sweep, tmp_path, capsys):
    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    number = kept(folder)[0]
    writer = RecordWriter(folder, read_sweep(folder).columns, read_sweep(folder).metadata)
    for run, split, state, miou in (
        (0, "confirm", "COMPLETE", 0.5),
        (1, "confirm", "COMPLETE", 0.7),
        (2, "confirm", "FAIL", None),
        (0, "test", "COMPLETE", 0.4),
    ):
        writer.append_confirmation(confirmation(run, number, split, state, miou))
    exported(folder, tmp_path / "out", capsys, "--trial", str(number))
    text = (tmp_path / "out" / "README.md").read_text()
    assert "confirm split, 2 runs" in text
    assert "test split, 1 run " in text
    assert "| `grounding.miou` | 0.600 ± 0.141 | 0.400 |" in text
    assert "Not confirmed" not in text


def confirmation(run, trial, split, state, miou):
    return ConfirmationRow(
        run=run,
        trial=trial,
        seed=run,
        split=split,
        state=state,
        reason="made",
        steps=4,
        seconds=1.0,
        started=START,
        ended=START,
        metrics={} if miou is None else {"grounding.miou": miou},
    )


def test_a_trial_that_lost_its_checkpoint_is_refused_with_a_way_to_get_it(sweep, tmp_path, capsys):
    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    spec = spec_of(folder)
    lost = kept(folder)[0]
    checkpoint_place(spec, folder).open().remove(lost)
    assert main(["export", str(folder), "--out", str(tmp_path / "out"), "--trial", str(lost)]) == 2
    said = capsys.readouterr().err
    assert f"trial {lost} has no checkpoint any more" in said
    assert f"paretune trial clone {folder} {lost} --seed 0" in said and "paretune trial pin" in said
    assert "train.yaml" in said and "Traceback" not in said
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))
    result = exported(folder, tmp_path / "out", capsys, "--trial", str(lost), "--without-adapter")
    assert sorted(result["files"]) == ["README.md", "llamafactory-merge.yaml", "llamafactory-train.yaml", "train.yaml"]


def test_a_damaged_checkpoint_and_one_of_an_earlier_step_are_refused(sweep, tmp_path, capsys):
    from trainable.checkpoints import packed, unpacked

    folder = tmp_path / "sweep"
    shutil.copytree(sweep, folder)
    checkpoints, number = checkpoint_place(spec_of(folder), folder).open(), kept(folder)[0]
    whole = checkpoints.read(number)
    saved = unpacked(whole)
    saved["report"]["step"] = 2
    for data, said in (
        (whole[: len(whole) // 2], "is damaged"),
        (packed(saved), "is of step 2, but the trial was scored at step 4"),
    ):
        checkpoints.write(number, data)
        assert main(["export", str(folder), "--out", str(tmp_path / "out"), "--trial", str(number)]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trial", "99"), "there is no trial 99: trials 0 to 2 have ended"),
        (("--trial", "best"), "expected a trial's number, knee or baseline"),
        (("--license", "Apache 2"), "expected an id of the hub's list"),
        (("--license-name", "ours"), "are for --license other"),
    ],
)
def test_bad_words_are_refused(words, said, sweep, tmp_path, capsys):
    assert main(["export", str(sweep), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_number_it_is_what_the_report_recommends(sweep, tmp_path, capsys):
    number = recommended_trial(sweep)
    done = exported(sweep, tmp_path / "out", capsys, "--without-adapter")
    assert done["trial"] == number
    assert done["place"].startswith("The report recommends it. ")
    assert f"--trial {number} --out exported" in write_report(sweep, out=tmp_path / "page.html").markdown.read_text()


def test_a_folder_that_holds_files_is_not_written_to(sweep, tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert main(["export", str(sweep), "--out", str(tmp_path)]) == 2
    assert "holds files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert main(["export", str(sweep), "--out", str(tmp_path / "mine")]) == 2
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "new")]) == 2
    assert "is no sweep" in capsys.readouterr().err


def test_train_yaml_trains_the_same_point_longer_after_plain_cross_entropy(sweep, tmp_path, capsys):
    number = kept(sweep)[-1] or 1
    exported(sweep, tmp_path / "out", capsys, "--trial", str(number), "--longer", "3", "--without-adapter")
    spec = load_spec(tmp_path / "out" / "train.yaml")
    assert (spec.trial.steps, spec.trial.rungs, spec.search.trials) == (12, (6,), 2)
    assert spec.data == spec_of(sweep).data
    train_sweep(spec, tmp_path / "again")
    tables = read_sweep(tmp_path / "again")
    assert list(tables.trials["role"]) == ["baseline", "search"]
    assert list(tables.trials["steps"]) == [12, 12]
    earlier = read_sweep(sweep).trials.to_dict("records")
    assert recorded_values(tables.trials.to_dict("records")[1]) == recorded_values(earlier[number])


def test_train_yaml_of_plain_cross_entropy_has_one_trial(sweep, tmp_path, capsys):
    exported(sweep, tmp_path / "out", capsys, "--trial", "baseline", "--without-adapter")
    spec = load_spec(tmp_path / "out" / "train.yaml")
    assert (spec.search.trials, spec.trial.steps) == (1, 16)
    assert spec.space.baseline() == point(sweep, 0)

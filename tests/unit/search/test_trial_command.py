"""``paretune trial`` and what it refuses, on folders that a hub wrote."""

import pytest
from made_search import made_report, made_spec, run_to_end, start_hub

from search.cli import main
from search.folder_lock import locked
from search.requests import RequestFiles
from search.storage_fault import StorageGuard
from trainable.checkpoints.base import file_name


@pytest.fixture
def sweep(tmp_path):
    """Give a folder with complete trials 0 and 1, a stopped trial 2 and a running trial 3; 1 has a checkpoint."""
    hub = start_hub(made_spec(), tmp_path)
    for quality in (0.6, 0.8):
        run_to_end(hub, hub.ask(), quality=quality)
    hub.report(hub.ask().number, made_report(2, miou=0.01, f1=0.01))
    hub.report(hub.ask().number, made_report(2, miou=0.9, f1=0.9))
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    (tmp_path / "checkpoints" / file_name(1)).write_bytes(b"")
    return tmp_path


def ask(capsys, *words):
    code = main(["trial", *map(str, words)])
    done = capsys.readouterr()
    return code, (done.out + done.err).strip()


@pytest.mark.parametrize(
    ("kind", "number", "effect"),
    [
        ("stop", 3, "stops at its next report"),
        ("extend", 3, "runs to its last step, whatever the pruner says"),
        ("extend", 2, "is run again to its last step, whatever the pruner says, as a new trial"),
        ("pin", 1, "keeps its checkpoint"),
        ("pin", 3, "keeps its checkpoint"),
        ("clone", 0, "is run again as a new trial"),
        ("clone", 3, "is run again as a new trial"),
    ],
)
def test_a_request_is_left_for_the_driver_and_its_effect_said(sweep, capsys, kind, number, effect):
    with locked(sweep, StorageGuard(sweep)):
        assert ask(capsys, kind, sweep, number) == (0, f"trial {number} {effect}")
    (request,) = RequestFiles(sweep).pending()
    assert (request.kind, request.trial) == (kind, number)


def test_without_a_driver_it_says_how_the_request_is_carried_out(sweep, capsys):
    code, text = ask(capsys, "clone", sweep, 0, "--seed", 7, "--set", "optimizer.learning_rate=0.002")
    assert (code, text.split("; ")[1]) == (0, f"no driver works there now, it is done by: paretune resume {sweep}")
    (request,) = RequestFiles(sweep).pending()
    assert (request.seed, request.changes) == (7, {"optimizer.learning_rate": 0.002})


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("stop", "{}", 0), "trial 0 has ended already: COMPLETE, final step reached"),
        (("stop", "{}", 2), "trial 2 has ended already: PRUNED, below the median of 2"),
        (("extend", "{}", 0), "trial 0 has ended already: COMPLETE, final step reached"),
        (
            ("pin", "{}", 0),
            "trial 0 has ended (COMPLETE), and its checkpoint, which would be kept in {}/checkpoints, is gone. To "
            "get this one, run it again as a new trial: paretune trial clone {} 0 --seed 0; then paretune resume {}",
        ),
        (("pin", "{}", 2), "run it again as a new trial: paretune trial extend {} 2; then paretune resume {}"),
        (("pin", "{}", 4), "{} has trials 0 to 3; got 4"),
        (("pin", "{}", -1), "{} has trials 0 to 3; got -1"),
        (("pin", "{}/none", 0), "{}/none is no sweep: it has no sweep.json"),
        (
            ("clone", "{}", 0, "--set", "optimizer.learning_rat=1"),
            "the sweep does not search 'optimizer.learning_rat'; did you mean 'optimizer.learning_rate'?",
        ),
        (("clone", "{}", 0, "--set", "curriculum.mix=task"), "the sweep does not search 'curriculum.mix'; it searches"),
        (("clone", "{}", 0, "--set", "optimizer.learning_rate=7"), "can't be 7; expected 0.0001 to 0.01"),
        (("clone", "{}", 0, "--set", "optimizer.learning_rate"), "expected key=value"),
        (("clone", "{}", 0, "--set", "optimizer.learning_rate=[1"), "expected key=value"),
        (("clone", "{}", 0, "--seed", -5), "--seed -5: expected a number from 0 to 4294967295"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(sweep, capsys, words, complaint):
    code, text = ask(capsys, *(word.format(sweep) if isinstance(word, str) else word for word in words))
    assert code == 2
    assert complaint.replace("{}", str(sweep)) in text
    assert "\n" not in text
    assert RequestFiles(sweep).pending() == []


def test_a_sweep_whose_first_trial_was_not_started_has_none_to_ask_of(tmp_path, capsys):
    start_hub(made_spec(), tmp_path)
    assert ask(capsys, "stop", tmp_path, 0) == (2, f"paretune: {tmp_path} has no trial yet; got 0")

"""The study in PostgreSQL, a server of Debian's package; nightly, since starting it takes long."""

import pytest
from command import environment, paretune, write_sweep
from made_search import made_report, made_spec, start_hub
from nightly import NIGHTLY
from postgres import PASSWORD, postgres

from results import read_sweep
from search.errors import FolderError, SearchError, StudyError
from search.places import check_unused
from search.recovery import open_hub
from search.study import open_studies

pytestmark = NIGHTLY


@pytest.fixture(scope="module")
def url():
    with postgres() as url:
        yield url


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


def quality(config):
    return (config.optimizer.learning_rate * 1e5) % 1


def drive(spec, folder, *, reports=1000, rebuild=False):
    """Run trials one after another, and die after some reports."""
    hub = start_hub(spec, folder) if not rebuild else open_hub(spec, folder, **rebuild)
    while (config := hub.ask()) is not None:
        for step in (2, 4, 6):
            if step <= config.from_step:
                continue
            if not reports:
                return
            reports -= 1
            score = quality(config) * step / 6
            if hub.report(config.number, made_report(step, miou=score, f1=score)).verdict != "CONTINUE":
                break


def study(url, folder):
    return open_studies(folder, storage=url, directions=["maximize", "maximize"]).main


def held(url, folder):
    return [(trial.number, trial.state.name, trial.values, trial.params) for trial in study(url, folder).get_trials()]


def test_a_sweep_whose_driver_dies_goes_on_as_one_in_sqlite_would(tmp_path, url):
    plain, folder = tmp_path / "plain", tmp_path / "in-postgres"
    for each in (plain, folder):
        each.mkdir()
    drive(made_spec(), plain)
    spec = made_spec(storage=url)
    check_unused(spec, folder)
    for reports in (4, 3, 1000):
        drive(spec, folder, reports=reports)
    assert not list(folder.glob("study.db*"))
    sqlite = open_studies(plain, storage=None, directions=["maximize", "maximize"]).main
    assert held(url, folder) == [
        (trial.number, trial.state.name, trial.values, trial.params) for trial in sqlite.get_trials()
    ]
    recorded = read_sweep(folder).trials.sort_values("trial")
    assert list(recorded["state"]) == [state for _, state, _, _ in held(url, folder)]
    with pytest.raises(FolderError, match="holds a study paretune/in-postgres already; give the sweep a folder"):
        check_unused(spec, folder)


def test_a_study_that_was_deleted_there_is_rebuilt(tmp_path, url):
    import optuna

    folder = tmp_path / "deleted"
    folder.mkdir()
    spec = made_spec(storage=url)
    drive(spec, folder, reports=7)
    before = held(url, folder)
    for name in ("paretune/deleted", "paretune/deleted/scalar"):
        optuna.delete_study(study_name=name, storage=url)
    with pytest.raises(StudyError, match=r"holds no study of this sweep; .*--rebuild-study"):
        start_hub(spec, folder)
    from made_search import Events

    drive(spec, folder, rebuild={"listener": Events(), "is_over": lambda: False, "rebuild_study": True})
    finished = [trial for trial in before if trial[1] != "RUNNING"]
    assert held(url, folder)[: len(finished)] == finished
    assert len(held(url, folder)) == spec.search.trials


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("sweeper@", "nobody@"), "password authentication failed"),
        (("127.0.0.1", "127.0.0.9"), "connection (failed|refused|to server)"),
        (("/postgres", "/absent"), 'database "absent" does not exist'),
    ],
)
def test_a_server_that_does_not_let_us_in_is_one_message_without_a_password(tmp_path, url, change, words):
    wrong = url.replace(*change)
    with pytest.raises(SearchError, match=rf"can't open the study in .*{words}") as caught:
        check_unused(made_spec(storage=wrong), tmp_path)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.ray
def test_the_command_keeps_its_study_in_postgresql(tmp_path, url):
    write_sweep(tmp_path)
    words = ("--set", f"search.storage={url}", "--set", "search.trials=2", "--set", "search.concurrency=1")
    done = paretune("sweep", "sweep.yaml", "--out", "out", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [state for _, state, _, _ in held(url, tmp_path / "out")] == ["COMPLETE", "COMPLETE"]
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
    wrong = url.replace("sweeper@", "nobody@")
    done = paretune("sweep", "sweep.yaml", "--out", "other", "--set", f"search.storage={wrong}", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1), done.stderr
    assert PASSWORD not in done.stderr + done.stdout
    assert environment()["PGPASSWORD"] == PASSWORD

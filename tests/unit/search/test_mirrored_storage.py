"""The mirror, its database and Optuna's own storage: three ways to hold the same study."""

import contextlib
import math

import optuna
import pytest
import sqlalchemy
from made_search import made_report, made_spec, start_hub
from optuna.samplers import NSGAIISampler, QMCSampler, RandomSampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial

import search.study
from results import read_sweep
from search.mirrored_storage import MirroredStorage
from search.thinning import ThinnedTPESampler

DIMENSIONS = 20
NAME = "study"


class Broken(Exception):
    pass


def url(folder):
    return f"sqlite:///{folder / 'study.db'}"


def mirrored(folder):
    return MirroredStorage(RDBStorage(url(folder)), names=(NAME,))


def study_in(folder, storage, sampler=None, directions=("maximize", "minimize")):
    folder.mkdir(exist_ok=True)
    made = mirrored(folder) if storage == "mirrored" else RDBStorage(url(folder))
    sampler = sampler or RandomSampler(seed=0)
    return optuna.create_study(
        study_name=NAME, storage=made, sampler=sampler, directions=list(directions), load_if_exists=True
    )


def in_database(folder):
    return optuna.load_study(study_name=NAME, storage=RDBStorage(url(folder)))


def content(study, *, with_times=False):
    """Give all that a study holds, in plain values; times differ between two studies."""
    return (
        study.user_attrs,
        study._storage.get_study_system_attrs(study._study_id),
        study.directions,
        [
            (
                trial.number,
                trial.state,
                trial.values,
                list(trial.params.items()),
                trial.distributions,
                trial.user_attrs,
                trial.system_attrs,
                sorted((step, repr(value)) for step, value in trial.intermediate_values.items()),
                (trial.datetime_start, trial.datetime_complete, trial._trial_id) if with_times else (),
            )
            for trial in study.get_trials()
        ],
    )


def draw(trial):
    return [trial.suggest_float(f"x{at}", 0, 1) for at in range(DIMENSIONS)]


def use(study):
    """Do to a study all that a driver does."""
    study.set_user_attr("imported", 1)
    study.set_user_attr("orders", {"stop": [1]})
    study.set_user_attr("orders", {"stop": [1, 2]})
    study.add_trial(
        create_trial(
            state=TrialState.COMPLETE,
            values=[0.5, math.inf],
            params={"rate": 0.25},
            distributions={"rate": optuna.distributions.FloatDistribution(0.1, 1, log=True)},
            user_attrs={"imported": {"trial": 3}},
            intermediate_values={1: 0.5, 2: math.nan},
            constraints={"drop": 0.5},
        )
    )
    study.enqueue_trial({"rate": 0.5, "kind": "b"}, user_attrs={"clone": {"of": 0}})
    for at in range(6):
        trial = study.ask()
        trial.set_user_attr("attempt", 0)
        trial.suggest_float("rate", 0.1, 1, log=True)
        if trial.suggest_categorical("kind", ["a", "b", None, 3]) == "b":
            trial.suggest_int("rank", 1, 64, log=True)
        trial.set_user_attr("report:0:2", {"values": (0.5, 0.25), "seconds": 2.0})
        trial.set_user_attr("attempt", 1)
        for step, value in ((1, 0.25), (2, math.inf), (3, -math.inf), (4, math.nan), (1, 0.75)):
            study._storage.set_trial_intermediate_value(trial._trial_id, step, value)
        if at == 2:
            trial.set_constraint("drop", -0.5)
        states = (TrialState.COMPLETE, TrialState.FAIL, None)
        if (state := states[at % 3]) is not None:
            study.tell(trial, (0.1 * at, -math.inf) if state == TrialState.COMPLETE else None, state=state)


def test_it_writes_what_optunas_own_storage_writes(tmp_path):
    for kind in ("own", "mirrored"):
        use(study_in(tmp_path / kind, kind))
    assert content(in_database(tmp_path / "mirrored")) == content(in_database(tmp_path / "own"))


def test_the_mirror_gives_what_the_database_holds_before_and_after_it_is_opened_anew(tmp_path):
    study = study_in(tmp_path, "mirrored")
    use(study)
    expected = content(in_database(tmp_path), with_times=True)
    assert content(study, with_times=True) == expected
    assert content(study_in(tmp_path, "mirrored"), with_times=True) == expected


@pytest.mark.parametrize(
    "make_sampler",
    [
        lambda seed: ThinnedTPESampler(n_startup_trials=4, multivariate=True, group=True, seed=seed),
        lambda seed: NSGAIISampler(population_size=4, seed=seed),
        lambda seed: QMCSampler(seed=seed, scramble=True),
    ],
    ids=["tpe", "nsgaii", "qmc"],
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_samplers_propose_the_same_from_it_also_after_it_is_opened_anew(tmp_path, make_sampler):
    def run(kind):
        study = study_in(tmp_path / kind, kind)
        for at in range(16):
            study = study_in(tmp_path / kind, kind) if at == 9 else study
            study.sampler = make_sampler(at)
            trial = study.ask()
            with study._storage.together() if kind == "mirrored" else contextlib.nullcontext():
                rate = trial.suggest_float("rate", 0, 1)
                rank = trial.suggest_int("rank", 1, 9) if rate > 0.3 else 1
            if at % 5 == 3:
                study.tell(trial, state=TrialState.PRUNED)
            elif at != 7:  # one stays
                study.tell(trial, (rate, rank))
        return content(study)

    assert run("mirrored") == run("own")


def test_a_best_trial_is_found_in_a_study_that_is_opened_anew(tmp_path):
    for at in range(3):
        study = study_in(tmp_path, "mirrored", directions=("maximize",))
        study.tell(study.ask(), at % 2)
    assert study.best_trial.number == in_database(tmp_path).best_trial.number == 1


@contextlib.contextmanager
def counted_commits(storage):
    counts = [0]

    def count(connection):
        counts[0] += 1

    sqlalchemy.event.listen(storage._rdb.engine, "commit", count)
    yield counts
    sqlalchemy.event.remove(storage._rdb.engine, "commit", count)


def test_all_parameters_of_a_trial_are_one_transaction(tmp_path):
    study = study_in(tmp_path, "mirrored")
    trial = study.ask()
    with counted_commits(study._storage) as commits, study._storage.together():
        draw(trial)
    assert commits == [1]


def test_every_write_is_in_the_database_when_it_returns(tmp_path):
    study = study_in(tmp_path, "mirrored")
    trial = study.ask()
    for write in (
        lambda: study._storage.set_trial_user_attr(trial._trial_id, "attempt", 1),
        lambda: study._storage.set_trial_system_attr(trial._trial_id, "own", [1]),
        lambda: study._storage.set_trial_intermediate_value(trial._trial_id, 3, 0.5),
        lambda: trial.suggest_float("x", 0, 1),
        lambda: study.set_user_attr("orders", {}),
        lambda: study.enqueue_trial({"x": 0.5}),
        lambda: study.tell(trial, (1, 2)),
    ):
        before = content(in_database(tmp_path), with_times=True)
        write()
        after = content(in_database(tmp_path), with_times=True)
        assert after != before
        assert after == content(study, with_times=True)


def test_questions_never_reach_the_database(tmp_path):
    study = study_in(tmp_path, "mirrored")
    use(study)
    statements = []
    sqlalchemy.event.listen(
        study._storage._rdb.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    content(study)
    study.ask()
    assert len(statements) == 1, "the new trial alone"


def test_a_block_that_fails_leaves_the_trial_without_its_parameters(tmp_path):
    study = study_in(tmp_path, "mirrored")
    trial = study.ask()
    with pytest.raises(Broken), study._storage.together():
        draw(trial)
        raise Broken
    assert study.trials[0].params == in_database(tmp_path).trials[0].params == {}
    optuna.Trial(study, trial._trial_id).suggest_float("x0", 0, 1)
    assert list(study.trials[0].params) == ["x0"]


def test_a_write_that_fails_changes_nothing(tmp_path):
    study = study_in(tmp_path, "mirrored")
    trial = study.ask()
    with pytest.raises(TypeError):
        trial.set_user_attr("attempt", object())
    with study._storage._rdb.engine.begin() as connection:
        refusal = "CREATE TRIGGER no BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        connection.exec_driver_sql(refusal.format("trial_values"))
    with pytest.raises(sqlalchemy.exc.SQLAlchemyError, match="disk is full"):
        study.tell(trial, (1, 2))
    with pytest.raises(sqlalchemy.exc.SQLAlchemyError), study._storage.together():
        study.ask()
        study.tell(trial, (1, 2))
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    assert content(study, with_times=True) == content(in_database(tmp_path), with_times=True)


def test_a_parameter_of_another_kind_is_refused_as_by_optuna(tmp_path):
    study = study_in(tmp_path, "mirrored")
    with study._storage.together():
        study.ask().suggest_float("x0", 0, 1)
    study = study_in(tmp_path, "mirrored")
    with pytest.raises(ValueError, match="distribution"):
        study.ask().suggest_categorical("x0", ["a", "b"])
    other = create_trial(
        values=(1, 2), params={"x0": "a"}, distributions={"x0": optuna.distributions.CategoricalDistribution(["a"])}
    )
    with pytest.raises(ValueError, match="distribution"):
        study.add_trial(other)


def test_a_trial_that_has_ended_is_not_changed(tmp_path):
    study = study_in(tmp_path, "mirrored")
    trial = study.ask()
    study.tell(trial, state=TrialState.FAIL)
    for change in (
        lambda: trial.set_user_attr("late", 1),
        lambda: study._storage.set_trial_intermediate_value(trial._trial_id, 1, 0.5),
        lambda: study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, (1, 2)),
    ):
        with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
            change()


def test_studies_of_other_sweeps_in_one_database_are_left_alone(tmp_path):
    other = optuna.create_study(study_name="other", storage=RDBStorage(url(tmp_path)))
    other.tell(other.ask(), 1.0)
    study = study_in(tmp_path, "mirrored")
    assert [found.study_name for found in study._storage.get_all_studies()] == [NAME]
    assert study.ask().number == 0
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        study._storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "other")
    optuna.delete_study(study_name=NAME, storage=study._storage)
    assert [found.study_name for found in RDBStorage(url(tmp_path)).get_all_studies()] == ["other"]


def quality(config):
    return (config.optimizer.learning_rate * 1e5) % 1


def drive(folder, *, deaths):
    """Run trials two at a time, with a driver that dies after some reports; gives all that it proposed and decided."""
    folder.mkdir()
    spec = made_spec(trials=14, sampler={"name": "tpe", "startup_trials": 3})
    told, reports, hub = [], 0, start_hub(spec, folder)
    running = []
    while True:
        while len(running) < 2 and (config := hub.ask()) is not None:
            told.append((config.number, config.from_step, config.model_dump_json()))
            running.append((config, [step for step in (2, 4, 6) if step > config.from_step]))
        if not running:
            return told, read_sweep(folder).decisions.drop(columns="recorded").to_dict("records")
        config, steps = running.pop(0)
        score = quality(config) * steps[0] / 6
        decision = hub.report(config.number, made_report(steps[0], miou=score, f1=score))
        told.append((config.number, steps[0], decision))
        if decision.verdict == "CONTINUE":
            running.append((config, steps[1:]))
        reports += 1
        if reports in deaths:
            hub, running = start_hub(spec, folder), []


def test_a_sweep_is_the_same_trial_by_trial_with_the_mirror_and_without_it(tmp_path, monkeypatch):
    with_mirror = drive(tmp_path / "with", deaths=(9, 20))
    monkeypatch.setattr(search.study, "MirroredStorage", lambda storage, names: storage)
    assert drive(tmp_path / "without", deaths=(9, 20)) == with_mirror
    assert {decision["verdict"] for decision in with_mirror[1]} == {"STOP", "CONTINUE"}
    expected = [content(study) for study in in_plain_storage(tmp_path / "without")]
    for found, wanted in zip(in_plain_storage(tmp_path / "with"), expected, strict=True):
        assert without_times(content(found)) == without_times(wanted)


def in_plain_storage(folder):
    return [
        optuna.load_study(study_name=name, storage=RDBStorage(url(folder)))
        for name in (search.study.STUDY_NAME, search.study.COMPANION_NAME)
    ]


def without_times(held):
    *rest, trials = held
    return rest, [
        tuple(
            {key: value for key, value in cell.items() if key != "started"} if isinstance(cell, dict) else cell
            for cell in trial
        )
        for trial in trials
    ]

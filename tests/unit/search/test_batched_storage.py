"""What one ask writes, counted in transactions."""

import contextlib

import optuna
import pytest
import sqlalchemy
from optuna.samplers import RandomSampler
from optuna.storages import RDBStorage

from search.batched_storage import BatchedStorage

DIMENSIONS = 20


class Broken(Exception):
    pass


def study_in(folder, kind):
    storage = kind(f"sqlite:///{folder / 'study.db'}")
    return optuna.create_study(storage=storage, sampler=RandomSampler(seed=0)), storage


def draw(trial):
    return [trial.suggest_float(f"x{at}", 0, 1) for at in range(DIMENSIONS)]


@contextlib.contextmanager
def counted_commits(storage):
    counts = [0]

    def count(connection):
        counts[0] += 1

    sqlalchemy.event.listen(storage.engine, "commit", count)
    yield counts
    sqlalchemy.event.remove(storage.engine, "commit", count)


def test_all_parameters_of_a_trial_are_one_transaction(tmp_path):
    study, storage = study_in(tmp_path, BatchedStorage)
    for _ in range(2):  # the first trial of a process also learns what the study knows
        trial = study.ask()
        with counted_commits(storage) as commits, storage.together():
            draw(trial)
        assert commits == [1]


def test_the_study_holds_what_optunas_own_storage_would(tmp_path):
    for folder, kind in (("own", RDBStorage), ("batched", BatchedStorage)):
        (tmp_path / folder).mkdir()
        study, storage = study_in(tmp_path / folder, kind)
        for _ in range(3):
            trial = study.ask()
            with storage.together() if isinstance(storage, BatchedStorage) else contextlib.nullcontext():
                draw(trial)
            study.tell(trial, 0.5)
    own, batched = (
        optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / folder / 'study.db'}").get_trials()
        for folder in ("own", "batched")
    )
    assert [list(trial.params.items()) for trial in batched] == [list(trial.params.items()) for trial in own]
    assert [trial.distributions for trial in batched] == [trial.distributions for trial in own]


def test_a_block_that_fails_leaves_the_trial_without_its_parameters(tmp_path):
    study, storage = study_in(tmp_path, BatchedStorage)
    trial = study.ask()
    with pytest.raises(Broken), storage.together():
        draw(trial)
        raise Broken
    assert study.trials[0].params == {}
    optuna.Trial(study, trial._trial_id).suggest_float("x0", 0, 1)
    assert list(study.trials[0].params) == ["x0"]


def test_a_parameter_of_another_kind_is_refused_as_by_optuna(tmp_path):
    study, storage = study_in(tmp_path, BatchedStorage)
    with storage.together():
        study.ask().suggest_float("x0", 0, 1)
    with pytest.raises(ValueError, match="distribution"), storage.together():
        study.ask().suggest_categorical("x0", ["a", "b"])

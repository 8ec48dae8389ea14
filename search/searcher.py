"""Ray Tune's questions for a next trial, put to the hub."""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher
from typing_extensions import override

from search.hub import Hub
from search.storage_fault import StorageGuard
from trainable.checkpoints import CheckpointPlace
from trainable.messages import CHECKPOINT_KEY, TRIAL_KEY

NUMBER_KEY = "number"


class HubSearcher(Searcher):
    """Hands out the hub's trials; what becomes of them the scheduler tells the hub.

    Ray saves its searcher every few seconds; the study is what is resumed from, so there is nothing to save.

    Args:
        hub: Of the sweep.
        place: Where checkpoints are.
        guard: Around every call to the hub.
        most: Trials to hand out, after which the hub is not asked any more.

    """

    def __init__(self, hub: Hub, place: CheckpointPlace, guard: StorageGuard, *, most: int) -> None:
        super().__init__()
        self._guard, self._left = guard, most
        self._hub, self._place = hub, place.model_dump_json()

    @property
    def is_done(self) -> bool:
        """Whether it has handed out as many trials as it may."""
        return not self._left

    @override
    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        return True

    @override
    def suggest(self, trial_id: str) -> Any:
        if self.is_done:
            return Searcher.FINISHED
        with self._guard:
            config = self._hub.ask()
        if config is None:
            return Searcher.FINISHED  # None would mean: ask again
        self._left -= 1
        return {TRIAL_KEY: config.model_dump_json(), NUMBER_KEY: config.number, CHECKPOINT_KEY: self._place}

    @override
    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: Ray does not call this for every way in which a trial ends."""

    @override
    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    @override
    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""

    def __getstate__(self) -> dict[str, Any]:
        return {}

"""Opens trials: asks for the next one, and gives each as its worker is to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from search.points import CLONE_KEY, planned_point, role_of
from search.redraw import Redrawing
from search.running import Running
from search.spec import SweepSpec
from search.study_trials import StudyTrials
from spaces import Point, TrialConfig

HALVED_KEY = "halved"
"""User attribute of a trial whose batches were halved: the seconds that its first attempt took."""


class Opener:
    """Draws trials so that one whose driver died is drawn again as it would have been.

    Args:
        spec: The sweep.
        trials: In its study.
        now: Gives the time with its zone.

    """

    def __init__(self, spec: SweepSpec, trials: StudyTrials, *, now: Callable[[], datetime]) -> None:
        self._spec, self._trials, self._now = spec, trials, now

    def ask(self) -> int:
        """Start the next trial in the study and give its number: baseline, presets, what waits, what is proposed."""
        planned = planned_point(self._spec, self._trials.asked, {})
        if planned is not None and not self._trials.waiting:  # one waits if the driver died right here
            self._trials.enqueue(self._spec.space.active(planned), {})
        return self._trials.ask()

    def open(self, number: int, attempt: int, *, from_step: int) -> Running:
        """Give a trial as it starts or goes on, with the settings of the plain baseline in its config.

        Args:
            number: Of a trial that is running in the study.
            attempt: From 0.
            from_step: The last step that this attempt has reported.

        """
        attrs, training = self._trials.attrs(number), self._spec.trial
        if CLONE_KEY in attrs:
            training = training.model_copy(update={"seed": attrs[CLONE_KEY]["seed"]})
        config = TrialConfig(
            number=number,
            attempt=attempt,
            from_step=from_step,
            model=self._spec.model,
            data=self._spec.data,
            training=training.halved() if HALVED_KEY in attrs else training,
        )
        started = self._start_time(number, attrs)
        running = Running(config, self._draw(number, attrs), role_of(self._spec, number, attrs), started, self._now())
        running.seconds_before = float(attrs.get(HALVED_KEY, 0.0))
        return running

    def can_halve(self, config: TrialConfig) -> bool:
        """Tell whether a trial's batches can be halved, which is done once."""
        return config.training.batch > 1 and not self.is_halved(config.number)

    def is_halved(self, number: int) -> bool:
        """Tell whether a trial's batches were halved."""
        return HALVED_KEY in self._trials.attrs(number)

    def _draw(self, number: int, attrs: Mapping[str, Any]) -> Point:
        space, point = self._spec.space, planned_point(self._spec, number, attrs)
        trial = self._trials.live(number)
        with self._trials.together():
            if point is None:
                return space.draw(Redrawing(trial))
            for key in space.active(point):
                space.dimensions[key].draw(key, trial)
        return point

    def _start_time(self, number: int, attrs: Mapping[str, Any]) -> datetime:
        started = attrs.get("started")
        if started is None:
            started = self._now().isoformat()
            self._trials.set_attr(number, "started", started)
        return datetime.fromisoformat(started)

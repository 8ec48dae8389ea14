"""What a trial was given, in words."""

from __future__ import annotations

from collections.abc import Sequence

from results.summary import EndedTrial, Summary

_LONGEST = 60


def role_of(summary: Summary, trial: EndedTrial) -> str:
    """Say what a trial is to the sweep: on the front, baseline, preset, clone, knee; nothing for any other."""
    words = [word for word, holds in (("front", trial.on_front), (trial.role, trial.role != "search")) if holds]
    return ", ".join([*words, *(["knee"] if trial is summary.knee else [])])


def value_text(value: object) -> str:
    """Write a setting's value; a dash where the trial did not have the setting."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def setting_texts(
    summary: Summary, trial: EndedTrial, *, among: Sequence[EndedTrial] | None = None
) -> list[tuple[str, str]]:
    """Give a trial's searched settings with their values.

    Args:
        summary: The sweep.
        trial: The trial.
        among: Only settings in which these trials differ; all that differ in the sweep if absent.

    """
    values = {other.params for other in among} if among else set()
    return [
        (name, value_text(value))
        for place, (name, value) in enumerate(zip(summary.param_names, trial.params, strict=True))
        if value is not None and (not values or len({params[place] for params in values}) > 1)
    ]

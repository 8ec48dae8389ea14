"""A hub on a real study and a real record, fed with made reports instead of trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results import write_sweep_json
from search.hub import Hub
from search.recorder import Ending, record_columns
from search.recovery import open_hub
from search.spec import SweepSpec
from search.sweep_spec import SPEC_KEY
from spaces import TrialConfig
from trainable.report import TrialReport

SPACE = {
    "dimensions": {
        "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "mixture.giou.on": {"values": (True, False)},
        "mixture.giou.weight": {"low": 0.01, "high": 0.3, "log": True, "when": {"mixture.giou.on": (True,)}},
    }
}


class Events:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.endings: dict[int, Ending] = {}

    def started(self, config: TrialConfig) -> None:
        pass

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        pass

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        assert config.number not in self.endings, "a trial ended twice"
        self.endings[config.number] = ending


def made_spec(**search: Any) -> SweepSpec:
    """Give a sweep of three rungs, at steps 2, 4 and 6."""
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes", "scenes": 8}]},
            "objectives": ["grounding.miou", "text.token_f1"],
            "trial": {"steps": 6, "rungs": (2, 4)},
            "space": SPACE,
            "search": {"trials": 6, "pruner": {"name": "median_all", "warmup_trials": 2, "audit_share": 0.0}, **search},
        }
    )


def start_hub(spec: SweepSpec, folder: Path, *, over: bool = False, events: Events | None = None) -> Hub:
    """Start a sweep's hub in a folder, or one that goes on with what the folder holds."""
    if not (folder / "sweep.json").exists():
        write_sweep_json(folder, record_columns(spec), metadata={SPEC_KEY: spec.model_dump_json()})
    return open_hub(spec, folder, listener=events or Events(), is_over=lambda: over)


def made_report(step: int, *, miou: float, f1: float) -> TrialReport:
    """Give a report of a trial of six steps."""
    return TrialReport(
        step=step,
        progress=step / 6,
        seconds=float(step),
        metrics={"grounding.miou": miou, "text.token_f1": f1},
        losses={"text_ce": 1.0},
        weights={"text_ce": 1.0, "box_ce": 1.0, "ntl_was": 0.0, "giou": 0.0},
        weighted={"text_ce": 1.0},
        exposure={"grounding": step / 6, "text": step / 6},
    )


def run_to_end(hub: Hub, config: TrialConfig, *, quality: float) -> str:
    """Report a trial until the hub stops it; gives the last verdict's reason."""
    for step in (2, 4, 6):
        decision = hub.report(config.number, made_report(step, miou=quality * step / 6, f1=quality * step / 6))
        if decision.verdict != "CONTINUE":
            return decision.reason
    raise AssertionError("the hub let a trial go on after its last step")

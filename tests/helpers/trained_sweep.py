"""A sweep that is trained in this process: hub, study, record, checkpoints and trials are real, without Ray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from made_search import start_hub

from results import write_sweep_json
from search.kept_checkpoints import checkpoint_place
from search.recorder import record_columns
from search.requests import Request, RequestFiles, RequestKind
from search.spec import SweepSpec
from search.sweep_spec import SPEC_KEY
from spaces import TrialConfig, parse_space
from trainable.checkpoints import write_attempt
from trainable.host import Host
from trainable.packing import Pack, Reported
from trainable.report import TrialReport
from trainable.trial import Trial

LINEAGE = {"data_hash": "feed" * 16, "git_sha": "0123abc", "python": "3.11.7", "version.paretune": "0.1.0"}


def trained_spec(*, space: Any = None, trial: Any = None, model: Any = None, **search: Any) -> SweepSpec:
    """Give a sweep of short trials on drawn scenes and the embedded tiny base."""
    parsed, faults = parse_space(space or {})
    assert not faults, faults
    return SweepSpec.model_validate(
        {
            "model": model or "tiny",
            "data": {
                "sources": [{"source": "shapes", "domain": "shifted", "scenes": 24, "seed": 0}],
                "search_share": 0.4,
            },
            "objectives": ["grounding.miou", "text.token_f1"],
            "trial": {
                "steps": 4,
                "rungs": (2,),
                "batch": 4,
                "rung_rows": 4,
                "final_rows": 12,
                "max_new_tokens": 24,
                **(trial or {}),
            },
            "space": parsed,
            "search": {"trials": 1, "pruner": "none", "sampler": "random", **search},
        }
    )


def train_sweep(
    spec: SweepSpec,
    folder: Path,
    *,
    host: Host | None = None,
    packed: bool = False,
    asked: Mapping[int, Sequence[RequestKind]] | None = None,
) -> Host:
    """Run a sweep to its end, one trial at a time.

    Args:
        spec: The sweep.
        folder: Of it.
        host: Of the same model and data; made if absent.
        packed: Whether each trial runs as one of a pack.
        asked: What a user asks of trials, by number, as soon as they run.

    Returns:
        The host that the trials ran on.

    """
    host = host or Host(spec.model, spec.data)
    write_sweep_json(folder, record_columns(spec), metadata={SPEC_KEY: spec.model_dump_json(), **LINEAGE})
    hub, place = start_hub(spec, folder), checkpoint_place(spec, folder)
    while (config := hub.ask()) is not None:
        for kind in (asked or {}).get(config.number, ()):
            RequestFiles(folder).submit(Request(kind=kind, trial=config.number))
        for report, state in (_packed if packed else _alone)(config, host):
            write_attempt(place, config, report, state)
            if hub.report(config.number, report).verdict != "CONTINUE":
                break
    return host


def _alone(config: TrialConfig, host: Host) -> Iterator[tuple[TrialReport, Mapping[str, Any]]]:
    trial = Trial(config, host)
    try:
        while not trial.is_finished:
            report = trial.advance()
            yield report, trial.state_dict()
    finally:
        trial.close()


def _packed(config: TrialConfig, host: Host) -> Iterator[tuple[TrialReport, Mapping[str, Any]]]:
    pack = Pack(host, slots=2)
    slot = pack.add(config)
    while not pack[slot].is_finished:
        for outcome in pack.step():
            assert isinstance(outcome, Reported), outcome
            yield outcome.report, pack[slot].state_dict()

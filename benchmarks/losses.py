"""What each loss term, weighting and curriculum does to the tiny base, against plain cross entropy.

Every setting is trained with the same seeds, rows and steps as plain cross entropy and scored on the same rows, so each
difference is paired. A term's weight is given as its share of cross entropy on text at the first step: ``0.3`` starts
with 0.3 times its size, while both cross entropies keep weight 1. ``kl`` is 0 for the base: its share is that of one
nat. ``box_ce`` is multiplied by its weight as it is.

    python benchmarks/losses.py --out losses.jsonl --processes 2

A run that is repeated with the same file goes on where it stopped. The table is printed at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from spaces import DataConfig, MixtureConfig, ModelConfig, TrialConfig
from trainable.host import Host
from trainable.trial import Trial

DATA = DataConfig.model_validate(
    {
        "sources": [{"source": "shapes", "domain": "shifted", "scenes": 500}],
        "confirm_share": 0,
        "test_share": 0,
    }
)
TRAINING = {"steps": 96, "batch": 16, "rung_rows": 8, "final_rows": 300}
SCORES = {"Acc@.5": "grounding.acc50", "mIoU": "grounding.miou", "token F1": "text.token_f1"}
WEIGHTS = (0.1, 0.3, 1.0, 3.0)

TERMS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "soft_label": ("soft_label", {}),
    "ntl_was": ("ntl_was", {}),
    "carry": ("carry", {}),
    "l1": ("l1", {}),
    "l1 (carry)": ("l1", {"decoding": "carry"}),
    "giou": ("giou", {}),
    "giou (carry)": ("giou", {"decoding": "carry"}),
    "label_smoothing": ("label_smoothing", {}),
    "kl": ("kl", {}),
    "z_loss": ("z_loss", {}),
}
CURRICULA: Mapping[str, dict[str, Any]] = {
    "linear, large boxes first": {"pacing": "linear", "difficulty": "box_area"},
    "linear, the base's small losses first": {"pacing": "linear", "difficulty": "base_loss"},
    "self-paced": {"pacing": "self_paced"},
    "linear, random order (control)": {"pacing": "linear", "difficulty": "random"},
}
MIXES: Mapping[str, dict[str, Any]] = {
    f"{share:.0%} grounding rows": {"mix": "task", "grounding_share": share} for share in (0.3, 0.7)
}
WEIGHTINGS = ("refnorm", "emanorm", "uncertainty", "dwa", "famo", "rlw")


@dataclass(frozen=True)
class Setting:
    """One row of the table; ``ratio`` is the term's share of text's cross entropy at the first step."""

    name: str
    mixture: dict[str, Any] = field(default_factory=dict)
    curriculum: dict[str, Any] = field(default_factory=dict)
    term: str = ""
    ratio: float = 0.0


def settings() -> Iterator[Setting]:
    yield Setting("plain")
    for weight in WEIGHTS:
        if weight != 1:
            yield Setting(f"box_ce x {weight:g}", {"box_ce": {"weight": weight}})
    for name, (term, options) in TERMS.items():
        for weight in WEIGHTS:
            yield Setting(f"{name} {weight:g}", {term: {"on": True, **options}}, term=term, ratio=weight)
    for name in WEIGHTINGS:
        yield Setting(f"weighting: {name}", {"weighting": {"name": name}})
    for name, curriculum in CURRICULA.items():
        yield Setting(f"pacing: {name}", curriculum=curriculum)
    for name, curriculum in MIXES.items():
        yield Setting(f"mix: {name}", curriculum=curriculum)


@lru_cache(maxsize=1)
def host() -> Host:
    torch.set_num_threads(1)
    return Host(ModelConfig(), DATA)


def run(job: tuple[Setting, int]) -> dict[str, Any]:
    setting, seed = job
    mixture = dict(setting.mixture)
    if setting.term:
        references = host().references(MixtureConfig.model_validate(mixture))
        weight = setting.ratio * references["text_ce"] / references[setting.term]
        mixture[setting.term] = {**mixture[setting.term], "weight": weight}
    trial = Trial(
        TrialConfig.model_validate(
            {
                "number": 1,
                "model": ModelConfig(),
                "data": DATA,
                "training": {**TRAINING, "seed": seed},
                "mixture": mixture,
                "curriculum": setting.curriculum,
            }
        ),
        host(),
    )
    try:
        report = trial.advance()
    finally:
        trial.close()
    weights = {name: weight for name, weight in report.weights.items() if name == setting.term}
    return {"name": setting.name, "seed": seed, "weights": weights, "metrics": report.metrics}


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """Give a Markdown table: scores of plain cross entropy, then paired differences with standard errors, in points."""
    by_name: dict[str, dict[int, Mapping[str, float]]] = {}
    weights: dict[str, float] = {}
    for result in results:
        by_name.setdefault(result["name"], {})[result["seed"]] = result["metrics"]
        if result["weights"]:
            (weights[result["name"]],) = result["weights"].values()
    yield f"| Setting | weight | {' | '.join(SCORES)} |"
    yield f"| --- | --- |{' --- |' * len(SCORES)}"
    plain = by_name["plain"]
    for name, seeds in by_name.items():
        cells = []
        for score in SCORES.values():
            if name == "plain":
                cells.append(shown([seeds[seed][score] for seed in seeds]))
            else:
                cells.append(shown([seeds[seed][score] - plain[seed][score] for seed in seeds], sign="+"))
        yield f"| {name} | {weights.get(name, ''):{'.3g' if name in weights else ''}} | {' | '.join(cells)} |"


def shown(values: list[float], *, sign: str = "") -> str:
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{100 * fmean(values):{sign}.1f} ± {100 * error:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("losses.jsonl"), help="results, one JSON object a line")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, at least 3 for a standard error")
    parser.add_argument("--processes", type=int, default=1, help="trials that run at once, one thread each")
    arguments = parser.parse_args()
    done = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    known = {(result["name"], result["seed"]) for result in done}
    jobs = [(one, seed) for seed in range(arguments.seeds) for one in settings() if (one.name, seed) not in known]
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.processes) as pool, arguments.out.open("a") as file:
        for result in pool.imap_unordered(run, jobs):
            file.write(json.dumps(result) + "\n")
            file.flush()
            done.append(result)
            print(f"{len(done)}/{len(known) + len(jobs)} {result['name']} (seed {result['seed']})", flush=True)
    order = [one.name for one in settings()]
    print("\n".join(table(sorted(done, key=lambda result: (order.index(result["name"]), result["seed"])))))


if __name__ == "__main__":
    main()

"""Writes the comparison of several sweeps, in the same form as the report of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from results.bootstrap import RowTable
from results.errors import ResultsError
from results.find import read_rows
from results.gains import values_of
from results.replicates import replicate
from results.report.comparison.cards import comparison_cards, lede
from results.report.comparison.compared import (
    HypervolumeReplicates,
    check_objectives,
    common_reference,
    compare,
    hypervolumes,
)
from results.report.content import SweepContent
from results.report.page import Page
from results.report.write import Explain, ReportFiles, provenance, read_content, write_files
from results.seeds import seed_noise
from results.words import duration_text

MOST_SWEEPS = 6
"""Sweeps in one comparison: as many as there are colours and marks that stay apart."""

_DRAWS = 20_260_301
"""Seeds the draws of images: the same for all sweeps, so that a replicate holds the same images for all."""


def write_comparison(
    folders: Sequence[Path], *, out: Path | None = None, explain: Explain | None = None
) -> ReportFiles:
    """Write the comparison of two to six sweeps.

    Args:
        folders: The sweeps' folders.
        out: The HTML file; ``report/comparison.html`` in the first folder if absent. The other files bear its name.
        explain: As for ``write_report``.

    Raises:
        ResultsError: If a folder holds no readable sweep, is given twice, or two sweeps have different objectives, or
            there are more than six.

    """
    if twice := [name for name, number in Counter(map(Path.resolve, folders)).items() if number > 1]:
        raise ResultsError(f"a sweep is compared with others; {twice[0]} was given twice")
    if len(folders) > MOST_SWEEPS:
        raise ResultsError(f"at most {MOST_SWEEPS} sweeps fit into one comparison; got {len(folders)}")
    contents = _named_apart([read_content(folder, explain=explain) for folder in folders])
    check_objectives(contents)
    replicates, unknown = _replicates(contents)
    comparison = compare(contents, replicates=replicates, unknown=unknown)
    page = Page(
        kind=f"Comparison of {len(contents)} sweeps",
        name=" and ".join(comparison.names),
        lede=lede(comparison),
        facts=tuple(
            (content.name, f"{len(content.summary.trials):,} trials, {_hours(content)}") for content in contents
        ),
        cards=comparison_cards(comparison),
        notes=(),
        provenance=tuple((content.name, provenance(content.summary)) for content in contents),
        has_trials=any(content.summary.trials for content in contents),
    )
    return write_files(page, contents, out or folders[0] / "report" / "comparison.html")


def _hours(content: SweepContent) -> str:
    return duration_text(sum(trial.seconds for trial in content.summary.trials))


def _named_apart(contents: Sequence[SweepContent]) -> list[SweepContent]:
    """Call sweeps whose folders have one name by their parents' names as well."""
    repeated = {name for name, number in Counter(content.name for content in contents).items() if number > 1}
    return [
        replace(content, name=f"{content.folder.resolve().parent.name}/{content.name}")
        if content.name in repeated
        else content
        for content in contents
    ]


def _replicates(contents: Sequence[SweepContent]) -> tuple[HypervolumeReplicates | None, str]:
    """Draw the same images for all sweeps; give in words why that is impossible."""
    reference = common_reference(contents)
    if reference is None:
        return None, "no sweep has a completed baseline"
    summaries = [content.summary for content in contents]
    is_paired = len({content.summary.metadata.get("data_hash") for content in contents}) == 1
    recorded, draws = [], []
    clusters = set()
    for place, content in enumerate(contents):
        items, predictions = read_rows(content.folder, content.summary, content.tables)
        table = RowTable(predictions, items, split="search")
        rows = {"search": table, "confirm": RowTable(predictions, items, split="confirm")}
        clusters.add(table.clusters)
        images = np.random.default_rng(_DRAWS + (0 if is_paired else place))
        found = replicate(content.summary, table, seeds=None, rng=images)
        if isinstance(found, str):
            return None, f"{content.name}: {found}"
        gains = found.draws
        objectives, own = content.summary.objectives, content.tables
        if noise := seed_noise(own.trials, own.confirmations, objectives, rows=rows):
            gains = gains + noise.deviation * np.random.default_rng([_DRAWS, place]).standard_normal(gains.shape)
        recorded.append(values_of(found.gains, objectives))
        draws.append(values_of(gains, objectives))
    is_paired = is_paired and len(clusters) == 1
    directions = list(summaries[0].directions)
    return hypervolumes(recorded, draws, directions, reference=reference, is_paired=is_paired), ""

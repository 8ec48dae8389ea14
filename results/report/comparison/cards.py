"""The cards of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from results import pareto
from results.report.card import Card, Cell, Figure, Table, Verdict, number_cell, trial_cell
from results.report.cards import sweep_cards
from results.report.comparison.compared import Comparison, differing_lineage, differing_settings, is_searched
from results.report.comparison.figures import fronts_figure, histories_figure, sweep_key
from results.report.content import SweepContent
from results.report.headline import scores_text
from results.words import count, duration_text, score_text

SURE = 0.95
CLEAR_LEAD = 0.02
DATA_KEYS = ("data_hash",)
BETTER_RULE = (
    f"Good: the sweep with the largest hypervolume has it in at least {SURE:.0%} of the replicates against each other"
    " sweep. Watch: in fewer, or there are no replicates to ask. Problem: there is no hypervolume, or what was measured"
    " differs, so that the scores are not of the same thing."
)
BUDGET_RULE = (
    "Good: the sweep that ends ahead is also ahead at equal numbers of trials. Watch: it is ahead only by its larger"
    " budget. Problem: there is no hypervolume to follow."
)
DIFFERENCE_RULE = (
    "Good: the sweeps differ only in their space, in how they were searched, or in what changes speed alone. Watch:"
    " versions, commits or machines differ. Problem: the data differ, or keys of the sweep file that change what is"
    " measured."
)
CHOICE_RULE = (
    "Good: the front of all sweeps together comes from one sweep. Watch: from several. Problem: no trial completed."
)
_MOST_ROWS = 40


def comparison_cards(comparison: Comparison) -> tuple[Card, ...]:
    """Give the cards of a comparison."""
    return (
        _better(comparison),
        _choice(comparison),
        _budget(comparison),
        _differences(comparison),
        _answers(comparison),
    )


def lede(comparison: Comparison) -> str:
    """Say in one or two sentences which sweep is better and how sure that is."""
    return _better_answer(comparison)


def measures_differ(comparison: Comparison) -> list[str]:
    """Name what differs of what was measured: data, and keys of the sweep file other than space and search."""
    keys = [key for key, _ in differing_settings(comparison.contents) if not is_searched(key)]
    return [*(key for key, _ in differing_lineage(comparison.contents) if key in DATA_KEYS), *keys]


def _better(comparison: Comparison) -> Card:
    figure = fronts_figure(comparison)
    return Card(
        key="better",
        question="Which sweep found the better trade-offs?",
        short="Better sweep",
        verdict=_better_verdict(comparison),
        answer=_better_answer(comparison),
        rule=BETTER_RULE,
        notes=_better_notes(comparison),
        figure=Figure("fronts", figure, sweep_key(comparison)) if figure else None,
        tables=(_hypervolume_table(comparison),),
    )


def _better_verdict(comparison: Comparison) -> Verdict:
    if comparison.reference is None or not max(comparison.finals) or measures_differ(comparison):
        return "problem"
    share = _least_share(comparison)
    return "good" if share is not None and share >= SURE else "watch"


def _least_share(comparison: Comparison) -> float | None:
    """Give the smallest share of replicates in which the leading sweep leads another one."""
    if comparison.replicates is None:
        return None
    first, *others = comparison.order
    return min(comparison.replicates.share_larger(first, other) for other in others)


def _better_answer(comparison: Comparison) -> str:
    if comparison.reference is None:
        return "It cannot be told: no sweep has a completed baseline to measure a hypervolume from."
    if not max(comparison.finals):
        return "It cannot be told: no sweep has a trial better than the common reference point."
    first, second = comparison.order[:2]
    names, finals = comparison.names, comparison.finals
    areas = f"{finals[first]:.4g} against {finals[second]:.4g} of {names[second]}"
    lead = f"{names[first]} has the larger hypervolume, {areas}"
    is_tie = finals[first] == finals[second]
    if is_tie:
        lead = f"{names[first]} and {names[second]} have the same hypervolume, {finals[first]:.4g}"
    share = _least_share(comparison)
    if measures_differ(comparison):
        return f"{lead}, but the sweeps measured different things: see what differs."
    if share is None:
        return f"{lead}; how sure that is cannot be told."
    if is_tie:
        return f"{lead}; neither leads."
    if share < 0.5:
        return f"{lead}, but only in {share:.0%} of the replicates, which take off what luck added to it."
    return f"{lead}; so it is in {share:.0%} of the replicates."


def _better_notes(comparison: Comparison) -> tuple[str, ...]:
    notes: list[str] = []
    if comparison.reference is not None:
        place = ", ".join(
            f"{objective.name} {score_text(score, objective)}"
            for objective, score in zip(comparison.objectives, comparison.reference, strict=True)
        )
        notes.append(
            f"Hypervolumes are measured from one point, in each objective the worst of all references: {place}."
        )
    if comparison.replicates is None:
        notes.append(f"No replicates: {comparison.unknown}.")
    elif comparison.replicates.is_paired:
        notes.append("The same images are drawn for all sweeps in each replicate, so the comparison is paired.")
    else:
        notes.append("The sweeps were scored on different images, so their replicates are drawn apart.")
    for content in comparison.contents:
        if content.summary.baseline is None:
            notes.append(f"{content.name} has no completed baseline.")
    return tuple(notes)


def _hypervolume_table(comparison: Comparison) -> Table:
    columns = [("sweep", False), ("trials", True), ("front", True), ("hypervolume", True)]
    columns += [("95 % interval", True)] if comparison.replicates else []
    columns += [(f"front covered by {name}", True) for name in comparison.names]
    rows: list[tuple[Cell, ...]] = []
    for place, content in enumerate(comparison.contents):
        cells = [
            Cell(content.name),
            number_cell(f"{len(content.summary.trials):,}"),
            number_cell(f"{len(content.summary.front)}"),
            number_cell(f"{comparison.finals[place]:.4g}"),
        ]
        if comparison.replicates:
            interval = comparison.replicates.interval(place)
            cells.append(number_cell(f"{max(interval.low, 0.0):.4g} to {interval.high:.4g}"))
        for other in range(len(comparison.contents)):
            share = None if other == place else comparison.covered(place, by=other)
            cells.append(number_cell("–" if share is None else f"{share:.0%}"))
        rows.append(tuple(cells))
    return Table(
        "Hypervolumes from the common reference, and how much of each front the others cover",
        tuple(columns),
        tuple(rows),
    )


def _choice(comparison: Comparison) -> Card:
    chosen = _joint_front(comparison)
    sources = {place for place, _ in chosen}
    verdict: Verdict = "problem" if not chosen else "good" if len(sources) == 1 else "watch"
    columns = (("sweep", False), ("trial", True), *((o.name, True) for o in comparison.objectives))
    rows = [
        (
            Cell(comparison.names[place]),
            trial_cell(trial, sweep=place),
            *(
                number_cell(score_text(score, objective))
                for score, objective in zip(
                    comparison.contents[place].by_number[trial].values, comparison.objectives, strict=True
                )
            ),
        )
        for place, trial in chosen[:_MOST_ROWS]
    ]
    return Card(
        key="choice",
        question="Which trials should I take?",
        short="Choice",
        verdict=verdict,
        answer=_choice_answer(comparison, chosen),
        rule=CHOICE_RULE,
        tables=(Table("The front of all sweeps together", columns, tuple(rows)),) if rows else (),
        command=_export_command(comparison),
    )


def _joint_front(comparison: Comparison) -> list[tuple[int, int]]:
    """Give the trials that no trial of any sweep dominates, as place of the sweep and number."""
    members = [(p, t) for p, content in enumerate(comparison.contents) for t in content.summary.front if t.point]
    keep = pareto.nondominated([t.point or () for _, t in members], list(comparison.contents[0].summary.directions))
    found = [member for member, kept in zip(members, keep, strict=True) if kept]
    sign = -1 if comparison.objectives[0].direction == "maximize" else 1
    found.sort(key=lambda member: (sign * (member[1].point or (0.0,))[0], member[0], member[1].trial))
    return [(place, trial.trial) for place, trial in found]


def _choice_answer(comparison: Comparison, chosen: Sequence[tuple[int, int]]) -> str:
    if not chosen:
        return "There is nothing to take: no trial completed."
    parts = [
        f"{sum(place == own for place, _ in chosen)} of {name}"
        for own, name in enumerate(comparison.names)
        if any(place == own for place, _ in chosen)
    ]
    best = comparison.contents[comparison.order[0]]
    take = ""
    if best.recommended:
        scores = scores_text(best.summary, best.recommended)
        take = f" {best.name} recommends trial {best.recommended.trial}: {scores}."
    return f"The front of all sweeps together has {count(len(chosen), 'trial')}: {', '.join(parts)}.{take}"


def _export_command(comparison: Comparison) -> str:
    best = comparison.contents[comparison.order[0]]
    return f"paretune export {best.folder} --trial {best.recommended.trial} --out exported" if best.recommended else ""


def _budget(comparison: Comparison) -> Card:
    figure = histories_figure(comparison)
    return Card(
        key="budget",
        question="Is that only because one had more trials?",
        short="Budget",
        verdict=_budget_verdict(comparison),
        answer=_budget_answer(comparison),
        rule=BUDGET_RULE,
        figure=Figure("hypervolumes", figure, sweep_key(comparison)) if figure else None,
        tables=(_budget_table(comparison),),
    )


def _leader_at_equal(comparison: Comparison) -> int:
    return max(range(len(comparison.contents)), key=lambda place: (comparison.at_equal_trials(place), -place))


def _budget_verdict(comparison: Comparison) -> Verdict:
    if comparison.reference is None or not max(comparison.finals):
        return "problem"
    return "good" if _leader_at_equal(comparison) == comparison.order[0] else "watch"


def _budget_answer(comparison: Comparison) -> str:
    if comparison.reference is None or not max(comparison.finals):
        return "It cannot be told: there is no hypervolume to follow."
    leader = _leader_at_equal(comparison)
    parts = ", ".join(f"{name} {comparison.at_equal_trials(place):.4g}" for place, name in enumerate(comparison.names))
    at = f"after {count(comparison.equal_trials, 'ended trial')} each the hypervolumes are {parts}"
    if leader == comparison.order[0]:
        return f"No: {at}."
    return f"It may be: {at}, so {comparison.names[leader]} was ahead at equal numbers."


def _budget_table(comparison: Comparison) -> Table:
    rows = [
        (
            Cell(content.name),
            number_cell(f"{len(content.summary.trials):,}"),
            number_cell(f"{content.summary.steps_run:,}"),
            number_cell(duration_text(sum(trial.seconds for trial in content.summary.trials))),
        )
        for content in comparison.contents
    ]
    columns = (("sweep", False), ("trials", True), ("steps", True), ("workers' time", True))
    return Table("What each sweep spent", columns, tuple(rows))


def _differences(comparison: Comparison) -> Card:
    settings, lineage = differing_settings(comparison.contents), differing_lineage(comparison.contents)
    measured = measures_differ(comparison)
    verdict: Verdict = "problem" if measured else "watch" if lineage else "good"
    notes = [f"{key} differs: the sweeps were not scored on the same data." for key, _ in lineage if key in DATA_KEYS]
    return Card(
        key="differences",
        question="What differs between the sweeps?",
        short="Differences",
        verdict=verdict,
        answer=_difference_answer(settings, lineage, measured),
        rule=DIFFERENCE_RULE,
        notes=tuple(notes),
        tables=tuple(
            _difference_table(comparison.contents, caption, rows)
            for caption, rows in (("Keys of the sweep file", settings), ("Circumstances", lineage))
            if rows
        ),
        is_wide=True,
    )


def _difference_answer(settings: Sequence[object], lineage: Sequence[object], measured: Sequence[str]) -> str:
    if not settings and not lineage:
        return "Nothing that is recorded: the sweeps have the same sweep file, data and versions."
    parts = [
        f"{len(rows)} {words}"
        for rows, words in ((settings, "keys of the sweep file"), (lineage, "circumstances"))
        if rows
    ]
    if measured:
        shown = ", ".join(measured[:5]) + (" and more" if len(measured) > 5 else "")
        return f"{' and '.join(parts)} differ, among them what was measured: {shown}."
    return f"{' and '.join(parts)} differ, none of which changes what was measured."


def _difference_table(
    contents: Sequence[SweepContent], caption: str, rows: Sequence[tuple[str, tuple[str, ...]]]
) -> Table:
    columns = (("", False), *((content.name, False) for content in contents))
    shown = tuple((Cell(key), *(Cell(value) for value in values)) for key, values in rows[:_MOST_ROWS])
    more = len(rows) - len(shown)
    return Table(f"{caption} that differ" + (f" ({more} more left out)" if more else ""), columns, shown)


def _answers(comparison: Comparison) -> Card:
    """Put the verdicts of the sweeps' own reports side by side."""
    by_sweep = [{card.key: card for card in sweep_cards(content)} for content in comparison.contents]
    keys = list(dict.fromkeys(key for cards in by_sweep for key in cards))
    rows: list[tuple[Cell, ...]] = []
    for key in keys:
        found = [cards.get(key) for cards in by_sweep]
        question = next(card.question for card in found if card)
        rows.append((Cell(question), *(Cell(f"{card.verdict}: {card.answer}" if card else "–") for card in found)))
    verdicts: list[Verdict] = [card.verdict for cards in by_sweep for card in cards.values()]
    problems = verdicts.count("problem")
    verdict: Verdict = "problem" if problems else "watch" if "watch" in verdicts else "good"
    return Card(
        key="answers",
        question="What do their own reports say?",
        short="Own reports",
        verdict=verdict,
        answer=f"{count(problems, 'problem')} and {verdicts.count('watch')} to watch in {len(by_sweep)} reports.",
        rule="The most serious verdict of all the sweeps' own cards.",
        tables=(Table("Verdicts and answers", (("", False), *((n, False) for n in comparison.names)), tuple(rows)),),
        is_wide=True,
    )

"""What each of paretune's savings is worth alone: CPU seconds of the same work with it and without it.

A lever is a function that gives both; another one is one more line of ``LEVERS``. Each measures its two sides in
turns, in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from trials_pairs import TURNS, Pair, batches, from_pixels, in_turns, kept
from trials_shape import Made, Shape, trial_config
from trials_step_levers import STEP_LEVERS

from spaces import TrialConfig
from trainable.data.collate import Batch, Example, collate
from trainable.data.records import Record
from trainable.data.render import render
from trainable.evaluation.evaluate import ScoredRow, evaluate, teacher_forced
from trainable.evaluation.generate import generate_answers
from trainable.host import Host
from trainable.losses import Mixture, make_terms
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.packing import Pack
from trainable.trial import accumulate
from trainable.window import Window


def supervised_logits(config: TrialConfig, host: Host) -> Pair:
    """Compare logits where a token is supervised with logits everywhere, in one training step without the optimizer."""
    model = attach_adapter(host.base, config.adapter, seed=0)
    mixture = Mixture(config.mixture, make_terms(config.mixture))
    drawn = [kept(records, host) for records in batches(config, host)]

    def ours(batch: Batch) -> None:
        accumulate(model, Window(mixture, [batch], weights=mixture.weights(0.5)), host.base.head)

    def full(batch: Batch) -> None:
        labels = torch.full_like(batch.keep, -100, dtype=torch.int64)
        labels[:, 1:][batch.keep[:, :-1]] = batch.targets.labels
        model(**batch.inputs, labels=labels).loss.backward()

    with_s, without_s = in_turns(ours, full, drawn)
    detach_adapter(model)
    return Pair("forward and backward pass of a batch", with_s, without_s)


def vision_features(config: TrialConfig, host: Host) -> Pair:
    """Compare features that are kept with images that go through the processor and the vision tower each time."""

    def plain(records: list[Record]) -> Batch:
        return collate([from_pixels(record, host) for record in records], host.base)

    return _stepped(config, host, lambda records: kept(records, host), plain)


def tokens_and_positions(config: TrialConfig, host: Host) -> Pair:
    """Compare rows whose tokens and positions are kept with rows that are rendered each time."""
    base = host.base

    def plain(records: list[Record]) -> None:
        images = [host.example(record).images for record in records]
        collate([Example(render(r, base.processor), own) for r, own in zip(records, images, strict=True)], base)

    def ours(records: list[Record]) -> None:
        kept(records, host)

    return Pair("collating a batch", *in_turns(ours, plain, batches(config, host)))


def frozen_layers(config: TrialConfig, host: Host) -> Pair:
    """Compare states that are kept with all layers, where the adapter lies on the last one alone."""
    adapter = config.adapter.model_copy(update={"last_layers": 1})
    deep, depth = config.model_copy(update={"adapter": adapter}), host.depth(adapter)

    def ours(records: list[Record]) -> Batch:
        return collate([host.example(record, depth=depth) for record in records], host.base)

    return _stepped(deep, host, ours, lambda records: kept(records, host))


def length_aware(config: TrialConfig, host: Host) -> Pair:
    """Compare four batches of rows of like lengths with the same rows in four batches as they were drawn."""
    model = attach_adapter(host.base, config.adapter, seed=0)
    mixture, size = Mixture(config.mixture, make_terms(config.mixture)), config.training.batch

    def stepped(rows: list[Record]) -> None:
        parts = [kept(rows[start : start + size], host) for start in range(0, len(rows), size)]
        accumulate(model, Window(mixture, parts, weights=mixture.weights(0.5)), host.base.head)

    def ours(rows: list[Record]) -> None:
        stepped(sorted(rows, key=host.length))

    drawn = batches(config, host)
    windows = [[row for batch in drawn[at : at + 4] for row in batch] for at in range(0, len(drawn), 4)]
    found = Pair("a step of four batches", *in_turns(ours, stepped, windows))
    detach_adapter(model)
    return found


def evaluation(config: TrialConfig, host: Host) -> Pair:
    """Compare scoring as it is done with pixels, rows in any order, and an adapter beside the weights."""
    model = attach_adapter(host.base, config.adapter, seed=0)
    rows = host.search_rows(config.training.final_rows)
    size, longest = config.training.eval_batch, config.training.max_new_tokens

    def ours(_: int) -> None:
        evaluate(
            model,
            host.base,
            rows,
            constant_box_1000=host.constant_box_1000,
            batch=size,
            max_new_tokens=longest,
            in_detail=False,
        )

    def plain(_: int) -> None:
        examples = [from_pixels(row.record, host) for row in rows]
        again = [ScoredRow(row.record, from_pixels(row.record, host)) for row in rows]
        generate_answers(model, host.base, examples, batch=size, max_new_tokens=longest)
        teacher_forced(model, host.base, again, batch=size)

    found = Pair("scoring the rows of a report", *in_turns(ours, plain, list(range(3))))
    detach_adapter(model)
    return found


def packing(config: TrialConfig, host: Host) -> Pair:
    """Compare four trials in a pack with the same four, one after another: steps alone, no report."""
    long = config.training.model_copy(update={"steps": 1000, "rungs": ()})
    trials = [config.model_copy(update={"number": number, "training": long}) for number in range(4)]
    pack = Pack(host, slots=4)
    for trial in trials:
        pack.add(trial)
    alone = Pack(host, slots=4)
    for trial in trials:
        alone.add(trial)

    def one_by_one(_: int) -> None:
        for slot in range(4):
            alone.step(resting=[other for other in range(4) if other != slot])

    return Pair("a step of four trials", *in_turns(lambda _: pack.step(), one_by_one, list(range(TURNS))))


LEVERS: Mapping[str, Callable[[TrialConfig, Host], Pair]] = {
    "vision features kept": vision_features,
    "tokens and positions kept": tokens_and_positions,
    "logits only where supervised": supervised_logits,
    "states below an adapter on the last layer kept": frozen_layers,
    "rows of like lengths in a batch": length_aware,
    "scoring: features, lengths, merged weights": evaluation,
    "four trials packed": packing,
    **STEP_LEVERS,
}


def _stepped(
    config: TrialConfig,
    host: Host,
    ours: Callable[[list[Record]], Batch],
    plain: Callable[[list[Record]], Batch],
) -> Pair:
    """Compare two ways to make a batch, with the passes through the model."""
    model = attach_adapter(host.base, config.adapter, seed=0)
    mixture = Mixture(config.mixture, make_terms(config.mixture))

    def step(batch: Batch) -> None:
        accumulate(model, Window(mixture, [batch], weights=mixture.weights(0.5)), host.base.head)

    drawn = batches(config, host)
    for records in drawn:  # what is kept is there from the second trial on
        ours(records)
    found = in_turns(lambda records: step(ours(records)), lambda records: step(plain(records)), drawn)
    detach_adapter(model)
    return Pair("forward and backward pass of a batch, its making included", *found)


def lever_table(made: Made, shape: Shape) -> Iterator[str]:
    """Give a Markdown table of all levers for a base."""
    torch.set_num_threads(1)
    config = trial_config(0, made, shape)
    host = Host(config.model, config.data)
    yield "| Lever | work | CPU-ms with | without | ratio |"
    yield "| --- | --- | --- | --- | --- |"
    for name, lever in LEVERS.items():
        pair = lever(config, host)
        ratio = pair.without_s / pair.with_s
        yield f"| {name} | {pair.work} | {1000 * pair.with_s:.1f} | {1000 * pair.without_s:.1f} | {ratio:.2f} |"

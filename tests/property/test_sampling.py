import copy
import random
from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import made_record, split_by_image

from spaces import CurriculumConfig
from spaces.curriculum import Pacing
from trainable.boxes import Box
from trainable.data.difficulty import difficulty_ranks
from trainable.data.sampler import RowSampler
from trainable.data.split import data_hash
from trainable.errors import DataError
from trainable.markup import reference_text


def rows(grounding, text):
    boxes = [
        made_record("Where?", reference_text("x", Box(0, 0, 10 + 7 * n, 10 + 7 * n)), colour=f"#{n:06x}", name=f"g{n}")
        for n in range(grounding)
    ]
    return [*boxes, *(made_record("What?", f"answer {n}", colour=f"#{900 + n:06x}", name=f"t{n}") for n in range(text))]


def sampler(records, *, seed=1, **curriculum):
    config = CurriculumConfig(**curriculum)
    ranks = ranked(records, config.difficulty, order=config.order)
    return RowSampler(records, ranks, config, random.Random(seed)), ranks


def ranked(records, difficulty, *, order="easy_first", seed=0, losses=()):
    return difficulty_ranks(records, difficulty=difficulty, order=order, seed=seed, base_losses=lambda: losses)


counts = st.integers(1, 30)
pacings = st.sampled_from([name for name in get_args(Pacing) if name not in ("none", "self_paced")])
progresses = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(counts, counts, pacings, st.sampled_from(["box_area", "random"]), st.floats(0.01, 1), progresses)
@settings(max_examples=100, deadline=None)
def test_a_row_that_the_pacing_forbids_is_never_drawn(grounding, text, pacing, difficulty, start, steps):
    records = rows(grounding, text)
    draws, ranks = sampler(records, pacing=pacing, difficulty=difficulty, start_share=start)
    share_at = CurriculumConfig(pacing=pacing, start_share=start).share_at
    for progress in sorted(steps):
        for row in draws.draw(8, progress):
            assert ranks[row] is None or ranks[row] < share_at(progress)


@given(counts, counts, st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_each_pass_draws_every_row_of_a_task_once(grounding, text, seed):
    records = rows(grounding, text)
    draws, _ = sampler(records, seed=seed)
    drawn = {"grounding": [], "text": []}
    for row in draws.draw(12 * (grounding + text), 0.5):
        drawn[records[row].task].append(row)
    for task, size in (("grounding", grounding), ("text", text)):
        for start in range(0, len(drawn[task]) - size, size):
            assert len(set(drawn[task][start : start + size])) == size


def test_rows_that_have_just_opened_are_drawn_no_more_than_others():
    records = rows(4000, 1)
    draws, ranks = sampler(records, pacing="linear", start_share=0.1, full_at=1.0)
    late = [draws.draw(4, step / 200) for step in range(200)][100:]
    places = [(ranks[row], 0.1 + 0.9 * (100 + step) / 200) for step, batch in enumerate(late) for row in batch]
    newest = [rank > 0.9 * share for rank, share in places if rank is not None]
    assert sum(newest) / len(newest) < 0.25  # 0.1 if all rows were left in the pass, somewhat more as old ones are used


def test_the_share_of_tasks_is_that_of_the_data_whatever_the_pacing():
    records = rows(30, 10)
    for curriculum in ({}, {"pacing": "linear", "start_share": 0.1}):
        drawn = Counter(records[row].task for row in sampler(records, **curriculum)[0].draw(4000, 0.0))
        assert drawn["grounding"] / 4000 == pytest.approx(0.75, abs=0.03)


def test_a_task_mix_draws_its_own_share_and_moves_it_over_time():
    records = rows(30, 10)
    draws, _ = sampler(records, mix="task", grounding_share=0.2, grounding_drift=4.0)
    for progress, share in ((0.0, 0.0327), (0.5, 0.2), (1.0, 0.6488)):  # by hand: logit 0.2 is -1.386, then ±2
        assert draws.task_share("grounding", progress) == pytest.approx(share, abs=1e-4)
        drawn = Counter(records[row].task for row in draws.draw(4000, progress))
        assert drawn["grounding"] / 4000 == pytest.approx(share, abs=0.03)


def from_two_sources(first, second):
    return [replace(record, source=0) for record in rows(first, first)] + [
        replace(record, source=1) for record in rows(second, second)
    ]


@pytest.mark.parametrize(
    ("curriculum", "share"),
    [
        ({"mix": "data"}, 0.9),
        ({"mix": "temperature", "temperature": 1.0}, 0.9),
        ({"mix": "temperature", "temperature": 2.0}, 0.75),  # 3 : 1
        ({"mix": "temperature", "temperature": 100.0}, 0.5055),
        ({"mix": "sources", "stick_1": 0.3}, 0.3),
        ({"mix": "sources", "stick_1": 1.0}, 1.0),
    ],
)
def test_sources_are_drawn_in_their_shares_and_tasks_within_them_as_in_the_data(curriculum, share):
    records = from_two_sources(90, 10)
    drawn = [records[row] for row in sampler(records, **curriculum)[0].draw(6000, 0.5)]
    assert sum(record.source == 0 for record in drawn) / 6000 == pytest.approx(share, abs=0.03)
    assert sum(record.task == "text" for record in drawn) / 6000 == pytest.approx(0.5, abs=0.03)


def test_a_temperature_rises_by_its_drift():
    draws, _ = sampler(from_two_sources(90, 10), mix="temperature", temperature=2.0, temperature_drift=2.0)
    for progress, share in ((0.0, 0.9), (0.5, 0.75), (1.0, 9**0.25 / (1 + 9**0.25))):
        total = sum(row < 180 for row in draws.draw(6000, progress)) / 6000
        assert total == pytest.approx(share, abs=0.03)


def test_the_mix_leaves_out_a_task_without_rows():
    draws, _ = sampler(rows(5, 0), mix="task", grounding_share=0.1)
    assert draws.task_share("grounding", 0.5) == 1.0
    assert draws.draw(3, 0.5)


def test_new_ranks_decide_at_once_which_rows_may_be_drawn():
    records = rows(10, 0)
    draws, ranks = sampler(records, pacing="single_step", start_share=0.2)
    assert {ranks[row] for row in draws.draw(20, 0.0)} == {0.0, 0.1}
    draws.draw(1, 0.0)
    turned = [0.9 - rank for rank in ranks]
    draws.rerank(turned)
    assert {ranks[row] for row in draws.draw(20, 0.0)} == {0.8, 0.9}


def test_each_difficulty_ranks_by_its_own_measure():
    few = made_record("Where is it?", reference_text("x", Box(0, 0, 9, 9)), name="few")
    many = made_record("Where is the very last?", 2 * reference_text("x", Box(0, 0, 99, 99)), name="many")
    records = [replace(many, distractors=0), replace(few, distractors=3), made_record("Say.", "so", name="text")]
    assert ranked(records, "box_area") == [0.0, 0.5, None]
    assert ranked(records, "distractors") == [0.0, 0.5, None]
    assert ranked(records, "phrase_length") == [0.5, 0.0, None]
    assert ranked(records, "boxes") == [0.5, 0.0, None]
    assert ranked(records, "base_loss", losses=[2.0, 1.0]) == [0.5, 0.0, None]
    assert ranked(records, "base_loss", losses=[2.0, 1.0], order="anti") == [0.0, 0.5, None]
    with pytest.raises(DataError, match="does not say how many distractors"):
        ranked([few], "distractors")


def test_the_anti_curriculum_turns_the_order_around():
    records = rows(30, 0)
    easy, anti = ranked(records, "box_area"), ranked(records, "box_area", order="anti")
    assert [pytest.approx(29 / 30 - rank) for rank in easy] == anti


def test_the_same_seed_draws_the_same_rows_and_another_seed_others():
    records = rows(20, 20)
    first, again, other = (sampler(records, seed=seed)[0].draw(50, 0.5) for seed in (1, 1, 2))
    assert first == again != other


def test_a_saved_state_goes_on_exactly():
    records = rows(9, 7)
    draws, _ = sampler(records, pacing="root")
    draws.draw(13, 0.2)
    state = copy.deepcopy(draws.state_dict())
    expected = draws.draw(40, 0.7)
    other, _ = sampler(records, seed=99, pacing="root")
    other.load_state_dict(state)
    assert other.draw(40, 0.7) == expected


def test_large_boxes_are_easy_and_text_rows_have_no_rank():
    records = rows(4, 1)
    assert ranked(records, "box_area") == [0.75, 0.5, 0.25, 0.0, None]


def test_the_random_control_ranks_as_many_rows_in_another_order():
    records = rows(40, 0)
    area, control = (ranked(records, kind, seed=3) for kind in ("box_area", "random"))
    assert sorted(area) == sorted(control)
    assert area != control
    assert control != ranked(records, "random", seed=4)


@given(st.integers(2, 40), st.integers(0, 20), st.floats(0.05, 0.95), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_no_image_is_in_both_splits_and_none_is_empty(grounding, text, share, seed):
    records = rows(grounding, text)
    split = split_by_image(records, search_share=share, seed=seed)
    keys = [{image.key for record in part for image in record.images} for part in (split.train, split.search)]
    assert not keys[0] & keys[1]
    assert split.train and split.search
    assert sorted(r.id for r in (*split.train, *split.search)) == sorted(r.id for r in records)


def test_the_split_does_not_depend_on_the_order_of_rows():
    records = rows(20, 10)
    shuffled = random.Random(0).sample(records, len(records))
    first, second = (split_by_image(part, search_share=0.3, seed=1) for part in (records, shuffled))
    assert {record.id for record in first.search} == {record.id for record in second.search}
    assert len(first.search) == 9


def test_rows_that_are_linked_by_images_stay_together():
    records = rows(6, 0)
    chain = [
        type(record)(**{**vars(record), "images": (record.images[0], records[index + 1].images[0])})
        for index, record in enumerate(records[:-1])
    ]
    with pytest.raises(DataError, match="share 1 image groups"):
        split_by_image(chain, search_share=0.5, seed=0)


def test_search_holds_rows_of_both_tasks_where_there_are_both():
    split = split_by_image(rows(10, 4), search_share=0.1, seed=0)
    assert {record.task for record in split.search} == {"grounding", "text"}


def test_the_hash_of_the_data_changes_with_every_part_of_a_row():
    records = rows(2, 1)
    other = made_record("What?", "answer 1", colour=f"#{900:06x}", name="t0")
    assert data_hash(records) == data_hash(rows(2, 1))
    assert len({data_hash(records), data_hash(records[::-1]), data_hash([*records[:2], other])}) == 3


@pytest.mark.parametrize(("grounding", "text"), [(5, 0), (0, 5)])
@pytest.mark.parametrize("pacing", ["none", "linear", "root", "baby_steps"])
def test_rows_of_one_task_alone_can_be_drawn(grounding, text, pacing):
    records = rows(grounding, text)
    draws, _ = sampler(records, pacing=pacing, start_share=0.01)
    assert set(draws.draw(200, 1.0)) == set(range(5))
    first, _ = sampler(records, pacing=pacing, start_share=0.01)
    allowed = {"none": 5, "baby_steps": 2}.get(pacing, 1) if grounding else 5
    assert len(set(first.draw(200, 0.0))) == allowed


@given(counts, pacings, st.floats(0.01, 1), progresses)
@settings(max_examples=50, deadline=None)
def test_the_random_control_allows_as_many_rows_as_the_box_area(grounding, pacing, start, steps):
    records = rows(grounding, 1)
    share_at = CurriculumConfig(pacing=pacing, start_share=start).share_at
    area, control = ([rank for rank in ranked(records, kind) if rank is not None] for kind in ("box_area", "random"))
    for progress in steps:
        allowed = [sum(rank < share_at(progress) for rank in ranks) for ranks in (area, control)]
        assert allowed[0] == allowed[1] >= 1


def test_equal_boxes_are_ordered_by_the_seed_and_not_by_their_place():
    records = [
        made_record("Where?", reference_text("x", Box(0, 0, 10, 10)), colour=f"#{n:06x}", name=f"g{n}")
        for n in range(20)
    ]
    ranks = ranked(records, "box_area")
    assert ranks != sorted(ranks)
    assert dict(zip([r.id for r in records], ranks, strict=True)) == dict(
        zip([r.id for r in records[::-1]], ranked(records[::-1], "box_area"), strict=True)
    )


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows_for_two_splits_are_refused(count):
    with pytest.raises(DataError, match=f"{count} rows share {count} image groups; a split by image needs at least 2"):
        split_by_image(rows(count, 0), search_share=0.5, seed=0)


def test_one_photo_of_each_kind_still_gives_two_splits():
    split = split_by_image(rows(1, 1), search_share=0.2, seed=0)
    assert (len(split.train), len(split.search)) == (1, 1)


def test_rows_without_images_are_split_one_by_one():
    records = [made_record("What?", f"so {n}", colour=None, name=f"t{n}") for n in range(10)]
    split = split_by_image(records, search_share=0.3, seed=0)
    assert (len(split.train), len(split.search)) == (7, 3)


def test_rows_of_one_text_stay_together():
    records = [made_record("What?", f"so {n % 2}", colour=None, name=f"t{n}") for n in range(10)]
    split = split_by_image(records, search_share=0.3, seed=0)
    assert {len({record.turns[0].answer for record in part}) for part in (split.train, split.search)} == {1}
    assert (len(split.train), len(split.search)) == (5, 5)


def test_a_pacing_opens_the_same_share_of_every_source():
    """One source of easy rows and one of hard ones: no row of the hard one is drawn again and again."""
    easy = [replace(record, source=0) for record in rows(40, 0)][20:]
    hard = [replace(record, source=1, id=f"hard {record.id}") for record in rows(20, 0)]
    records = [*easy, *hard]
    draws, _ = sampler(records, pacing="single_step", start_share=0.5)
    drawn = Counter(draws.draw(200, 0.0))
    assert len(drawn) == 20
    assert max(drawn.values()) < 25

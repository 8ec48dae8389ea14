import copy
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import made_record

from spaces import CurriculumConfig
from trainable.boxes import Box
from trainable.data.difficulty import difficulty_ranks
from trainable.data.sampler import RowSampler
from trainable.data.split import data_hash, split_by_image
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
    ranks = difficulty_ranks(records, difficulty=config.difficulty, seed=0)
    return RowSampler([record.task for record in records], ranks, config, random.Random(seed)), ranks


counts = st.integers(1, 30)
pacings = st.sampled_from(["linear", "root"])
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
    assert difficulty_ranks(records, difficulty="box_area", seed=0) == [0.75, 0.5, 0.25, 0.0, None]


def test_the_random_control_ranks_as_many_rows_in_another_order():
    records = rows(40, 0)
    area, control = (difficulty_ranks(records, difficulty=kind, seed=3) for kind in ("box_area", "random"))
    assert sorted(area) == sorted(control)
    assert area != control
    assert control != difficulty_ranks(records, difficulty="random", seed=4)


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
@pytest.mark.parametrize("pacing", ["none", "linear", "root"])
def test_rows_of_one_task_alone_can_be_drawn(grounding, text, pacing):
    records = rows(grounding, text)
    draws, _ = sampler(records, pacing=pacing, start_share=0.01)
    assert set(draws.draw(200, 1.0)) == set(range(5))
    first, _ = sampler(records, pacing=pacing, start_share=0.01)
    assert len(set(first.draw(200, 0.0))) == (1 if grounding and pacing != "none" else 5)


@given(counts, pacings, st.floats(0.01, 1), progresses)
@settings(max_examples=50, deadline=None)
def test_the_random_control_allows_as_many_rows_as_the_box_area(grounding, pacing, start, steps):
    records = rows(grounding, 1)
    share_at = CurriculumConfig(pacing=pacing, start_share=start).share_at
    area, control = (
        [rank for rank in difficulty_ranks(records, difficulty=kind, seed=0) if rank is not None]
        for kind in ("box_area", "random")
    )
    for progress in steps:
        allowed = [sum(rank < share_at(progress) for rank in ranks) for ranks in (area, control)]
        assert allowed[0] == allowed[1] >= 1


def test_equal_boxes_are_ordered_by_the_seed_and_not_by_their_place():
    records = [
        made_record("Where?", reference_text("x", Box(0, 0, 10, 10)), colour=f"#{n:06x}", name=f"g{n}")
        for n in range(20)
    ]
    ranks = difficulty_ranks(records, difficulty="box_area", seed=0)
    assert ranks != sorted(ranks)
    assert dict(zip([r.id for r in records], ranks, strict=True)) == dict(
        zip([r.id for r in records[::-1]], difficulty_ranks(records[::-1], difficulty="box_area", seed=0), strict=True)
    )


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows_for_two_splits_are_refused(count):
    with pytest.raises(DataError, match=f"{count} rows share {count} image groups; a split by image needs at least 2"):
        split_by_image(rows(count, 0), search_share=0.5, seed=0)


def test_one_photo_of_each_kind_still_gives_two_splits():
    split = split_by_image(rows(1, 1), search_share=0.2, seed=0)
    assert (len(split.train), len(split.search)) == (1, 1)


def test_rows_without_images_are_split_one_by_one():
    records = [made_record("What?", "so", colour=None, name=f"t{n}") for n in range(10)]
    split = split_by_image(records, search_share=0.3, seed=0)
    assert (len(split.train), len(split.search)) == (7, 3)

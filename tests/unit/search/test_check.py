import json
import random

import pytest
from made_search import made_spec, start_hub
from PIL import Image

from results import write_sweep_json
from search.check import check_data
from search.cli import main
from search.errors import CheckError
from search.recorder import record_columns
from search.sweep_spec import SPEC_KEY
from spaces import parse_space


def coco_spec(folder, *, boxes, photos=4):
    (folder / "photos").mkdir(exist_ok=True)
    for number in range(photos):
        Image.new("RGB", (64, 48), (9 * number, 0, 0)).save(folder / "photos" / f"{number}.png")
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 64, "height": 48} for n in range(photos)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": n, "image_id": image, "category_id": 1, "bbox": box} for n, (image, box) in enumerate(boxes)
        ],
    }
    (folder / "boxes.json").write_text(json.dumps(content))
    source = {"source": "coco", "annotations": str(folder / "boxes.json"), "images": str(folder / "photos")}
    spec = made_spec()
    return spec.model_copy(update={"data": type(spec.data)(sources=(source,), search_share=0.5)})


FINE = [(image, [5, 6, 30, 20]) for image in range(4)]


def test_rows_are_counted_by_split_and_task(tmp_path):
    summary = check_data(coco_spec(tmp_path, boxes=FINE))
    assert summary.counts == {"train": {"grounding": 2, "text": 2}, "search": {"grounding": 2, "text": 2}}
    assert "train: 2 grounding, 2 text" in summary.lines()


def test_refused_rows_are_listed_with_file_row_and_reason(tmp_path):
    summary = check_data(coco_spec(tmp_path, boxes=[*FINE, (0, [60, 6, 30, 20])]))
    line = next(line for line in summary.lines() if "annotations 4" in line)
    assert f"{tmp_path}/boxes.json row annotations 4: the box leaves the image of 64x48" in line
    assert "refused: 1 rows" in summary.lines()


def test_an_objective_without_rows_in_the_search_split_is_refused(tmp_path):
    spec = coco_spec(tmp_path, boxes=[(n // 2, [5, 6, 30, 20]) for n in range(8)])  # two cats in every photo
    with pytest.raises(CheckError, match=r"grounding.miou does not apply: the search split has no grounding row"):
        check_data(spec)


def test_a_sweep_whose_data_changed_is_not_resumed(tmp_path, capsys):
    spec = coco_spec(tmp_path, boxes=FINE)
    folder = tmp_path / "out"
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": check_data(spec).data_hash}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    start_hub(spec, folder)
    coco_spec(tmp_path, boxes=[(image, [5, 6, 31, 20]) for image in range(4)])
    assert main(["resume", str(folder)]) == 2
    assert "rows were added, removed or changed since the sweep was started" in capsys.readouterr().err


def paced(spec, **curriculum):
    space, faults = parse_space({"curriculum": curriculum})
    assert faults == []
    return spec.model_copy(update={"space": space})


@pytest.mark.parametrize(
    ("curriculum", "message"),
    [
        ({"pacing": "linear", "difficulty": "distractors"}, "distractors is the same for all 2 rows and sorts nothing"),
        (
            {"pacing": {"choice": ["none", "root"]}, "difficulty": {"choice": ["base_loss", "boxes"]}},
            "boxes is the same for all 2 rows and sorts nothing",
        ),
        ({"pacing": "linear"}, "box_area is the same for all 2 rows"),
    ],
)
def test_a_difficulty_that_tells_no_rows_apart_is_refused(tmp_path, curriculum, message):
    with pytest.raises(CheckError, match=f"space.curriculum.difficulty: {message}"):
        check_data(paced(coco_spec(tmp_path, boxes=FINE), **curriculum))


def test_a_difficulty_that_the_source_does_not_know_is_refused(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "Where is it" + n * "?"}, {"role": "assistant", "content": box}]}
        for n, box in enumerate(4 * ["<|box_start|>(1,2),(30,40)<|box_end|>"] + 4 * ["nowhere"])
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"made": entry}))
    source = {"source": "llamafactory", "folder": str(tmp_path), "dataset": "made"}
    spec = made_spec()
    spec = spec.model_copy(update={"data": type(spec.data)(sources=(source,), search_share=0.5)})
    check_data(paced(spec, pacing="linear", difficulty="phrase_length"))
    with pytest.raises(
        CheckError, match=r"distractors is unknown for 2 of 2 rows, such as rows.json#\d; choose another"
    ):
        check_data(paced(spec, pacing="linear", difficulty="distractors"))


@pytest.mark.parametrize(
    "curriculum", [{"pacing": "self_paced"}, {"pacing": "linear", "difficulty": "random"}, {"pacing": "none"}]
)
def test_what_needs_no_measure_of_the_rows_is_fine(tmp_path, curriculum):
    check_data(paced(coco_spec(tmp_path, boxes=FINE), **curriculum))


def test_a_source_without_a_training_row_can_take_no_share(tmp_path):
    spec = coco_spec(tmp_path, boxes=FINE)
    empty = json.loads((tmp_path / "boxes.json").read_text()) | {"annotations": [], "images": []}
    (tmp_path / "empty.json").write_text(json.dumps(empty))
    second = spec.data.sources[0].model_copy(update={"annotations": str(tmp_path / "empty.json")})
    data = spec.data.model_copy(update={"sources": (*spec.data.sources, second)})
    spec = spec.model_copy(update={"data": data})
    check_data(paced(spec, mix="data"))
    with pytest.raises(CheckError, match=r"data\.sources\.1 has no training row to take a share of"):
        check_data(paced(spec, mix="temperature"))


def test_when_no_row_is_left_the_reasons_are_told(tmp_path):
    spec = coco_spec(tmp_path, boxes=FINE)
    for photo in (tmp_path / "photos").iterdir():
        photo.unlink()
    with pytest.raises(CheckError) as caught:
        check_data(spec)
    first, *rest = str(caught.value).splitlines()
    assert first == "data: 0 rows share 0 image groups; a split by image needs at least 2"
    assert "refused: 8 rows" in rest
    assert any("photos/0.png does not exist" in line for line in rest)


def test_all_refused_rows_can_be_written_to_a_file(tmp_path):
    spec = coco_spec(tmp_path, boxes=[*FINE, *[(0, [60, 6, 30, 20])] * 12])
    summary = check_data(spec, refused_to=tmp_path / "refused.txt")
    written = (tmp_path / "refused.txt").read_text().splitlines()
    assert len(written) == len(summary.refused) == 12
    assert summary.lines()[-1] == "  and 2 more; paretune check --refused FILE writes all of them to a file"
    assert summary.lines()[-2].strip() in written
    with pytest.raises(CheckError, match=r"--refused: .*nowhere/refused.txt can't be written: No such file"):
        check_data(spec, refused_to=tmp_path / "nowhere" / "refused.txt")


def test_a_damaged_photo_is_named_before_anything_starts(tmp_path):
    spec = coco_spec(tmp_path, boxes=FINE)
    check_data(spec)
    path = tmp_path / "photos" / "2.png"
    rng = random.Random(0)
    Image.frombytes("RGB", (64, 48), rng.randbytes(64 * 48 * 3)).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckError) as caught:
        check_data(spec)
    first, second = str(caught.value).splitlines()
    assert first == "data: 1 of 4 images can't be used; mend them or remove their rows"
    assert second.startswith(f"  boxes.json#2/cat: {path} is no readable image: ")

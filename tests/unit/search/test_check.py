import json
import random
import shutil

import pytest
from made_search import made_spec, start_hub
from PIL import Image

from results import write_sweep_json
from search.amounts import in_words
from search.check import check_data
from search.check_base import check_base_files
from search.check_cache import cache_lines
from search.check_files import check_lines, tokens_line, verdict, write_check
from search.check_page import check_page
from search.check_refused import rows_of
from search.cli import main
from search.errors import CheckError
from search.recorder import record_columns
from search.sweep_spec import SPEC_KEY
from spaces import DataConfig, parse_space
from spaces.trial import CacheConfig, ModelConfig
from trainable.data.records import Record, Turn
from trainable.data.render import render
from trainable.host import Host
from trainable.model.load import load_base, load_processor
from trainable.model.tiny import tiny_folder


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
    return spec.model_copy(update={"data": halves(source)})


def halves(*sources):
    return DataConfig.model_validate({"sources": sources, "search_share": 0.5, "confirm_share": 0, "test_share": 0})


FINE = [(image, [5, 6, 30, 20]) for image in range(4)]


def said(data):
    return check_lines(data, tokens=tokens_line(data, max_length=4096))


def test_rows_are_counted_by_split_and_task(tmp_path):
    data = check_data(coco_spec(tmp_path, boxes=FINE))
    both = {"grounding": 2, "text": 2}
    assert data.counts == {"train": both, "search": both, "confirm": {}, "test": {}}
    lines = said(data)
    assert {"rows: 8 used, 0 refused", "train: 2 grounding, 2 text", "confirm: no rows"} <= set(lines)


def test_lengths_of_rows_are_those_of_their_tokens(tmp_path):
    data = check_data(coco_spec(tmp_path, boxes=FINE))
    lengths = sorted(len(render(r, data.processor).ids) for rows in vars(data.prepared.split).values() for r in rows)
    line = next(line for line in said(data) if line.startswith("tokens"))
    assert line == (
        f"tokens: all 8 rows: median {lengths[3]}, 95 % at most {lengths[7]}, longest {lengths[7]} of data.max_length "
        "4096; of images 20 to 20 a row"
    )


def test_a_row_that_is_too_long_is_refused_with_its_length(tmp_path):
    spec = coco_spec(tmp_path, boxes=[*FINE[:3], (3, [50, 40, 13, 7])])  # more digits than the others
    data = check_data(spec)
    rows = [record for part in vars(data.prepared.split).values() for record in part]
    longest = max(len(render(record, data.processor).ids) for record in rows)
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"max_length": longest - 1})})
    data = check_data(spec)
    (row,) = data.refused
    assert (row.file, row.row) == ("boxes.json", "3/cat")
    assert row.reason == (
        f"it has {longest} tokens, 20 of them of images; data.max_length is {longest - 1}, nothing is cut"
    )
    assert sum(counts["grounding"] for counts in data.counts.values() if counts) == 3


def test_a_model_that_this_machine_does_not_hold_is_said(tmp_path):
    spec = coco_spec(tmp_path, boxes=FINE)
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"path": "nobody/Nothing-2B"})})
    data = check_data(spec)
    (line,) = [line for line in said(data) if line.startswith("tokens")]
    assert line.startswith("tokens: not known here, since can't load the model 'nobody/Nothing-2B'")
    page = check_page(data, name="x.yaml", groups=(), tokens=line)
    assert "This machine does not hold the model" in page


def test_refused_rows_are_grouped_by_reason_and_the_first_ten_of_each_are_shown(tmp_path):
    outside = [(0, [60, 6, 30 + n, 20]) for n in range(12)]
    data = check_data(coco_spec(tmp_path, boxes=[*FINE, *outside, (1, [5, 6, 0, 20])]))
    lines = said(data)
    start = lines.index("refused: 13 rows")
    place, reason = f"{tmp_path}/boxes.json row annotations", "the box leaves the image of 64x48; got"
    assert lines[start + 1] == f"  {place} 4: {reason} (60, 6, 90, 26) (and 11 more like it):"
    assert lines[start + 2] == f"    {place} 5: {reason} (60, 6, 91, 26)"
    assert lines[start + 10] == f"    {place} 13: {reason} (60, 6, 99, 26)"
    assert lines[start + 11] == "    and 2 more"
    assert lines[start + 12] == f"  {place} 16: x2 must exceed x1 and y2 must exceed y1; got (5, 6, 5, 26)"
    assert verdict(data) == "can be run; 13 of 19 rows are refused"


def test_data_of_which_no_row_is_refused_are_fine(tmp_path):
    assert verdict(check_data(coco_spec(tmp_path, boxes=FINE))) == "fine"


def test_the_page_tells_refused_rows_by_whole_reasons(tmp_path):
    data = check_data(coco_spec(tmp_path, boxes=[*FINE, (0, [60, 6, 30, 20]), (1, [60, 6, 31, 20])]))
    write_check(tmp_path / "out", data, name="x.yaml", tokens="")
    head = "the box leaves the image of 64x48; got (60, 6, 90, 26) (and 1 more like it)</summary>"
    assert head in (tmp_path / "out" / "check.html").read_text()


def test_every_refused_row_and_missing_image_is_written_to_a_file(tmp_path):
    spec = coco_spec(tmp_path, boxes=[*FINE, *[(0, [60, 6, 30, 20])] * 12])
    (tmp_path / "photos" / "3.png").unlink()
    data = check_data(spec)
    told = write_check(tmp_path / "out", data, name="x.yaml", tokens="")
    first, *rows = (tmp_path / "out" / "refused.tsv").read_text().splitlines()
    assert first.split("\t") == ["file", "row", "reason"]
    assert len(rows) == len(data.refused) == 14
    assert all(len(row.split("\t")) == 3 for row in rows)
    assert (tmp_path / "out" / "missing-images.txt").read_text() == f"{tmp_path}/photos/3.png\n"
    assert [line.split(": ")[0] for line in told] == [
        "all refused rows",
        "all missing images",
        "page with rendered rows",
    ]
    (tmp_path / "file").touch()
    with pytest.raises(CheckError, match=r"refused\.tsv can't be written: .*; choose another folder by --out"):
        write_check(tmp_path / "file", data, name="x.yaml", tokens="")


def test_an_objective_without_rows_in_the_search_split_is_refused(tmp_path):
    spec = coco_spec(tmp_path, boxes=[(n // 2, [5, 6, 30, 20]) for n in range(8)])  # two cats in every photo
    with pytest.raises(CheckError, match=r"grounding.miou does not apply to any row of the search split \(2 text\)"):
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


def with_base(spec, folder):
    return spec.model_copy(update={"model": spec.model.model_copy(update={"path": str(folder)})})


def cut_short(file):
    whole = file.read_bytes()
    file.write_bytes(whole[:100_000])
    return f"{file.name} has 100000 bytes; expected {len(whole)}"


@pytest.mark.parametrize("command", ["resume", "confirm"])
def test_a_sweep_goes_on_only_with_a_base_whose_files_are_whole(tmp_path, command, capsys, monkeypatch):
    base = shutil.copytree(tiny_folder(), tmp_path / "base")
    spec = with_base(coco_spec(tmp_path, boxes=FINE), base)
    folder = tmp_path / "out"
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": check_data(spec).data_hash}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    start_hub(spec, folder)
    found = cut_short(base / "model.safetensors")
    monkeypatch.setattr("search.ray_settings.set_up_ray", lambda address: pytest.fail("Ray was set up"))
    assert main([command, str(folder)]) == 2
    assert capsys.readouterr().err == (
        f"paretune: model.path: the base in {base} is not whole: {found}; copy or download it anew\n"
    )


def test_every_damaged_file_of_a_base_is_named(tmp_path):
    base = shutil.copytree(tiny_folder(), tmp_path / "base")
    weights = (base / "model.safetensors").rename(base / "a.safetensors")
    shutil.copy(weights, base / "b.safetensors")
    index = {"weight_map": {"a": "a.safetensors", "b": "b.safetensors", "c": "c.safetensors"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))
    (base / "tokenizer.json").unlink()
    cut_short(base / "b.safetensors")
    with pytest.raises(CheckError) as caught:
        check_base_files(str(base))
    message = str(caught.value)
    assert all(word in message for word in ("no tokenizer", "b.safetensors has 100000 bytes", "c.safetensors can't be"))
    assert "a.safetensors" not in message
    assert message.endswith("; copy or download them anew")


def test_an_index_beside_one_whole_file_of_weights_is_not_looked_at(tmp_path):
    """transformers loads the one file then."""
    base = shutil.copytree(tiny_folder(), tmp_path / "base")
    (base / "model.safetensors.index.json").write_text('{"weight_map": {"a": "nowhere.safetensors"}}')
    check_base_files(str(base))
    load_base(ModelConfig(path=str(base)))


def test_a_base_with_pickled_weights_is_not_said_to_have_none(tmp_path):
    base = shutil.copytree(tiny_folder(), tmp_path / "base")
    (base / "model.safetensors").unlink()
    with pytest.raises(CheckError, match="it has no weights"):
        check_base_files(str(base))
    (base / "pytorch_model.bin").write_bytes(b"weights")
    check_base_files(str(base))


def test_of_a_name_on_the_hub_what_the_cache_holds_is_looked_at(tmp_path, monkeypatch):
    """The cache as huggingface_hub lays it out; files that it lacks are downloaded by a worker."""
    monkeypatch.setattr("search.check_base.base_config", lambda path: base / "config.json" if path == "a/b" else None)
    base = shutil.copytree(tiny_folder(), tmp_path / "snapshots" / "0")
    check_base_files("a/b")
    check_base_files("nobody/nothing")
    found = cut_short(base / "model.safetensors")
    with pytest.raises(CheckError, match=found):
        check_base_files("a/b")
    (base / "model.safetensors").unlink()
    (base / "tokenizer.json").unlink()
    check_base_files("a/b")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tiny-bse", "there is no such folder; set it to {}/tiny-base, if that is meant"),
        ("other", "there is no such folder; set it to the folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model"),
        ("photos", "it has no config.json; set it to the folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model"),
        ("boxes.json", "it is a file, not a folder; set it to the folder of a Qwen2-VL"),
    ],
)
def test_a_base_that_is_not_there_is_told_from_a_folder_of_something_else(tmp_path, name, found):
    shutil.copytree(tiny_folder(), tmp_path / "tiny-base")
    spec = with_base(coco_spec(tmp_path, boxes=FINE), tmp_path / name)
    with pytest.raises(CheckError) as caught:
        check_data(spec)
    assert str(caught.value).startswith(f"model.path: {tmp_path / name}: {found.format(tmp_path)}")


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
        {
            "messages": [
                {"role": "user", "content": "<image>Where is it" + n * "?"},
                {"role": "assistant", "content": box},
            ],
            "images": [f"{n}.png"],
        }
        for n, box in enumerate(4 * ["<|box_start|>(1,2),(30,40)<|box_end|>"] + 4 * ["nowhere"])
    ]
    for n in range(8):
        Image.new("RGB", (64, 48), (9 * n, 0, 0)).save(tmp_path / f"{n}.png")
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {
        "file_name": "rows.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": tags,
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps({"made": entry}))
    source = {"source": "llamafactory", "folder": str(tmp_path), "dataset": "made"}
    spec = made_spec()
    spec = spec.model_copy(update={"data": halves(source)})
    check_data(paced(spec, pacing="linear", difficulty="phrase_length"))
    with pytest.raises(
        CheckError, match=r"distractors is unknown for 2 of 2 rows, such as rows.json row \d; choose another"
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
    reason = f"the image '0.png' does not exist in {tmp_path}/photos"
    place = f"{tmp_path}/boxes.json row images 0"
    assert first == f"data: none of 8 rows can be used, mostly: {place}: {reason} (and 3 more like it)"
    assert "refused: 8 rows" in rest
    assert any("'0.png' does not exist" in line for line in rest)
    assert len(caught.value.refused) == 8


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
    assert first == "data: 1 of 4 images can't be used; mend it or remove its rows"
    assert second.startswith(f"  boxes.json rows 2/cat, 2/categories: {path} is no readable image: ")


def test_five_rows_are_named_by_file_and_the_others_counted():
    def named(*ids):
        return rows_of([Record(each, "text", "answer", (), (Turn("Who?", "Me."),)) for each in ids])

    assert named("a.json#4") == "a.json row 4"
    assert named("a.json#4", "b.json#0", "a.json#5") == "a.json rows 4, 5, b.json row 0"
    assert named(*(f"a.json#{n}" for n in range(8))) == "a.json rows 0, 1, 2, 3, 4 and 3 more"


def test_a_score_that_no_row_supports_cannot_be_an_objective(tmp_path):
    spec = coco_spec(tmp_path, boxes=FINE)
    objectives = tuple(type(spec.objectives[0])(metric=name) for name in ("grounding.miou", "text.vqa_accuracy"))
    with pytest.raises(CheckError, match=r"text\.vqa_accuracy does not apply to any row of the search split"):
        check_data(spec.model_copy(update={"objectives": objectives}))


def test_a_source_with_a_share_and_no_training_row_is_refused(tmp_path):
    spec = coco_spec(tmp_path, boxes=FINE)
    empty = json.loads((tmp_path / "boxes.json").read_text()) | {"annotations": [], "images": []}
    (tmp_path / "empty.json").write_text(json.dumps(empty))
    first = spec.data.sources[0].model_copy(update={"share": 0.5})
    second = first.model_copy(update={"annotations": str(tmp_path / "empty.json")})
    with pytest.raises(CheckError, match=r"data\.sources\.1\.share: it has no training row to take a share of"):
        check_data(spec.model_copy(update={"data": halves(first.model_dump(), second.model_dump())}))


def test_the_page_shows_rows_of_every_source_and_split_as_they_are_trained_on(tmp_path):
    data = check_data(coco_spec(tmp_path, boxes=FINE))
    page = check_page(data, name="<x>.yaml", groups=(), tokens="tokens: few")
    assert page.count("<article>") == 8
    assert "&lt;x&gt;.yaml" in page and "<x>" not in page
    assert '<span class="prompt">&lt;|image_pad|&gt; × 20 </span>' in page
    assert '<span class="digit">78</span>' in page  # 5 of 64 pixels
    assert page.count('<rect x="78.125" y="125.0" width="468.75"') == 4
    assert '<span class="text">&lt;|im_end|&gt;</span>' in page
    assert "http" not in page


def kept_line(spec):
    (line,) = cache_lines(spec, check_data(spec))
    return line


def test_the_disk_that_is_kept_for_all_trials_is_what_the_files_take(tmp_path):
    """Eight photos of 64x48 pixels are resized to 20 tokens each, of width 128 in float32."""
    spec = coco_spec(tmp_path, boxes=[(image, [4, 4, 20, 20]) for image in range(8)], photos=8)
    assert kept_line(spec) == "kept for all trials: up to 81.9 kB on each node"
    half = spec.model.model_copy(update={"dtype": "bfloat16"})
    assert kept_line(spec.model_copy(update={"model": half})) == "kept for all trials: up to 41 kB on each node"
    cache = CacheConfig(folder=str(tmp_path / "kept"))
    host = Host(spec.model.model_copy(update={"cache": cache}), spec.data)
    for record in (*host.split.train, *host.split.search):
        host.example(record)
    files = list((tmp_path / "kept").rglob("*.safetensors"))
    assert len(files) == 8
    assert 81_920 < sum(file.stat().st_size for file in files) < 81_920 + 8 * 300


@pytest.mark.parametrize(("disk", "what"), [(1000, "the rest"), (0, "all of it")])
def test_a_disk_that_is_too_small_for_what_is_kept_is_said(tmp_path, disk, what):
    spec = coco_spec(tmp_path, boxes=[(image, [4, 4, 20, 20]) for image in range(8)], photos=8)
    model = spec.model.model_copy(update={"cache": CacheConfig(disk=disk)})
    line = kept_line(spec.model_copy(update={"model": model}))
    assert (
        f"but model.cache.disk is {disk or '0'}" in line.replace("1 kB", "1000") and f"{what} is computed anew" in line
    )


def test_states_below_the_adapters_count_once_for_each_depth(tmp_path):
    spec = coco_spec(tmp_path, boxes=[(image, [4, 4, 20, 20]) for image in range(8)], photos=8)

    def with_layers(*choice):
        space, _ = parse_space({"adapter": {"last_layers": {"choice": list(choice)}}})
        return kept_line(spec.model_copy(update={"space": space}))

    processor = load_processor(spec.model)
    tokens = sum(len(render(record, processor).ids) for record in check_data(spec).prepared.split.train)
    assert with_layers(0, 4) == "kept for all trials: up to 81.9 kB on each node"
    assert with_layers(0, 1, 2) == f"kept for all trials: up to {in_words(81_920 + 2 * 4 * 128 * tokens)} on each node"
    with pytest.raises(CheckError, match=r"space\.adapter\.last_layers: got 5, but the language model of tiny has 4"):
        with_layers(0, 5)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (20 * 1000**3, "20 GB"), (10**18, "1e+06 TB")]
)
def test_amounts_are_said_as_they_are_written_in_a_sweep_file(size, words):
    assert in_words(size) == words

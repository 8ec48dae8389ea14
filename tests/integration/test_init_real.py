"""First sweep files from data by other people: LLaMA-Factory's own demo, COCO, Pascal VOC."""

import pytest
from real_data import real_data
from scene_files import training_file

from search.check import check_data
from search.cli import main
from search.spec_file import load_spec

pytestmark = pytest.mark.real


def demo_file(folder, **changes):
    data = real_data("fmt-llamafactory") / "data"
    return training_file(folder, data, changes={"dataset": "mllm_demo,identity,alpaca_en_demo", **changes})


def test_the_demo_of_llamafactory_has_no_boxes_and_trades_two_text_scores(tmp_path, capsys):
    path, out = demo_file(tmp_path), tmp_path / "sweep.yaml"
    assert main(["init", str(path), "--out", str(out)]) == 2
    assert "no answer with boxes" in capsys.readouterr().err
    scores = ["text.token_f1", "text.exact_match"]
    assert main(["init", str(path), "--out", str(out), "--objectives", *scores]) == 0
    spec = load_spec(out)
    assert [source.dataset for source in spec.data.sources] == ["mllm_demo", "identity", "alpaca_en_demo"]
    assert not [key for key in spec.space.dimensions if "ntl" in key or "box" in key]
    check_data(spec)


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("mllm_video_demo", "holds videos"),
        ("glaive_toolcall_en_demo", "holds tool calls"),
        ("llava_1k_en", "lies elsewhere (hf_hub_url"),
        ("mlm_demo", "has no data set 'mlm_demo'"),
    ],
)
def test_other_entries_of_its_registry_are_refused_by_name(dataset, said, tmp_path, capsys):
    assert main(["init", str(demo_file(tmp_path, dataset=dataset)), "--out", str(tmp_path / "sweep.yaml")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("name", "source"), [("coco128-permissive", "coco"), ("raccoon-voc", "voc")])
def test_a_folder_of_photos_needs_nothing_but_a_base(name, source, tmp_path):
    out = tmp_path / "sweep.yaml"
    assert main(["init", str(real_data(name)), "--model", "tiny", "--out", str(out)]) == 0
    spec = load_spec(out)
    assert spec.data.sources[0].source == source
    check_data(spec)


def test_a_registry_of_many_data_sets_wants_a_choice(tmp_path, capsys):
    out, data = tmp_path / "sweep.yaml", real_data("fmt-llamafactory") / "data"
    assert main(["init", str(data), "--model", "tiny", "--out", str(out)]) == 2
    assert "--dataset NAME" in capsys.readouterr().err
    words = ["--dataset", "mllm_demo,identity", "--objectives", "text.token_f1", "text.rouge_l"]
    assert main(["init", str(data), "--model", "tiny", "--out", str(out), *words]) == 0

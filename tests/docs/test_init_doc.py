"""The pages on init and export name what the code reads and writes."""

from pathlib import Path

from search.export.card import CARD_FILE
from search.export.llamafactory import MERGE_FILE, TRAIN_FILE
from search.export.retrain import TRAIN_FILE as SWEEP_FILE
from search.init.llamafactory_file import LlamaFactoryArguments

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_on_init_names_every_key_that_is_read():
    page = (DOCS / "init.md").read_text()
    unnamed = {"freeze_vision_tower", "freeze_multi_modal_projector", "mix_strategy"}
    assert [key for key in LlamaFactoryArguments.model_fields if f"`{key}" not in page and key not in unnamed] == []


def test_the_page_on_export_names_every_file():
    page = (DOCS / "export.md").read_text()
    for name in (CARD_FILE, MERGE_FILE, TRAIN_FILE, SWEEP_FILE, "adapter_model.safetensors", "adapter_config.json"):
        assert f"`{name}`" in page

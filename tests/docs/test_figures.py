"""Pictures in the docs: there, small, of the embedded default, and shown somewhere."""

import re
from pathlib import Path

import pandas as pd
from make_figures import MOST_BYTES
from PIL import Image

from search.spec_file import load_spec

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def test_every_picture_is_there_and_every_file_is_shown():
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]*figures/[^)\s]+)\)", page.read_text(encoding="utf-8"))
    }
    assert shown == set(FIGURES.iterdir())


def test_pictures_are_small_and_not_empty():
    for path in FIGURES.glob("*.png"):
        assert path.stat().st_size <= MOST_BYTES
        with Image.open(path) as image:
            assert image.width > 600 and len(image.convert("RGB").getcolors(maxcolors=2**24)) > 16


def test_the_front_is_one_of_the_default_sweep():
    front = pd.read_csv(FIGURES / "front.csv")
    spec = load_spec(ROOT / "examples" / "shapes.yaml")
    assert {objective.metric for objective in spec.objectives} <= set(front)
    assert front["trial"].max() < spec.search.trials and set(front["role"]) == {"front", "baseline"}
    assert set(front.loc[front["role"] == "front", "steps"]) == {spec.trial.steps}

"""The page of a check in headless Chromium."""

import shutil

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from search.check import check_data
from search.check_files import write_check
from search.spec import SweepSpec

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on the path; install Debian's package chromium"),
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """Check photos with one red box each, two of whose labels lie outside."""
    folder = tmp_path_factory.mktemp("check")
    (folder / "labels").mkdir()
    for number in range(24):
        image = Image.new("RGB", (640, 480), (30, 30, 5 * number))
        ImageDraw.Draw(image).rectangle((160, 120, 319, 239), fill="red")
        image.save(folder / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text(
            "0 0.375 0.375 0.25 0.25\n" + "1 0.9 0.9 0.4 0.4\n" * (number < 2)
        )
    (folder / "names.txt").write_text("red </script> box\nother\n")
    source = {"source": "yolo", "labels": folder / "labels", "images": folder, "names": folder / "names.txt"}
    raw = {
        "data": {"sources": [{key: str(value) for key, value in source.items()}]},
        "objectives": ["grounding.miou", "text.token_f1"],
    }
    data = check_data(SweepSpec.model_validate(raw))
    write_check(folder / "out", data, name="a.yaml", tokens="tokens: some")
    return folder / "out" / "check.html"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 380)])
def test_twenty_rows_are_drawn_with_their_boxes_and_nothing_is_fetched(page_file, scheme, width):
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: faults.append(asked.url) if asked.url.startswith("http") else None)
        page.goto(page_file.as_uri())
        assert page.locator("article").count() == 20
        drawn = page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth > 0)")
        assert drawn and all(drawn)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert "red </script> box" in page.locator("pre").first.inner_text()
        box = page.locator("article", has_text="/red").first.locator("svg rect").last.bounding_box()
        picture = page.locator("article", has_text="/red").first.locator("img").bounding_box()
        assert (box["x"] - picture["x"]) / picture["width"] == pytest.approx(0.25, abs=0.01)
        assert (box["y"] - picture["y"]) / picture["height"] == pytest.approx(0.25, abs=0.01)
        assert box["width"] / picture["width"] == pytest.approx(0.25, abs=0.02)
        assert box["height"] / picture["height"] == pytest.approx(0.25, abs=0.02)
        page.locator("summary").first.click()
        assert page.locator("details li").first.is_visible()
        assert "the box leaves the image" in page.locator("details li").first.inner_text()
        browser.close()
    assert faults == []

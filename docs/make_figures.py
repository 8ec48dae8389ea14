"""Makes the pictures and sample outputs of the docs from one finished sweep.

Run: ``python docs/make_figures.py SWEEP [--out docs/figures]``, with Chromium on the path. Pictures that would weigh
more than 150 kB are refused.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from results import write_report
from search.explain import explain

MOST_BYTES = 150_000
_WIDTH = 1280


def main() -> None:
    """Write the pictures of the report and the front as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="folder of a finished sweep, such as that of examples/shapes.yaml")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "figures")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        files = write_report(arguments.sweep, out=Path(temporary) / "report.html", explain=explain)
        for name, picture in screenshots(files.html).items():
            save(picture, arguments.out / f"report-{name}.png")
        shutil.copyfile(files.front, arguments.out / "front.csv")


def screenshots(page: Path) -> dict[str, bytes]:
    """Take pictures of the page's top, light and dark, and of two trials' answers."""
    from playwright.sync_api import sync_playwright

    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    taken: dict[str, bytes] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        for scheme in ("light", "dark"):
            view = browser.new_page(viewport={"width": _WIDTH, "height": 860}, color_scheme=scheme)
            view.goto(page.as_uri())
            view.wait_for_timeout(500)
            taken[scheme] = view.screenshot()
            if scheme == "light" and view.locator("#tab-answers").count():
                view.locator("#tab-answers").click()
                view.wait_for_timeout(300)
                taken["answers"] = view.locator("#better .workbench").screenshot()
        browser.close()
    return taken


def save(picture: bytes, path: Path) -> None:
    """Write a picture with few colours, which such pages do with.

    Raises:
        ValueError: If it is too large for a repository.

    """
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    if (size := path.stat().st_size) > MOST_BYTES:
        path.unlink()
        raise ValueError(f"{path.name} would weigh {size:,} bytes; at most {MOST_BYTES:,} are wanted")


if __name__ == "__main__":
    main()

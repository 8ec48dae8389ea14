"""The report in a real browser: figures with a size, no error, no request, light and dark."""

import shutil
from dataclasses import replace

import pytest
from made_sweep import baseline, complete, failed, make_sweep, pruned

from results import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on the path; install Debian's package chromium"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_CONTROLS = {"parse_failure_rate": None, "constant_box_miou": None, "constant_box_acc50": None}
SWEEPS = {
    "usual": ([baseline(0.5, 0.6), complete(0.6, 0.55), complete(0.55, 0.7), pruned(20, 0.1, 0.1), failed()], 3),
    "no trial": ([], 0),
    "all failed": ([failed(), failed("diverged: giou is not finite at step 3")], 0),
    "one objective constant": ([baseline(0.5, 0.6), complete(0.6, 0.6)], 3),
    "only the baseline": ([baseline(0.5, 0.6)], 1),
    "no baseline": ([complete(0.5, 0.6), complete(0.6, 0.5)], 2),
    "failed baseline": ([failed(role="baseline"), complete(0.5, 0.6), complete(0.6, 0.5)], 2),
    "no controls": ([replace(trial, **NO_CONTROLS) for trial in (baseline(0.5, 0.6), complete(0.6, 0.5))], 3),
}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SWEEPS)
def test_the_report_renders(tmp_path, browser, name, scheme):
    trials, figures = SWEEPS[name]
    path = write_report(make_sweep(tmp_path, trials))
    view = browser.new_page(viewport={"width": 1200, "height": 1600}, color_scheme=scheme)
    problems, requests = [], []
    view.on("console", lambda message: problems.append(message.text))
    view.on("pageerror", lambda error: problems.append(str(error)))
    view.on("request", lambda request: requests.append(request.url))
    view.goto(path.as_uri())
    boxes = [element.bounding_box() for element in view.query_selector_all("figure svg")]
    assert len(boxes) == figures
    assert all(box["width"] > 300 and box["height"] > 150 for box in boxes)
    for number in range(view.locator("figure").count()):
        assert view.locator("figure").nth(number).inner_text().strip()
    assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert view.evaluate(_SMALLEST_TEXT) >= (10 if figures else 0)
    background = view.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 27)")
    assert (problems, requests) == ([], [path.as_uri()])
    view.close()


def test_the_curves_of_a_chosen_trial_are_drawn(tmp_path, browser):
    path = write_report(make_sweep(tmp_path, SWEEPS["usual"][0]))
    view = browser.new_page(viewport={"width": 1200, "height": 1600})
    problems = []
    view.on("console", lambda message: problems.append(message.text))
    view.on("pageerror", lambda error: problems.append(str(error)))
    view.goto(path.as_uri())
    drawn = {}
    for trial in ("1", "3"):  # complete with three reports, pruned with two
        view.get_by_label("Trial", exact=True).select_option(trial)
        drawn[trial] = view.evaluate("id => document.getElementById(`curves-${id}`).innerHTML", "raw")
        for kind in ("raw", "weighted", "weights", "scores"):
            box = view.locator(f"#curves-{kind} svg").bounding_box()
            assert box["width"] > 300 and box["height"] > 150
            assert "text_ce" in view.locator(f"#curves-{kind}").inner_text() or kind == "scores"
    assert drawn["1"] != drawn["3"]
    assert "box_l1" in view.locator("#curves-weights").inner_text()
    assert problems == []
    view.close()


def test_a_telephone_shows_readable_figures_and_scrolls_no_page_sideways(tmp_path, browser):
    view = browser.new_page(viewport={"width": 390, "height": 844})
    view.goto(write_report(make_sweep(tmp_path, SWEEPS["usual"][0])).as_uri())
    assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert view.evaluate(_SMALLEST_TEXT) >= 10
    view.close()


_SMALLEST_TEXT = """() => Math.min(100, ...[...document.querySelectorAll('figure svg text')].map(
    node => parseFloat(getComputedStyle(node).fontSize) * node.ownerSVGElement.getBoundingClientRect().width
        / node.ownerSVGElement.viewBox.baseVal.width))"""


def test_no_two_labels_of_the_front_overlap(tmp_path, browser):
    trials = [baseline(0.5, 0.6), *(complete(0.5 + 0.002 * n, 0.7 - 0.002 * n) for n in range(30))]
    view = browser.new_page()
    view.goto(write_report(make_sweep(tmp_path, trials)).as_uri())
    notes = [note.bounding_box() for note in view.query_selector_all("figure:first-child svg .note")]
    view.close()
    assert len(notes) > 3
    for index, one in enumerate(notes):
        for other in notes[index + 1 :]:
            apart = (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + 0.7 * one["height"] <= other["y"]
                or other["y"] + 0.7 * other["height"] <= one["y"]
            )
            assert apart, (one, other)

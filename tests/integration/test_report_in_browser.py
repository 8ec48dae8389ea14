"""The report in a real browser: drawn, clicked, typed at, printed; no error, no request, light and dark."""

import shutil
from dataclasses import replace

import pytest
from made_answers import add_answers
from made_sweep import COLUMNS, baseline, complete, failed, make_large_sweep, pruned

from results import Objective, write_comparison, write_report

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
PARAMS = [{"adapter.rank": rank, "optimizer.learning_rate": rank / 1e4} for rank in (4, 8, 16, 32)]
USUAL = [
    baseline(0.5, 0.6, params=PARAMS[2]),
    complete(0.6, 0.55, params=PARAMS[0]),
    complete(0.55, 0.7, params=PARAMS[1]),
    complete(0.59, 0.65, params=PARAMS[3]),
    complete(0.4, 0.45, params=PARAMS[0]),
    pruned(20, 0.1, 0.1),
    failed(),
]
ONE = replace(COLUMNS, objectives=COLUMNS.objectives[:1])
THREE = replace(COLUMNS, objectives=(*COLUMNS.objectives, Objective("text.bleu", "maximize", 0, 1)))
SWEEPS = {
    "usual": (USUAL, COLUMNS),
    "no trial": ([], COLUMNS),
    "all failed": ([failed(), failed("diverged: giou is not finite at step 3")], COLUMNS),
    "one objective": ([baseline(0.5), complete(0.6), complete(0.4)], ONE),
    "three objectives": ([baseline(0.5, 0.6, 0.1), complete(0.6, 0.5, 0.2), complete(0.4, 0.7, 0.3)], THREE),
    "one objective constant": ([baseline(0.5, 0.6), complete(0.6, 0.6)], COLUMNS),
    "only the baseline": ([baseline(0.5, 0.6)], COLUMNS),
    "failed baseline": ([failed(role="baseline"), complete(0.5, 0.6), complete(0.6, 0.5)], COLUMNS),
    "no controls": ([replace(trial, **NO_CONTROLS) for trial in (baseline(0.5, 0.6), complete(0.6, 0.5))], COLUMNS),
}
_SMALLEST_TEXT = """() => Math.min(100, ...[...document.querySelectorAll('.card > figure svg text')].map(
    node => parseFloat(getComputedStyle(node).fontSize) * node.ownerSVGElement.getBoundingClientRect().width
        / node.ownerSVGElement.viewBox.baseVal.width))"""
_INK = """name => { const canvas = document.querySelector(`#${name} canvas`); if (!canvas) return 0;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let seen = 0; for (let at = 3; at < pixels.length; at += 4) seen += pixels[at] > 0; return seen; }"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A page with everything that it complains of and asks for."""

    def __init__(self, browser, path, *, width=1200, **settings):
        self.view = browser.new_page(viewport={"width": width, "height": 1000}, **settings)
        self.problems, self.requests = [], []
        self.view.on("console", lambda message: self.problems.append(message.text))
        self.view.on("pageerror", lambda error: self.problems.append(str(error)))
        self.view.on("request", lambda request: self.requests.append(request.url))
        self.view.goto(path.as_uri())
        self.own = [path.as_uri()]

    def close(self):
        asked = [url for url in self.requests if not url.startswith("data:")]
        assert (self.problems, asked) == ([], self.own)
        self.view.close()

    def chosen(self):
        return [chip.split("\n")[0] for chip in self.view.locator("#chosen .chip").all_inner_texts()]

    def place_of(self, trial):
        """Give where on the page a trial is drawn."""
        row = self.view.evaluate("trial => paretune.trials.row(0, trial)", trial)
        x, y = self.view.evaluate("row => paretune.frontPixel(row)", row)
        self.view.locator("#front-chart").scroll_into_view_if_needed()
        box = self.view.locator("#front-chart").bounding_box()
        return box["x"] + x, box["y"] + y


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A sweep with answers and confirmation runs."""
    folder = make_large_sweep(tmp_path_factory.mktemp("usual"), USUAL)
    return write_report(add_answers(folder, rows=40, confirmed=[0, 1])).html


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SWEEPS)
def test_the_report_renders(tmp_path, browser, name, scheme):
    trials, columns = SWEEPS[name]
    page = Watched(browser, write_report(make_large_sweep(tmp_path, trials, columns=columns)).html, color_scheme=scheme)
    view = page.view
    cards = view.locator("article.card")
    assert cards.count() >= 9
    for number in range(cards.count()):
        assert len(cards.nth(number).locator(".answer").inner_text()) > 20
    for figure in view.query_selector_all(".card > figure > svg"):
        box = figure.bounding_box()
        assert box["width"] > 300 and box["height"] > 60
    assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert view.evaluate(_SMALLEST_TEXT) >= 10
    background = view.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(247, 248, 250)" if scheme == "light" else "rgb(15, 18, 21)")
    if any(trial.state == "COMPLETE" for trial in trials):
        assert view.evaluate(_INK, "front-chart") > 1000
        assert view.locator("#panel-settings tr").count() > 3
    elif trials:
        assert "No trial has completed" in view.locator("#better").inner_text()
    page.close()


def test_a_click_chooses_a_trial_everywhere(browser, usual):
    page = Watched(browser, usual)
    assert page.chosen() == ["trial 3", "trial 0"]  # the recommended one and the baseline
    page.view.mouse.click(*page.place_of(2))
    assert page.chosen() == ["trial 2", "trial 0"]
    assert "0.550" in page.view.locator("#panel-settings").inner_text()
    assert page.view.locator("#trials-table tr.is-chosen").count() == 2
    assert page.view.locator('#choice button.trial[data-trial="2"]').first.get_attribute("aria-pressed") == "true"
    page.view.keyboard.down("Shift")
    page.view.mouse.click(*page.place_of(1))
    page.view.keyboard.up("Shift")
    assert page.chosen() == ["trial 2", "trial 0", "trial 1"]
    page.close()


def test_a_box_chooses_the_trials_inside_it(browser, usual):
    page = Watched(browser, usual)
    (x0, y0), (x1, y1) = page.place_of(2), page.place_of(1)
    page.view.mouse.move(x0 - 20, y0 - 20)
    page.view.mouse.down()
    page.view.mouse.move((x0 + x1) / 2, (y0 + y1) / 2, steps=4)
    page.view.mouse.move(x1 + 20, y1 + 20, steps=4)
    page.view.mouse.up()
    page.view.wait_for_function("document.querySelectorAll('#chosen .chip').length === 3")
    assert sorted(page.chosen()) == ["trial 1", "trial 2", "trial 3"]
    assert page.view.locator("#spoken").inner_text() == "3 trials chosen"
    page.close()


def test_keys_move_along_the_trials_choose_them_and_go_back(browser, usual):
    page = Watched(browser, usual)
    chart = page.view.locator("#front-chart")
    chart.focus()
    page.view.keyboard.press("Escape")
    for _ in range(9):
        page.view.keyboard.press("ArrowLeft")
    assert page.view.locator("#spoken").inner_text().startswith("trial 4: grounding.miou 0.400")
    page.view.keyboard.press("Enter")
    assert page.chosen() == ["trial 3", "trial 0", "trial 4"]
    page.view.keyboard.press("Shift+ArrowRight")
    page.view.keyboard.press("Shift+ArrowRight")
    assert sorted(page.chosen()) == ["trial 0", "trial 2", "trial 4"]
    page.view.keyboard.press("Escape")
    assert page.chosen() == ["trial 3", "trial 0"]
    page.view.locator("#tab-settings").focus()
    page.view.keyboard.press("ArrowRight")
    assert page.view.locator("#panel-curves").is_visible() and page.view.locator("#panel-settings").is_hidden()
    page.close()


def test_curves_of_chosen_trials_are_drawn_for_each_term(browser, usual):
    page = Watched(browser, usual)
    page.view.locator("#tab-curves").click()
    drawn = {}
    for kind in ("scores", "raw", "weighted", "weights"):
        page.view.locator(f"[data-kind={kind}]").click()
        assert page.view.locator("#curves-chart svg").bounding_box()["height"] > 150
        drawn[kind] = page.view.locator("#curves-chart").inner_text()
    assert "grounding.miou" in drawn["scores"] and "text_ce" in drawn["raw"]
    assert "box_l1" in drawn["weights"] and "box_l1" not in drawn["raw"]
    page.close()


def test_answers_of_any_two_trials_stand_side_by_side_on_the_pictures(browser, usual):
    page = Watched(browser, usual)
    page.view.locator("#tab-answers").click()
    panel = page.view.locator("#panel-answers")
    assert panel.locator(".example").count() == 24
    first = panel.locator(".example").first
    assert first.locator(".picture img").count() == 2
    assert page.view.evaluate("document.querySelector('.picture img').naturalWidth") == 320
    whole, said = first.locator("rect.true").first.bounding_box(), first.locator("rect.said").first.bounding_box()
    assert said["x"] == pytest.approx(whole["x"], abs=1.5) and said["width"] <= whole["width"] + 1.5
    before = panel.inner_text()
    panel.locator('select[data-side="1"]').select_option(label="trial 4")
    assert panel.inner_text() != before
    assert first.locator(".who").nth(1).inner_text().startswith("trial 4")
    panel.get_by_label("Which examples").select_option("text")
    assert panel.locator(".example").count() == 12
    assert page.view.evaluate("!document.querySelector('#panel-answers b')")  # answers hold tags
    page.close()


def test_the_table_is_sorted_filtered_and_chosen_from_by_keys(browser, usual):
    page = Watched(browser, usual)
    table = page.view.locator("#trials-table")
    head = table.get_by_role("button", name="text.token_f1")
    head.focus()
    page.view.keyboard.press("Enter")
    page.view.keyboard.press("Enter")
    assert table.locator("th[aria-sort=descending]").inner_text().startswith("text.token_f1")
    numbers = table.locator("tbody button.trial")
    assert numbers.all_inner_texts() == ["2", "3", "0", "1", "4", "5", "6"]
    numbers.first.focus()
    page.view.keyboard.press("Space")
    assert page.chosen() == ["trial 3", "trial 0", "trial 2"]
    assert page.view.evaluate("document.activeElement.textContent") == "2"
    table.get_by_role("searchbox").fill("fail out")
    assert numbers.all_inner_texts() == ["6"]
    table.get_by_role("searchbox").fill("nothing like that")
    assert "No trial matches." in table.inner_text()
    page.close()


def test_a_stretch_of_an_axis_keeps_the_trials_that_pass_there(browser, usual):
    page = Watched(browser, usual)
    chart = page.view.locator("#parallel-chart")
    chart.scroll_into_view_if_needed()
    assert page.view.evaluate(_INK, "parallel-chart") > 1000
    box = chart.bounding_box()
    x = box["x"] + 70
    page.view.mouse.move(x, box["y"] + 42)
    page.view.mouse.down()
    page.view.mouse.move(x, box["y"] + 120, steps=5)
    page.view.mouse.up()
    choose = page.view.get_by_role("button", name="Choose these trials")
    choose.wait_for(state="visible")
    choose.click()
    assert page.chosen() == ["trial 3"]  # the one with rank 32
    page.close()


def test_two_sweeps_are_told_apart_by_colour_and_form(tmp_path, browser):
    other = [baseline(0.5, 0.6), complete(0.8, 0.7), complete(0.7, 0.8)]
    folders = [make_large_sweep(tmp_path / name, trials) for name, trials in (("one", USUAL), ("two", other))]
    page = Watched(browser, write_comparison(folders).html)
    assert page.chosen() == ["one 3", "two 2", "one 0"]
    marks = page.view.locator("#chosen .chip path").evaluate_all("nodes => nodes.map(node => node.getAttribute('d'))")
    assert len(set(marks)) == 3
    assert "two" in page.view.locator("#trials-table").inner_text()
    page.close()


def test_a_telephone_shows_readable_figures_and_scrolls_no_page_sideways(browser, usual):
    page = Watched(browser, usual, width=390)
    assert page.view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.view.evaluate(_SMALLEST_TEXT) >= 10
    page.close()


def test_on_paper_all_answers_are_there_and_nothing_to_click(browser, usual):
    page = Watched(browser, usual, color_scheme="dark")
    page.view.emulate_media(media="print")
    assert page.view.evaluate("getComputedStyle(document.body).color") == "rgb(22, 25, 29)"  # ink on white
    assert page.view.locator(".static-front svg").bounding_box()["height"] > 200
    assert page.view.locator("#front-chart").is_hidden() and page.view.locator("#trials").is_hidden()
    pdf = page.view.pdf(format="A4")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") + pdf.count(b"/Type /Page/") >= 2
    page.close()


def test_without_scripts_the_answers_are_still_there(browser, usual):
    context = browser.new_context(java_script_enabled=False)
    view = context.new_page()
    view.goto(usual.as_uri())
    assert view.locator("article .answer").count() >= 9
    assert "needs JavaScript" in view.locator("#better").inner_text()
    context.close()


def test_no_two_labels_of_the_front_overlap(tmp_path, browser):
    trials = [baseline(0.5, 0.6), *(complete(0.5 + 0.002 * n, 0.7 - 0.002 * n) for n in range(30))]
    page = Watched(browser, write_report(make_large_sweep(tmp_path, trials)).html)
    page.view.emulate_media(media="print")
    notes = [note.bounding_box() for note in page.view.query_selector_all(".static-front svg .note")]
    page.close()
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

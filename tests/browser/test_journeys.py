"""What people do in the course, in a real browser against a real JupyterLab."""

import base64
import re

import pytest
from playwright.sync_api import expect

from lambdacourse.labs import concurrency_lab
from lambdacourse.labs.concurrency import RATES, simulate_minute
from lambdacourse.quantities import written

LAB = ".lc-lab"
PICTURE = f"{LAB} img.lc-picture"
STATUS = f'{LAB} [role="status"]'


@pytest.fixture
def lesson(lab, open_notebook, run_all):
    """Lesson 01 with every cell run."""
    page = open_notebook(lab, "lessons/01-concurrency.ipynb")
    run_all(page)
    page.locator(LAB).scroll_into_view_if_needed()
    expect(page.locator(PICTURE)).to_have_attribute("alt", re.compile("10 requests per second"))
    return page


def png_on(page) -> bytes:
    """The picture that the page shows, as it came."""
    script = """async selector => {
        const bytes = new Uint8Array(await (await fetch(document.querySelector(selector).src)).arrayBuffer());
        return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
    }"""
    return base64.b64decode(page.evaluate(script, PICTURE))


def test_slider_by_keyboard(lesson):
    """The rate's slider is moved with an arrow key: figures, sentence and picture become what ``simulate`` gives."""
    before = png_on(lesson)
    handle = lesson.locator(f"{LAB} .widget-hslider", has_text="rate").locator(".noUi-handle")
    handle.focus()
    lesson.keyboard.press("ArrowRight")
    rate = RATES[RATES.index(10) + 1]
    expect(handle).to_have_attribute("aria-label", "rate")
    expect(handle).to_have_attribute("aria-valuetext", f"{rate}/s")
    expect(lesson.locator(STATUS)).to_contain_text(f"{rate} requests per second")
    run = simulate_minute(rate, 0.5, 1_000)["api"]
    expect(lesson.locator(LAB)).to_contain_text(f"{written(run.mean_concurrency)} busy")
    expect(lesson.get_by_role("row", name="cold starts").first).to_contain_text(f"{run.cold_starts:,}")
    assert png_on(lesson) != before
    assert png_on(lesson) == concurrency_lab().static(rate=rate).light


def test_preset_and_what_lies_behind(lesson):
    """A preset moves several controls; data, code and formulas open on demand; reset brings back the start."""
    lesson.get_by_role("button", name="20,000/s × 50 ms").click()
    expect(lesson.locator(STATUS)).to_contain_text("the limit admits only 10,000 requests per second")
    lesson.get_by_role("button", name="code", exact=True).click()
    expect(lesson.locator(LAB)).to_contain_text("poisson(20_000)")
    lesson.get_by_role("button", name="data", exact=True).click()
    expect(lesson.locator(LAB)).to_contain_text("throttled (requests/s)")
    lesson.get_by_role("button", name="formulas", exact=True).click()
    expect(lesson.locator(LAB)).to_contain_text("rate × mean duration")
    lesson.get_by_role("button", name="Reset").click()
    expect(lesson.locator(STATUS)).to_contain_text("10 requests per second of 0.5 s need 5 environments")


def test_dark_page_gets_a_dark_picture(lesson):
    """When JupyterLab turns dark, the lab draws anew on dark paper."""
    lesson.get_by_role("menuitem", name="Settings", exact=True).click()
    lesson.get_by_text("Theme", exact=True).hover()
    lesson.get_by_text("JupyterLab Dark", exact=True).click()
    dark = concurrency_lab().static().dark
    lesson.wait_for_function(f"document.body.dataset.jpThemeLight === 'false' && document.querySelector('{PICTURE}')")
    lesson.wait_for_timeout(1_500)
    shown = png_on(lesson)
    lesson.get_by_role("menuitem", name="Settings", exact=True).click()
    lesson.get_by_text("Theme", exact=True).hover()
    lesson.get_by_text("JupyterLab Light", exact=True).click()
    assert shown == dark


def test_prediction_is_kept(lesson):
    """A committed prediction is shown beside what happens, and is still there when the cell is run again."""
    asked = lesson.locator(".jp-OutputArea", has_text="How many environments are busy").last
    asked.get_by_placeholder("a number").fill("400")
    asked.get_by_role("button", name="Commit").click()
    expect(asked).to_contain_text("You said 400, 20% too little: it is 50")
    lesson.locator(".jp-CodeCell", has_text="01-needed").locator(".cm-content").click()
    lesson.keyboard.press("Control+Enter")
    expect(lesson.locator(".jp-OutputArea", has_text="How many environments are busy").last).to_contain_text("You said 400")


def test_fact_leads_to_its_source(lesson):
    """A marked fact is a link to its row in the table of facts, which unfolds to what it is and where it stands."""
    lesson.locator('a[href$="#fact-account_concurrency"]').first.click()
    row = lesson.get_by_role("row", name="1,000 concurrent executions").first
    expect(row).to_be_in_viewport()
    row.locator("summary").click()
    expect(row.get_by_text("Concurrent executions of one account in one Region")).to_be_visible()
    expect(row.get_by_role("link", name="AWS Lambda Developer Guide")).to_be_visible()


def test_a_word_leads_to_the_glossary(lab, open_notebook):
    """A word's link opens the glossary at that word, also when the glossary was not open."""
    page = open_notebook(lab, "lessons/03-cold-starts.ipynb")
    page.get_by_role("link", name="SnapStart").first.click()
    expect(page.get_by_role("heading", name="SnapStart", exact=True)).to_be_in_viewport()


def run_cell(page, text: str, code: str | None = None) -> None:
    """Run the first cell that has ``text``, with ``code`` in place of what is there."""
    page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first.locator(".cm-content").click()
    if code is not None:
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")


def test_exercise_wrong_then_right(lab, open_notebook):
    """A wrong answer gets its reason, from the Validate button too; a hint leads to the lesson; a right answer passes; the notebook
    says who the learner is."""
    page = open_notebook(lab, "exercises/01-concurrency/01-concurrency.ipynb")
    answer = "def needed_concurrency(rate, duration_ms):\n    return rate * duration_ms"
    run_cell(page, "open_exercise")
    expect(page.locator(".jp-Notebook")).to_contain_text(re.compile(r"You are guest-[0-9a-f]{6}: some numbers below are yours"))
    run_cell(page, "def needed_concurrency", answer)
    run_cell(page, 'check("needed_concurrency")')
    banner = page.locator('.jp-OutputArea [role="status"]', has_text="Concurrency needed")
    expect(banner).to_contain_text("0 of 2 points")
    expect(banner).to_contain_text("multiplies requests per second by milliseconds")
    page.get_by_role("button", name="Validate").click()
    results = page.locator(".jp-Dialog", has_text="Validation Results")
    expect(results).to_contain_text("0 of 2 points. ", timeout=90_000)
    expect(results).to_contain_text("multiplies requests per second by milliseconds")
    expect(results).to_contain_text("limit_needed is not answered yet: replace the line that raises with your code.")
    assert "Traceback" not in results.inner_text()
    results.get_by_role("button", name="Ok").click()
    page.locator(".jp-CodeCell", has_text='check("needed_concurrency")').locator(".cm-content").click()
    for key in ("Escape", "b", "Enter"):
        page.keyboard.press(key)
    page.keyboard.insert_text('hint("needed_concurrency")')
    page.keyboard.press("Control+Enter")
    expect(page.locator('.jp-OutputArea [role="status"]', has_text="Hint 1 of 3")).to_be_visible()
    run_cell(page, "def needed_concurrency", f"{answer} / 1000")
    run_cell(page, 'check("needed_concurrency")')
    expect(banner).to_contain_text("2 of 2 points")
    expect(banner).to_contain_text("Little's law")
    page.get_by_role("link", name="lesson 01, The formula").click()
    expect(page.get_by_role("heading", name="One request at a time")).to_be_visible()


def test_unanswered_task_says_so(lab, open_notebook):
    """The check of a task that nobody has answered is one sentence, not a page of traceback."""
    page = open_notebook(lab, "exercises/01-concurrency/01-concurrency.ipynb")
    for text in ("open_exercise", "def throttle_status", 'check("throttle_status")'):
        page.locator(".jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
    error = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]')
    expect(error).to_contain_text("NotImplementedError: throttle_status is not answered yet")
    assert len(error.inner_text().splitlines()) <= 2


@pytest.mark.parametrize("path", ["lessons/00-welcome.ipynb", "lessons/01-concurrency.ipynb"])
def test_axe_finds_nothing_serious(lab, open_notebook, run_all, path):
    """The course's content on the live page has no serious accessibility fault."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_notebook(lab, path)
    run_all(page)
    context = {"include": [[".jp-Notebook .jp-RenderedMarkdown"], [".jp-Notebook .jp-OutputArea-output"]]}
    violations = Axe().run(page, context=context).response["violations"]
    serious = [found for found in violations if found["impact"] in ("serious", "critical")]
    assert not serious, [(found["id"], [node["html"][:200] for node in found["nodes"]][:3]) for found in serious]


def test_the_map_leads_on(lab, open_notebook, run_all):
    """The welcome page shows the progress as a table, and its link opens what comes next."""
    page = open_notebook(lab, "lessons/00-welcome.ipynb")
    run_all(page)
    table = page.locator(".jp-OutputArea-output table", has=page.locator("caption", has_text="The progress of"))
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="01"))
    expect(row).to_contain_text("Lesson 01 Concurrency")
    page.get_by_role("link", name=re.compile("^(Lesson|Exercise) 0")).first.click()
    current = page.locator("#jp-main-dock-panel .lm-mod-current .lm-TabBar-tabLabel")
    expect(current).to_have_text("01-concurrency.ipynb")

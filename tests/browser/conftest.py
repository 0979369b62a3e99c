"""The system's Chromium, driven by Playwright. Without one these tests skip; with ``LAMBDACOURSE_REQUIRE_BROWSER=1`` they fail."""

import os

import pytest
from in_jupyterlab import SECONDS, open_on, wait_until_idle

from lambdacourse.bench import browser as real
from lambdacourse.bench.browser import FLAGS


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """The program; looked for before anything else is started."""
    program = real.chromium()
    if program is None:
        missing = f"no Chromium found ({', '.join(real.PROGRAMS)}); CHROMIUM names another"
        (pytest.fail if os.environ.get("LAMBDACOURSE_REQUIRE_BROWSER") == "1" else pytest.skip)(missing)
    return program


@pytest.fixture(scope="module")
def browser(chromium):
    """A Chromium for the tests of one file: as long as it is there, Playwright's loop keeps others from using asyncio."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page with nothing remembered from another test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(SECONDS * 1000)
    yield context.new_page()
    context.close()


@pytest.fixture
def open_notebook(page):
    """``open_notebook(lab, "lessons/00-welcome.ipynb")``: the page, with that notebook in it and its kernel ready."""
    return lambda lab, path: open_on(page, lab, path)


@pytest.fixture(scope="session")
def run_all():
    """``run_all(page)``: Run All Cells, and wait until the last one is done."""

    def run(page, seconds: float = 120) -> None:
        prompts = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell .jp-InputArea-prompt"
        read = f"() => [...document.querySelectorAll('{prompts}')].map(prompt => prompt.textContent.trim())"
        before = page.evaluate(read)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_function(f"before => ({read})().some((text, cell) => text !== before[cell])", arg=before)
        try:
            page.wait_for_function(f"() => ({read})().every(text => /^\\[\\d+\\]:$/.test(text))", timeout=seconds * 1000)
        except Exception:
            pytest.fail(f"after {seconds:g} s the prompts are {page.evaluate(read)}")
        wait_until_idle(page)

    return run

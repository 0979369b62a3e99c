"""Each lab, and each living picture, moved by keyboard in a real browser: what it then shows is what a direct run gives."""

import base64
import json
import re
from pathlib import Path

import nbformat
import pytest
from in_jupyterlab import SECONDS, open_on
from playwright.sync_api import expect

from lambdacourse import Function, Sync, exponential, labs, poisson, simulate
from lambdacourse.labs import coldstarts, concurrency, cost, living, network, operating, provisioned, queues, streams

LABS = {
    "concurrency": (concurrency, "rate", "via"),
    "provisioned": (provisioned, "provisioned", "scaling"),
    "coldstarts": (coldstarts, "memory", "help"),
    "network": (network, "gb", "design"),
    "queues": (queues, "most", "trouble"),
    "streams": (streams, "shards", "trouble"),
    "cost": (cost, "cpu", "architecture"),
    "operating": (operating, "peak", "trouble"),
}
"""The module of each lab, a slider and a drop-down of it."""

FEW = """
from lambdacourse import Function, Sync, exponential, poisson, simulate
few = Function("api", duration=exponential(0.5), reserved_concurrency=8)
labs.watch(simulate(Sync(few, poisson(10)), seconds=15, record=True), "api", start=1.5)
"""


def watched() -> living.Living:
    """What the cell above makes."""
    few = Function("api", duration=exponential(0.5), reserved_concurrency=8)
    return labs.watch(simulate(Sync(few, poisson(10)), seconds=15, record=True), "api", start=1.5)


@pytest.fixture(scope="module")
def notebook(browser, lab, run_all):
    """A page with all labs, of one kernel."""
    cells = ["from lambdacourse import labs", *(f"labs.{name}_lab()" for name in LABS), FEW.strip()]
    nodes = [nbformat.v4.new_code_cell(cell) for cell in cells]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = lab.workspace / "all-labs.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=nodes, metadata=kernel), path)
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(SECONDS * 1000)
    page = open_on(context.new_page(), lab, path.name)
    run_all(page)
    yield page
    context.close()


@pytest.fixture(scope="module")
def twins():
    """The same labs without a browser."""
    return {name: getattr(labs, f"{name}_lab")() for name in LABS}


def lab_on(page, name: str):
    """The lab on the page, in sight."""
    page.locator(".jp-Cell", has_text=f"labs.{name}_lab()").scroll_into_view_if_needed()
    found = page.locator(".jp-Cell", has_text=f"labs.{name}_lab()").locator(".lc-lab")
    found.scroll_into_view_if_needed()
    return found


def expect_picture(found, png: bytes) -> None:
    """The lab's picture becomes this one, and takes room on the page."""
    script = """async (image, wanted) => {
        for (let tries = 0; tries < 100; tries++) {
            const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
            const shown = btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
            if (shown === wanted && image.clientHeight > 100) return true;
            await new Promise((later) => setTimeout(later, 100));
        }
        return false;
    }"""
    assert found.locator("img.lc-picture").evaluate(script, base64.b64encode(png).decode())


def expect_view(found, view) -> None:
    """The lab's sentence and figures become these."""
    expect(found.locator('[role="status"]')).to_have_text(view.sentence)
    table = found.locator(".lc-numbers table").first
    for number in view.numbers:
        expect(table.locator("tr", has=found.page.get_by_role("rowheader", name=number.label, exact=True))).to_contain_text(
            number.shown(view.compared)
        )


@pytest.mark.parametrize("name", LABS)
def test_lab_by_keyboard(notebook, twins, name):
    """A slider and a drop-down, by arrow keys: names and values for screen readers, sentence, figures and picture of a direct run;
    kept as A by keyboard, and reset."""
    module, slider, choice = LABS[name]
    controls = {each.name: each for each in module.CHOICES}
    found, settings = lab_on(notebook, name), dict(module.START)

    def following(moved) -> object:
        values = list(moved.values)
        return values[(values.index(settings[moved.name]) + 1) % len(values)]

    moved = controls[slider]
    handle = found.locator(".widget-hslider", has_text=moved.label).locator(".noUi-handle").first
    expect(handle).to_have_attribute("aria-label", moved.label)
    handle.focus()
    settings[slider] = following(moved)
    notebook.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", moved.said(settings[slider]))
    one = twins[name].static(**settings)
    expect_view(found, one.view)
    expect_picture(found, one.light)

    found.get_by_role("button", name="Keep as A").focus()
    notebook.keyboard.press("Enter")
    before, chosen = dict(settings), controls[choice]
    settings[choice] = following(chosen)
    found.locator(".widget-dropdown", has_text=chosen.label).locator("select").focus()
    notebook.keyboard.press("ArrowDown")
    row = found.locator(".lc-numbers tr", has=notebook.get_by_role("rowheader", name=chosen.label, exact=True)).first
    expect(row).to_contain_text(f"{chosen.said(before[choice])}{chosen.said(settings[choice])}")
    both = twins[name].static(compare=before, **settings)
    expect(found.locator('[role="status"]')).to_have_text(f"B: {both.view.sentence}")
    expect_picture(found, both.light)

    for button in ("Drop A", "Reset"):
        found.get_by_role("button", name=button).focus()
        notebook.keyboard.press("Enter")
    start = twins[name].static()
    expect_view(found, start.view)
    expect_picture(found, start.light)


def test_living_picture_by_keyboard(notebook):
    """Step, scrub, faster and play by keyboard: each time the sentence is that of the story at that time; said when it rests."""
    story = watched().story
    notebook.locator(".jp-Cell", has_text="labs.watch").scroll_into_view_if_needed()
    found = notebook.locator(".lc-story")
    found.scroll_into_view_if_needed()
    status, scrub = found.locator('[role="status"]'), found.get_by_label("time in seconds")
    expect(status).to_have_text(story.at(1.5).sentence)
    found.get_by_role("button", name="one step on").focus()
    notebook.keyboard.press("Enter")
    times = {time for dot in story.dots for time, _ in dot.steps}
    times |= {time for place in story.places for time, _ in place.states}
    following = min(time for time in times if time > 1.5) + 1e-5  # the page has times to a hundredth of a millisecond
    expect(status).to_have_text(story.at(following).sentence)
    scrub.focus()
    notebook.keyboard.press("Home")
    expect(status).to_have_text(story.at(0).sentence)
    notebook.keyboard.press("ArrowRight")
    expect(status).to_have_text(story.at(0.15).sentence)
    found.get_by_role("button", name="faster").focus()
    notebook.keyboard.press("Enter")
    play = found.get_by_role("button", name="play", exact=True)
    play.focus()
    notebook.keyboard.press("Enter")
    expect(status).to_have_attribute("aria-live", "off")
    expect(status).not_to_contain_text("; 0 served")
    notebook.keyboard.press("Enter")
    expect(status).to_have_attribute("aria-live", "polite")
    shown = float(re.search(r"At ([\d.]+) s", status.inner_text())[1])
    assert 0.15 < shown < 15


def test_living_picture_without_a_kernel(browser):
    """The page's part that a lesson keeps plays by itself; its picture is not empty, and with little motion it shows stills."""
    page = browser.new_page(reduced_motion="reduce")
    page.set_content(f"<!doctype html><html lang='en'><body>{watched().html}</body></html>")
    status = page.locator('.lc-story [role="status"]')
    expect(status).to_have_text(watched().story.at(1.5).sentence)
    assert page.locator("img").count() == 0
    colours = "canvas => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"
    assert page.locator("canvas").evaluate(colours) > 20
    page.get_by_role("button", name="play", exact=True).click()
    seen = page.evaluate("""async () => {
        const seen = new Set();
        for (let end = performance.now() + 2500; performance.now() < end; await new Promise(requestAnimationFrame))
            seen.add(document.querySelector('.lc-story [role="status"]').textContent);
        return seen.size;
    }""")
    assert 2 <= seen <= 4
    page.close()


def test_script_and_python_tell_one_story(browser):
    """``living.js`` finds at each time what ``Story.at`` finds: dots, states and sentence."""
    story = watched().story
    times = [0, *(round(0.0013 + 0.371 * step, 5) for step in range(40)), 15]
    module = base64.b64encode(Path(living.__file__).with_name("living.js").read_bytes()).decode()
    page = browser.new_page()
    found = page.evaluate(
        "async ([module, story, times]) => { const {at} = await import('data:text/javascript;base64,' + module);"
        "return times.map((time) => at(story, time)); }",
        [module, json.loads(json.dumps(story.data)), times],
    )
    page.close()
    for time, there in zip(times, found, strict=True):
        moment = story.at(time)
        assert [tuple(dots) for dots in there["dots"]] == list(moment.dots)
        assert tuple(there["states"]) == moment.states and there["sentence"] == moment.sentence


def test_axe_finds_nothing_serious(notebook):
    """The labs and the living picture on the live page have no serious accessibility fault."""
    from axe_playwright_python.sync_playwright import Axe

    violations = Axe().run(notebook, context={"include": [[".lc-lab"], [".lc-story"]]}).response["violations"]
    serious = [found for found in violations if found["impact"] in ("serious", "critical")]
    assert not serious, [(found["id"], [node["html"][:200] for node in found["nodes"]][:3]) for found in serious]

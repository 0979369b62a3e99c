"""The reading edition in a real browser, opened from the disk: for eyes, ears, thumbs and keyboards."""

import pytest
from playwright.sync_api import expect

from lambdacourse.course.edition import export

# The facts' page has hundreds of them, all alike: axe would look at each for a minute.
FEWER_FACTS = (
    "() => document.querySelectorAll('main h3:nth-of-type(n+30), main h3:nth-of-type(n+30) + p').forEach(each => each.remove())"
)

TOO_WIDE = "['auto', 'scroll'].includes(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth"


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edition")
    export(folder)
    return folder


@pytest.fixture
def reader(browser):
    """``reader(scheme, width)``: a page for a reader of dark or light pages; it fails when anything comes from a network."""
    contexts = []

    def open(scheme: str, width: int):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))
        return page

    asked = []
    yield open
    for context in contexts:
        context.close()
    assert [each for each in asked if not each.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("scheme, width", [("light", 1300), ("dark", 390)])
def test_every_page_can_be_read_by_everyone(edition, reader, scheme, width):
    """Light on a desk and dark on a phone: axe finds nothing serious, and no page is wider than its window."""
    from axe_playwright_python.sync_playwright import Axe

    page = reader(scheme, width)
    for file in sorted(edition.rglob("*.html")):
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, file.name
        if file.name == "facts.html":
            page.evaluate(FEWER_FACTS)
        rules = {"preload": False, "resultTypes": ["violations"]}  # a page on the disk may not read its own files
        violations = Axe().run(page, options=rules).response["violations"]
        serious = [found for found in violations if found["impact"] in ("serious", "critical")]
        assert not serious, (file.name, [(found["id"], found["nodes"][0]["html"][:200]) for found in serious])


def test_what_is_too_wide_can_be_scrolled_by_keyboard(edition, reader):
    """Also before the page's script has run; once it has, what fits is no stop on the way."""
    no_stop = f"each.tabIndex < 0 && !each.querySelector('button, input, a') && {TOO_WIDE}"
    unreachable = f"[...document.querySelectorAll('main *')].filter(each => {no_stop}).length"
    needless = f"[...document.querySelectorAll('[tabindex=\"0\"]')].filter(each => !({TOO_WIDE})).length"
    page = reader("light", 390)
    page.add_init_script(f"addEventListener('load', () => {{ window.unreachable = {unreachable}; }})")
    for file in sorted(edition.rglob("*.html")):
        page.goto(file.as_uri())
        assert page.evaluate("window.unreachable") == 0, file.name
        page.wait_for_function(f"{needless} === 0")
        assert page.evaluate(unreachable) == 0, file.name


def test_pictures_are_as_dark_as_the_page(edition, reader):
    """On dark paper the dark picture is seen, on light paper the light one."""
    for scheme, other in (("light", "dark"), ("dark", "light")):
        page = reader(scheme, 1300)
        page.goto((edition / "lessons" / "01-concurrency.html").as_uri())
        expect(page.locator(f"img.lc-{scheme}").first).to_be_visible()
        expect(page.locator(f"img.lc-{other}").first).to_be_hidden()


def test_search_by_keyboard(edition, reader):
    """A word is typed, the first place that has it in its heading is opened with Tab and Enter; Escape puts the search away."""
    page = reader("light", 390)
    page.goto((edition / "lessons" / "04-vpc.html").as_uri())
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("three limits")
    expect(page.get_by_role("status").first).to_contain_text("place")
    page.keyboard.press("Escape")
    expect(page.locator("#results")).to_be_hidden()
    page.keyboard.type("three limits, not")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lessons/01-concurrency.html#*")
    expect(page.get_by_role("heading", name="Three limits, not one")).to_be_in_viewport()


def test_search_without_a_find(edition, reader):
    """No place is said as such; what one types is never taken for HTML."""
    page = reader("light", 1300)
    page.goto((edition / "index.html").as_uri())
    page.get_by_role("searchbox", name="Search").fill("<img src=x onerror=alert(1)>")
    expect(page.locator("#results")).to_contain_text("0 places")
    page.get_by_role("searchbox").fill("snapstart")
    expect(page.locator("#results li").first).to_contain_text("SnapStart")


def test_a_fact_is_one_click_from_its_source(edition, reader):
    """A marked number leads to its line, which has the source and the date."""
    page = reader("dark", 390)
    page.goto((edition / "lessons" / "01-concurrency.html").as_uri())
    page.locator('a[href="#fact-account_concurrency"]').first.click()
    line = page.locator("tr", has=page.locator("#fact-account_concurrency"))
    expect(line).to_be_in_viewport()
    expect(line.get_by_role("link")).to_have_attribute(
        "href", "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"
    )


def test_previous_and_next(edition, reader):
    """From the contents through every page to the last one."""
    page = reader("light", 1300)
    page.goto((edition / "index.html").as_uri())
    seen = [page.title()]
    while page.locator('a[rel="next"]').count():
        page.locator('a[rel="next"]').click()
        seen.append(page.title())
    assert len(seen) == len(set(seen)) == len(list(edition.rglob("*.html")))

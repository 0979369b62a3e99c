"""The lab of lesson 04 in a real browser against a real JupyterLab."""

import base64
import re

from playwright.sync_api import expect

from lambdacourse.labs import network_lab
from lambdacourse.network import DATABASE, designs, reach
from lambdacourse.network.picture import describe

LAB = ".lc-lab"
PICTURE = f"{LAB} img.lc-picture"
STATUS = f'{LAB} [role="status"]'


def test_design_by_keyboard(lab, open_notebook, run_all):
    """Another design is chosen with the keyboard, then a preset: sentence, figures and picture follow; prices read as prices."""
    page = open_notebook(lab, "lessons/04-vpc.ipynb")
    run_all(page)
    page.locator(LAB).scroll_into_view_if_needed()
    expect(page.locator(PICTURE)).to_have_attribute("alt", re.compile("the call gets no further than the function"))
    chosen = page.locator(f"{LAB} .widget-dropdown", has_text="attached to").locator("select")
    chosen.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    design = "isolated subnets"
    expect(page.locator(STATUS)).to_contain_text(describe(reach(designs()[design], DATABASE)))
    expect(page.get_by_role("row", name="after 14 idle days").first).to_contain_text("Inactive")
    script = "async at => btoa(String.fromCharCode(...new Uint8Array(await (await fetch(document.querySelector(at).src)).arrayBuffer())))"
    page.wait_for_timeout(500)
    assert base64.b64decode(page.evaluate(script, PICTURE)) == network_lab().static(design=design).light
    page.get_by_role("button", name="S3 through NAT").click()
    expect(page.locator(STATUS)).to_contain_text("The network costs $77.50 a month")
    expect(page.locator("table", has_text="NAT gateway").last).to_be_visible()
    assert page.locator(".jp-RenderedMarkdown mjx-container").count() == 0

"""What a learner meets first: a JupyterLab without what is for teachers, and a first cell that tells whether sliders work."""

import json
import re

import pytest
from playwright.sync_api import expect

TICK = re.compile(r"Ready: lambdacourse .*; figures and sliders work here\.")
FIRST_CELL = ".jp-Notebook .jp-CodeCell"
NO_SLIDERS = ".lambdacourse-no-sliders"


@pytest.fixture
def notebook(lab):
    """A notebook whose one cell is the first of every lesson."""
    path = put_notebook(lab)
    yield path
    (lab.workspace / path).unlink()


def put_notebook(lab) -> str:
    source = "from lambdacourse.course import check_environment\n\ncheck_environment()"
    cell = {"id": "check", "cell_type": "code", "metadata": {}, "execution_count": None, "source": source, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": [cell]}
    file = lab.workspace / "lessons" / "environment.ipynb"
    file.write_text(json.dumps(content), encoding="utf-8")
    return f"lessons/{file.name}"


def test_the_lab_is_a_learners(lab, page):
    """The welcome notebook is open; no menu, panel or news that a learner has no use for; Validate is there."""
    page.goto(lab.address())
    expect(page.locator(".jp-Notebook")).to_be_visible()
    expect(page.locator(".lm-DockPanel-tabBar .lm-mod-current")).to_have_text("00-welcome.ipynb")
    expect(page.get_by_role("button", name="Validate")).to_be_visible()
    menus = page.locator(".lm-MenuBar-itemLabel").all_inner_texts()
    assert "Kernel" in menus and "Nbgrader" not in menus
    titles = [tab.get_attribute("title") or "" for tab in page.locator(".jp-SideBar .lm-TabBar-tab").all()]
    assert titles and not [title for title in titles if "Nbgrader" in title]
    page.wait_for_timeout(3_000)  # The question about news came 1 to 2 s after the page.
    assert page.locator(".Toastify__toast").count() == page.locator(".jp-Dialog").count() == 0


def test_the_welcome_comes_first_again(lab, page):
    """At the second start the tabs of the first are back, and the welcome notebook is the one in front."""
    current = page.locator("#jp-main-dock-panel .lm-mod-current .lm-TabBar-tabLabel")
    page.goto(lab.address("lab/tree/lessons/01-concurrency.ipynb"))
    expect(current).to_have_text("01-concurrency.ipynb")
    page.wait_for_timeout(2_000)  # JupyterLab saves its layout after a second.
    page.goto(lab.address())
    expect(current).to_have_text("00-welcome.ipynb")
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel", has_text="01-concurrency.ipynb")).to_be_visible()


def test_sliders_work(lab, notebook, open_notebook, run_all):
    """The tick is drawn by a widget, and there is no warning."""
    page = open_notebook(lab, notebook)
    run_all(page)
    expect(page.locator(f"{FIRST_CELL} .jupyter-widgets")).to_have_text(TICK)
    page.wait_for_timeout(3_500)  # The warning would come after 3 s.
    expect(page.locator(NO_SLIDERS)).to_be_hidden()


def test_a_server_without_widgets(lab, notebook, page, open_notebook, run_all):
    """The kernel is well, JupyterLab has no extension for widgets: the first cell says so, with the command that mends it."""
    page.route("**/extensions/@jupyter-widgets/**", lambda route: route.abort())
    open_notebook(lab, notebook)
    run_all(page)
    warning = page.locator(NO_SLIDERS)
    expect(warning).to_be_visible()
    expect(warning).to_contain_text("This page cannot show sliders.")
    expect(warning).to_contain_text(re.compile(r'-m pip install .*"jupyterlab_widgets~=3'))
    assert page.get_by_text("sliders work here").count() == 0


def test_widgets_that_are_switched_off(start_lab, open_notebook, run_all, tmp_path):
    """Someone disabled the extension: the first cell names the file, and so does the command before JupyterLab starts."""
    settings = tmp_path / "labconfig" / "page_config.json"
    settings.parent.mkdir()
    disabled = {"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": True}}
    settings.write_text(json.dumps(disabled), encoding="utf-8")
    with start_lab(JUPYTER_CONFIG_PATH=str(tmp_path)) as lab:
        page = open_notebook(lab, put_notebook(lab))
        run_all(page)
        wrong = page.locator(".lambdacourse-wrong")
        expect(wrong).to_be_visible()
        expect(wrong).to_contain_text(str(settings))
        expect(wrong).to_contain_text("Not ready yet.")
    assert f"switched off in {settings}" in lab.log.read_text(encoding="utf-8")

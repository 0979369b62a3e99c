"""What an instructor does with nbgrader's own pages: release, let learners fetch and submit, grade, look at a submission."""

import json
import os
import shutil

import pytest
from playwright.sync_api import expect

from lambdacourse.folders import content
from lambdacourse.workshop import classroom
from lambdacourse.workshop.collecting import collect

ASSIGNMENT = "01-concurrency"
ANSWER = "def needed_concurrency(rate, duration_ms):\n    return rate * duration_ms / 1000"


@pytest.fixture
def course(tmp_path):
    """A class with one learner, one assignment, and an exchange."""
    if not shutil.which("bwrap"):
        (pytest.fail if os.environ.get("LAMBDACOURSE_REQUIRE_SANDBOX") == "1" else pytest.skip)("bubblewrap is not installed")
    roster, exchange = tmp_path / "roster.csv", tmp_path / "exchange"
    roster.write_text("id,first_name,last_name,email\nada,Ada,Lovelace,\n", encoding="utf-8")
    exchange.mkdir()
    exchange.chmod(0o777)
    shutil.copytree(content() / "solutions" / ASSIGNMENT, tmp_path / "some" / ASSIGNMENT)
    folder = classroom.init(tmp_path / "class", roster, tmp_path / "some")
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"get_config().Exchange.root = {str(exchange)!r}\n")
    classroom.release(folder)
    return folder


def click_in(page, column: str) -> None:
    """Click in the assignment's row of a formgrader page, wait for "Success", close the dialog."""
    page.locator(f"#main-table tr .{column} a, tr:has(.name a) .{column} a").first.click()
    expect(page.locator(".modal.in .modal-title")).to_have_text("Success", timeout=120_000)
    page.locator(".modal.in .modal-footer .close").click()
    expect(page.locator(".modal.in")).to_have_count(0)


def test_a_round_of_a_class(course, start_instructors_lab, page):
    """Generate and Release in the formgrader, Fetch and Submit in the assignment list, collect, Autograde, and the graded page."""
    with start_instructors_lab(course) as lab:
        page.goto(lab.address("formgrader/manage_assignments"))
        for column in ("assign", "release"):
            click_in(page, column)
        expect(page.locator("td.status")).to_have_text("released")
        page.goto(f"{lab.address('lab')}&reset")
        page.get_by_role("menuitem", name="Nbgrader").click()
        page.locator(".lm-Menu-itemLabel", has_text="Assignment List").click()
        page.get_by_role("button", name="Fetch").click()
        submit = page.get_by_role("button", name="Submit")
        expect(submit).to_be_visible()
        notebook = course / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        fetched = json.loads(notebook.read_text(encoding="utf-8"))
        (cell,) = [cell for cell in fetched["cells"] if "def needed_concurrency" in "".join(cell["source"])]
        cell["source"] = ANSWER
        notebook.write_text(json.dumps(fetched), encoding="utf-8")
        submit.click()
        inbound = course.parent / "exchange" / "lambda-at-scale" / "inbound"
        page.wait_for_function("() => !document.body.innerText.includes('There are no submitted assignments')")
        (handed_in,) = [place.name for place in inbound.iterdir()]
        (outcome,) = collect(course, inbound, {handed_in: "ada"})
        assert (outcome.student, outcome.assignment) == ("ada", ASSIGNMENT), outcome
        page.goto(lab.address(f"formgrader/manage_submissions/{ASSIGNMENT}"))
        click_in(page, "autograde")
        expect(page.locator("td.score")).to_have_text("2 / 20")
        page.goto(lab.address(f"formgrader/gradebook/{ASSIGNMENT}/{ASSIGNMENT}"))
        page.get_by_role("link", name="Submission #1").click()
        expect(page.locator("body")).to_contain_text("Concurrency needed: 2 of 2 points")
        expect(page.locator("body")).to_contain_text("limit_needed is not answered yet")

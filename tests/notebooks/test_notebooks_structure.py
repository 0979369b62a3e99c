"""What every notebook of the course must be: short cells, true facts, links that resolve, clean metadata."""

import itertools
import json
import re
import statistics
import urllib.parse

import pytest

from lambdacourse.course.lessons import FACTS_TITLE, with_facts, written
from lambdacourse.course.prose import facts_table, marks, says
from lambdacourse.facts import fact
from lambdacourse.folders import content
from lambdacourse.grading.exercises import MODULES, exercise

LESSONS = sorted((content() / "lessons").glob("[0-9]*.ipynb"))
PAGES = sorted({*(content() / "lessons").glob("*.ipynb")} - {*LESSONS})  # what one looks up: text without code
SOLUTIONS = sorted((content() / "solutions").glob("*/*.ipynb"))
RELEASED = sorted((content() / "exercises").glob("*/*.ipynb"))
READ = LESSONS + PAGES
ALL = READ + SOLUTIONS + RELEASED
TAUGHT = [path for path in LESSONS if not path.name.startswith("00")]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def texts(notebook):
    return [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def codes(notebook):
    return [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def seen(text):
    """What one sees of a text before anything in it is unfolded."""
    return re.sub(r"</summary>.*?</details>|<[^>]+>", " ", text, flags=re.DOTALL)


def headings(path):
    """Where links to the headings of a notebook go from within it, as JupyterLab has it."""
    text = re.sub(r"```.*?```", "", "\n\n".join(texts(read(path))), flags=re.DOTALL)
    return {heading.replace("`", "").replace(" ", "-") for heading in re.findall(r"^#+ (.+?)$", text, re.MULTILINE)}


def of(path):
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", ALL, ids=of)
def test_metadata_is_clean(path):
    """The kernel is python3, cell ids are unique and speak, nothing of a running kernel is kept."""
    notebook = read(path)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert "widgets" not in notebook["metadata"]
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert "\r" not in path.read_bytes().decode("utf-8")
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error", source(cell)
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), source(cell)


@pytest.mark.parametrize("path", LESSONS, ids=of)
def test_lesson_is_short(path):
    """Code cells: median three lines or fewer, none over 25; at most 2,000 words before anything is unfolded; no wall of text.

    The table of facts counts, and is no wall: nobody reads it from its top to its end.
    """
    notebook = read(path)
    lengths = [len([line for line in code.splitlines() if line.strip()]) for code in codes(notebook)]
    assert statistics.median(lengths) <= 3 and max(lengths) <= 25
    assert sum(len(seen(text).split()) for text in texts(notebook)) <= 2_000
    assert max(len(text.split()) for text in texts(notebook) if not text.startswith(FACTS_TITLE)) <= 250


@pytest.mark.parametrize("path", TAUGHT, ids=of)
def test_lesson_has_its_parts(path):
    """The interviewer's question, a time, time to here, predictions, claims on trial, pitfalls, take-away, cards, facts."""
    notebook = read(path)
    text, code = "\n".join(texts(notebook)), "\n".join(codes(notebook))
    assert "The interviewer asks:" in text
    assert re.search(r"About \d+ minutes", text)
    assert len(re.findall(r"\*Time to here: \d+ minutes", text)) >= 2
    assert len(re.findall(r"^(?:predict|choose)\(", code, re.MULTILINE)) >= 3
    assert re.search(r"^(?:\w+_lab|drill_session)\(", code, re.MULTILINE)
    claims = text[text.index("## Claims on trial") :]
    assert len(re.findall(r"^\*\*\".+?\"\*\* \*(?:True|Stale|False)\.\*", claims, re.MULTILINE | re.DOTALL)) >= 3
    for heading in ("## Pitfalls", "## Take away", FACTS_TITLE):
        assert heading in text, heading
    assert "**Cards for the drill:**" in text
    assert "```python" in text and "```yaml" in text


@pytest.mark.parametrize("name", MODULES)
def test_lesson_leads_to_its_exercise(name):
    """Every exercise that there is hangs on a lesson of the same name, which links to it; one across lessons on the first page."""
    lesson = content() / "lessons" / f"{name}.ipynb"
    text = "\n".join(texts(read(lesson if lesson.exists() else lesson.with_name("00-welcome.ipynb"))))
    assert f"../exercises/{name}/{name}.ipynb" in text


@pytest.mark.parametrize("path", READ, ids=of)
def test_facts_are_true(path):
    """What a lesson marks as a fact is what facts.toml says, and its table of facts is the generated one."""
    notebook = read(path)
    for mark in marks(notebook):
        assert mark.is_true, f"{mark.words!r} is not what {mark.name} says: {fact(mark.name).text}"
    assert f"{FACTS_TITLE}\n\n{facts_table(notebook)}" in texts(notebook)
    assert written(with_facts(notebook)) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", READ + SOLUTIONS, ids=of)
def test_links_resolve(path):
    """Every link to a file of the course leads to one; every link within the page, to a heading or a fact; every link into another
    page, to a cell that begins with a heading: JupyterLab finds no heading in a notebook that is not open yet."""
    notebook = read(path)
    text = "\n".join(texts(notebook))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = urllib.parse.unquote(target).partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor and file:
            begins = {f"cell-id={cell['id']}": source(cell).startswith("#") for cell in read(there)["cells"]}
            assert begins.get(anchor), target
        elif anchor and not anchor.startswith("fact-"):
            assert anchor in headings(there), target
    assert "http://" not in text


@pytest.mark.parametrize("path", READ + SOLUTIONS, ids=of)
def test_dollars_are_no_formulas(path):
    """JupyterLab reads what stands between two dollars as a formula: first in the text, where a backslash keeps it from it,
    then on the page, where it does not, but where every link and every cell of a table is read by itself."""
    for text in texts(read(path)):
        prose = re.sub(r"```.*?```|`[^`]*`|\$\$.*?\$\$", "", text, flags=re.DOTALL)
        assert not re.search(r"(?<!\\)\$", prose), text
        for run in re.split(r"\n\n|\||\]\(|\[", prose):
            assert run.count("$") <= 1, run


@pytest.mark.parametrize("path", LESSONS, ids=of)
def test_lesson_was_run(path):
    """A lesson stands in the repository with its outputs: every code cell was run, in order; pictures have words."""
    cells = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    pictures = [output["data"] for cell in cells for output in cell["outputs"] if "image/png" in output.get("data", {})]
    assert pictures
    for data in pictures:
        assert 'alt="' in "".join(data["text/html"]) and 'alt=""' not in "".join(data["text/html"])
        assert len("".join(data["text/plain"])) > 20


@pytest.mark.parametrize("path", READ + SOLUTIONS, ids=of)
def test_headings_step_down(path):
    """One title; headings go down one step at a time."""
    text = re.sub(r"```.*?```", "", "\n\n".join(texts(read(path))), flags=re.DOTALL)
    levels = [len(found) for found in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("path", SOLUTIONS, ids=of)
def test_solution_metadata(path):
    """Grade cells are locked and complete; each task has a solution with a region, a visible check and a hidden one."""
    notebook, name = read(path), path.parent.name
    marked = [cell for cell in notebook["cells"] if "nbgrader" in cell["metadata"]]
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in marked]
    assert len(set(ids)) == len(ids)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook["cells"])
    graded = {}
    for cell in marked:
        about = cell["metadata"]["nbgrader"]
        assert about["schema_version"] == 3
        assert "MARK SCHEME" not in source(cell) or about["task"]
        if about["grade"]:
            assert about["locked"] and not about["solution"] and about["points"] >= 0
            graded[about["grade_id"]] = about["points"]
            check = f'check("{about["grade_id"]}")'
            hidden = f'check("{about["grade_id"]}", hidden=True)'
            assert source(cell) == f"{check}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
            assert not re.search(r"interact|Output|observe|on_click", source(cell))
        elif about["solution"]:
            assert source(cell).count("### BEGIN SOLUTION") == source(cell).count("### END SOLUTION") == 1
    assert graded == {task.name: task.points for task in exercise(name).tasks}


@pytest.mark.parametrize("path", PAGES, ids=of)
def test_what_one_looks_up_is_text(path):
    """The glossary and the cheat sheet: no code, short cells, linked from the welcome page."""
    notebook = read(path)
    assert not codes(notebook)
    assert max(len(text.split()) for text in texts(notebook) if not text.startswith(FACTS_TITLE)) <= 250
    assert f"]({path.name})" in "\n".join(texts(read(content() / "lessons" / "00-welcome.ipynb")))


def test_every_word_of_the_glossary_has_its_place():
    """Each word is told in a few sentences, once, and leads to the heading of a lesson where it is explained."""
    text = "\n\n".join(texts(read(content() / "lessons" / "glossary.ipynb")))
    words = re.findall(r"^### (.+)\n\n(.+)$", text, re.MULTILINE)
    assert len(words) >= 50
    names = [name.lower() for name, _ in words]
    assert len(set(names)) == len(names) == text.count("\n### ")
    for name, told in words:
        assert re.search(r"\. → \[lesson \d\d\]\(\d\d-[a-z-]+\.ipynb#\S+\)$", told), name
        assert len(told.split()) <= 50, name


@pytest.mark.parametrize("path", TAUGHT, ids=of)
def test_lesson_leads_to_the_glossary(path):
    """The words that a lesson brings are links to the glossary where they first stand, each once."""
    links = re.findall(r"\]\(glossary\.ipynb#(\S+?)\)", "\n".join(texts(read(path))))
    assert len(links) >= 3
    assert len(set(links)) == len(links)


def test_every_exercise_is_there():
    """Each exercise has one notebook among the solutions and one among the released."""
    assert [path.parent.name for path in SOLUTIONS] == [path.parent.name for path in RELEASED] == list(MODULES)


@pytest.mark.parametrize(
    "words, name, true",
    [
        ("1,000", "account_concurrency", True),
        ("1000", "account_concurrency", True),
        ("900", "account_concurrency", False),
        ("6 hours", "async_event_age", True),
        ("21,600 s", "async_event_age", True),
        ("6 minutes", "async_event_age", False),
        ("1, 2, 3, 4, 5, 9", "ten_requests_new", True),
        ("1, 2, 3", "ten_requests_new", False),
        ("60 %", "provisioned_break_even", True),
        ("0.6", "provisioned_break_even", True),
        ("6 %", "provisioned_break_even", False),
        ("$0.20", "request_price", True),
        ("2023-11-26", "scaling_rate_since", True),
        ("2023-11-27", "scaling_rate_since", False),
    ],
)
def test_says(words, name, true):
    """Words in a lesson are compared with a fact by their meaning: unit words, percent, lists, dates."""
    assert says(words, fact(name)) is true

"""The reading edition: whole, without a network, without answers; it overwrites nothing that it did not write."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from lambdacourse.cli import main
from lambdacourse.course.edition import MANIFEST, all_pages, edition
from lambdacourse.course.edition.markup import notebook_html, text_html, words
from lambdacourse.facts import all_facts, sections
from lambdacourse.folders import content

FETCHED = {"src", "srcset", "data", "poster", "action", "background"}
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Parsed(HTMLParser):
    """What a page links to, fetches and can be linked to; whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.fetched, self.images, self.wrong = [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.ids += [known["id"]] if "id" in known else []
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        elif "href" in known:
            self.fetched.append(known["href"])
        self.fetched += [value for name, value in attributes if name in FETCHED]
        if tag == "img":
            self.images.append(known)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append((tag, self.getpos()))


@pytest.fixture(scope="module")
def pages():
    return all_pages()


@pytest.fixture(scope="module")
def files(pages):
    return edition(pages)


@pytest.fixture(scope="module")
def parsed(files):
    return {name: Parsed(text) for name, text in files.items() if name.endswith(".html")}


def test_every_notebook_has_its_page(files):
    """Each lesson and each exercise; contents and facts besides."""
    notebooks = [file for part in ("lessons", "exercises") for file in (content() / part).rglob("*.ipynb")]
    wanted = {file.relative_to(content()).with_suffix(".html").as_posix() for file in notebooks}
    assert {name for name in files if name.endswith(".html")} == wanted | {"index.html", "facts.html"}


def test_pages_are_well_formed(parsed):
    """Elements close in order, ids are there once, pictures have words."""
    for name, page in parsed.items():
        assert not page.wrong and not page.open, (name, page.wrong, page.open)
        assert [each for each, count in Counter(page.ids).items() if count > 1] == [], name
        assert all(image.get("alt", "").strip() for image in page.images), name
    assert len(parsed["lessons/01-concurrency.html"].images) >= 6


def test_links_lead_somewhere(files, parsed):
    """Every link that is no web address leads to a file of the edition, and to a place in it."""
    for name, page in parsed.items():
        for link in page.links:
            if link.startswith("https://"):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (Path("/") / Path(name).parent / file).resolve().relative_to("/").as_posix() if file else name
            assert target in files, (name, link)
            assert not anchor or anchor in parsed[target].ids, (name, link)


def test_nothing_is_fetched(files, parsed):
    """Scripts, styles and pictures are files of the edition or stand in the page; no style or script asks a network."""
    for name, page in parsed.items():
        for address in page.fetched:
            if not address.startswith("data:"):
                assert (Path("/") / Path(name).parent / address).resolve().relative_to("/").as_posix() in files, (name, address)
    for name, text in files.items():
        for style in [text] if name.endswith(".css") else re.findall(r"<style.*?</style>", text, re.DOTALL):
            assert "@import" not in style and "url(" not in style, name
        for script in [text] if name == "edition.js" else re.findall(r"<script.*?</script>", text, re.DOTALL):
            assert not re.search(r"https?://(?!www\.w3\.org/)|\bfetch\(|XMLHttpRequest|\bimport\b", script), name


def test_every_fact_has_source_and_date(files, parsed):
    """A fact's place on the facts page has its value, its source and both its dates; sections leave none out."""
    known = [fact for facts in sections().values() for fact in facts]
    assert known == all_facts()
    text = words(files["facts.html"])
    for fact in known:
        assert f"fact-{fact.name}" in parsed["facts.html"].ids
        assert " ".join(f"{fact.source}, {fact.as_of}; checked {fact.checked};".split()) in text, fact.name


def test_labs_stand_still_and_say_how_they_move(files):
    """A lab's cell shows its twin's picture and figures, and how to open the live one."""
    page = files["lessons/01-concurrency.html"]
    lab = page[page.index("concurrency_lab</span>") if "concurrency_lab</span>" in page else page.rindex("concurrency_lab") :]
    assert "environments needed" in lab
    assert "then open <code>lessons/01-concurrency.ipynb</code>" in lab
    assert page.count('class="live"') == 1


def test_no_answers(files):
    """Nothing of a solution is in the edition."""
    for file in (content() / "solutions").rglob("*.ipynb"):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            for answer in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", "".join(cell["source"]), re.DOTALL):
                shown = words(files[f"exercises/{file.parent.name}/{file.name}".replace(".ipynb", ".html")])
                assert " ".join(answer.split()) not in shown


def test_search_index_has_every_section(pages, files):
    """Whatever stands under a heading is found; the index is a script, for pages that are opened from a disk."""
    entries = json.loads(files["search-index.js"].removeprefix("const SECTIONS = ").rstrip(";\n"))
    headings = {(page.name, section.anchor) for page in pages for section in page.sections}
    assert {(page, anchor) for page, anchor, *_ in entries} == {each for each in headings if each[1] != "Facts-used-here"}
    (three,) = [text for page, anchor, *_, text in entries if anchor == "Three-limits,-not-one"]
    assert "FunctionInvocationRateLimitExceeded" in three and "base64" not in three
    assert "duration=0.05), poisson(20_000)" in three, "code is found as it is typed"


def test_text_is_as_in_jupyterlab():
    """Headings are linked as there, links to notebooks lead to pages, dollars are dollars, code is marked and escaped."""
    html = text_html("## DynamoDB's *own* throttle\n[a](../x/y.ipynb#Cold-start), \\$1, [b](https://example.com/z.ipynb)")
    assert 'id="DynamoDB&#x27;s-own-throttle"' in html and "<p>" in html and ", $1," in html
    assert 'href="../x/y.html#Cold-start"' in html and 'href="https://example.com/z.ipynb"' in html
    assert "&lt;b&gt;" in text_html("```yaml\na: <b>\n```")
    assert '<th scope="col">x</th>' in text_html("| x | |\n|---|---|\n| 1 | 2 |")


def test_outputs_without_html():
    """A picture has its words, text stays text."""
    outputs = [
        {"output_type": "display_data", "data": {"image/png": "AAAA\n", "text/plain": 'a "b"'}},
        {"output_type": "stream", "name": "stdout", "text": ["1 < 2\n"]},
    ]
    html = notebook_html({"cells": [{"cell_type": "code", "source": "f()", "outputs": outputs}]}, "lessons/x.ipynb")
    assert '<img alt="a &quot;b&quot;" src="data:image/png;base64,AAAA">' in html and "<pre>1 &lt; 2" in html


# Writing it


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_export_again(tmp_path, files, capsys):
    """Into a new folder; then again: what the edition no longer has goes, what others put there stays."""
    folder = tmp_path / "a" / "edition"
    assert main(["export", str(folder)]) == 0
    assert str(folder / "index.html") in capsys.readouterr().out
    assert names(folder) == {*files, MANIFEST}
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    (folder / "old.html").write_text("an earlier edition's", encoding="utf-8")
    wrote = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    wrote["old.html"] = "8e3a" * 16
    (folder / "lessons" / "gone.html").write_bytes((folder / "index.html").read_bytes())
    wrote["lessons/gone.html"] = wrote["index.html"]
    (folder / MANIFEST).write_text(json.dumps(wrote), encoding="utf-8")
    assert main(["export", str(folder)]) == 0
    assert names(folder) == {*files, MANIFEST, "notes.txt", "old.html"}


@pytest.mark.parametrize("name", ["index.html", "lessons/01-concurrency.html"])
def test_export_overwrites_nothing(tmp_path, capsys, name):
    """A page that is not as the edition wrote it stays, and nothing else is written."""
    mine = tmp_path / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    assert main(["export", str(tmp_path)]) == 1
    assert f"{name} is not as an edition wrote it, and stays" in capsys.readouterr().err
    assert names(tmp_path) == {name} and mine.read_text(encoding="utf-8") == "mine"


def test_export_keeps_a_page_that_was_changed(tmp_path, capsys):
    """A reader's notes in a page are not lost to the next edition."""
    assert main(["export", str(tmp_path)]) == 0
    page = tmp_path / "lessons" / "04-vpc.html"
    page.write_text("my notes", encoding="utf-8")
    assert main(["export", str(tmp_path)]) == 1
    assert "04-vpc.html" in capsys.readouterr().err and page.read_text(encoding="utf-8") == "my notes"


def test_export_into_a_file(tmp_path, capsys):
    """One sentence."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["export", str(tmp_path / "file")]) == 1
    assert "is a file. Name a folder" in capsys.readouterr().err

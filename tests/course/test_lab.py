"""``lambdacourse lab``: which arguments go where, and a real JupyterLab as a learner gets it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest

from lambdacourse import cli
from lambdacourse.course import lab as room
from lambdacourse.course.lab import split_lab_arguments
from lambdacourse.errors import CourseError

FOR_TEACHERS = {
    f"@jupyter/nbgrader:{panel}" for panel in ("assignment-list", "course-list", "create-assignment", "formgrader", "menu")
}


@pytest.mark.parametrize(
    ("arguments", "folder", "rest"),
    [
        ("", "lambda-at-scale", ""),
        ("my-course", "my-course", ""),
        ("--no-browser", "lambda-at-scale", "--no-browser"),
        ("--port 8890", "lambda-at-scale", "--port 8890"),
        ("--port=8890 my-course", "lambda-at-scale", "--port=8890 my-course"),
        ("my-course --port 8890 --no-browser", "my-course", "--port 8890 --no-browser"),
        ("8890 --port 8890", "8890", "--port 8890"),
        ("курс --ServerApp.token=x --allow-root", "курс", "--ServerApp.token=x --allow-root"),
    ],
)
def test_folder_comes_first_or_not_at_all(arguments, folder, rest):
    """The first word is the folder unless it begins with ``-``; all that follows is JupyterLab's."""
    assert split_lab_arguments(arguments.split()) == (room.Path(folder), rest.split())


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], []),
        (["lab"], []),
        (["lab", "x", "--port", "1"], ["x", "--port", "1"]),
        (["--port", "1"], ["--port", "1"]),
        (["--no-browser", "lab"], ["--no-browser", "lab"]),
    ],
)
def test_lab_is_what_runs_without_a_command(monkeypatch, arguments, passed):
    """With and without the word ``lab``."""
    started = []
    monkeypatch.setattr(cli, "lab", lambda arguments: started.append(arguments) or 0)
    assert cli.main(arguments) == 0
    assert started == [passed]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["lab", "--help"], ["--version"], ["no-such-command"]])
def test_help_starts_nothing(monkeypatch, capsys, arguments):
    """Help, the version and an unknown command end at once, without a traceback."""
    monkeypatch.setattr(cli, "lab", lambda arguments: pytest.fail("started"))
    with pytest.raises(SystemExit):
        cli.main(arguments)
    said = capsys.readouterr()
    assert "lambdacourse" in said.out + said.err


@pytest.mark.parametrize("form", ["--port {}", "--port={}", "--ServerApp.port={}", "--ip 127.0.0.1 --port {}"])
def test_a_port_in_use(monkeypatch, capsys, tmp_path, form):
    """One sentence and exit code 1 when the user asked for it; nothing is made."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert cli.main(["lab", "--no-browser", *form.format(port).split()]) == 1
    said = capsys.readouterr()
    assert re.fullmatch(rf"lambdacourse: JupyterLab cannot have port {port}: .*\n", said.err) and said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_no_such_port(monkeypatch, tmp_path):
    """A number that is too large gets a sentence too; a word is left to JupyterLab, which says so itself."""
    with pytest.raises(CourseError, match="port 99999"):
        room._check_port(["--port", "99999"])
    for arguments in (["--port", "word"], ["--port"], ["--port="], [], ["--no-browser"]):
        room._check_port(arguments)


def test_a_folder_that_is_a_file(tmp_path, capsys):
    """One sentence and exit code 1."""
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    assert cli.main(["lab", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"lambdacourse: {file} is a file.")


def test_the_facts_command(capsys):
    """Facts that have all the words, each with its source; none is said in a sentence."""
    assert cli.main(["facts", "account", "concurrency"]) == 0
    assert "account_concurrency: 1,000 " in capsys.readouterr().out
    assert cli.main(["facts", "no-such-words-anywhere"]) == 0
    assert capsys.readouterr().out == "There is no such fact.\n"
    assert cli.main(["facts", "--older-than", "36500"]) == 0
    for days in ("x", "-1", "1e9", "999999999999"):
        with pytest.raises(SystemExit):
            cli.main(["facts", "--older-than", days])


# A real JupyterLab


def page_config(page: str) -> dict:
    return json.loads(re.search(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def test_a_real_lab(start_lab):
    """It answers, in the workspace, without what is for teachers; a user's own settings are kept; nothing is left behind."""
    with start_lab() as lab:
        assert json.loads(lab.get("api/status"))["kernels"] == 0
        assert {entry["name"] for entry in json.loads(lab.get("api/contents"))["content"]} == {"lessons", "exercises"}
        config = page_config(lab.get("lab/tree/lessons/00-welcome.ipynb"))
        assert {*FOR_TEACHERS, "@jupyterlab/apputils-extension:announcements"} <= set(config["disabledExtensions"])
        assert config["treePath"] == "lessons/00-welcome.ipynb"
        with urllib.request.urlopen(lab.address(), timeout=30) as first:
            assert "/lab/tree/lessons/00-welcome.ipynb" in first.url

        themes = "lab/api/settings/@jupyterlab/apputils-extension:themes"
        body = json.dumps({"raw": '{"theme": "JupyterLab Dark"}'}).encode()
        urllib.request.urlopen(urllib.request.Request(lab.address(themes), body, method="PUT"), timeout=30).close()
        assert json.loads(lab.get(themes))["settings"]["theme"] == "JupyterLab Dark"
        assert any(room.Path(lab.environment["HOME"]).rglob("themes.jupyterlab-settings"))

        urllib.request.urlopen(urllib.request.Request(lab.address("api/kernels"), b"{}", method="POST"), timeout=60).close()
        children = psutil.Process(lab.process.pid).children(recursive=True)
        assert children
        lab.process.send_signal(signal.SIGTERM)
        lab.process.wait(timeout=20)
        _, left = psutil.wait_procs(children, timeout=5)
        assert not left, [child.cmdline() for child in left]


def test_no_zombie_while_it_runs(start_lab):
    """What compiles in the background ends by itself and is not left in the table of processes."""
    with start_lab() as lab:
        children = psutil.Process(lab.process.pid).children()
        _, left = psutil.wait_procs(children, timeout=240)
        assert not left
        assert psutil.Process(lab.process.pid).children() == []


def test_a_port_in_use_as_a_real_command(tmp_path):
    """A real command in a real process: a port in use is one line on stderr, nothing on stdout, exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "lambdacourse.cli", "--port", str(server.getsockname()[1]), "--no-browser"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60, env=dict(os.environ))
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1

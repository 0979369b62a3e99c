"""What several rooms' tests share: a real JupyterLab, started by the real command in a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lambdacourse.folders import cache_folder

# Python warns of files that are opened without an encoding when it is told so at its start: pytest's workers are, and nothing that
# they start in turn, where a warning of somebody else's code would take points from an exercise.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("PYTHONWARNDEFAULTENCODING", None)
else:
    os.environ["PYTHONWARNDEFAULTENCODING"] = "1"

TOKEN = "x"

FIRST = ("engine", "browser", "workshop", "bench", "grading", "runtime")
"""Rooms that begin first: the engine's tests compile what all others need, and the files of the others take minutes with few tests,
so that at the end no process waits for another's last file."""


def pytest_collection_modifyitems(items):
    order = {room: place for place, room in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(FIRST)))


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that answers at ``url``. ``log`` is what it prints; ``environment`` is what it was started with."""

    url: str
    token: str
    workspace: Path
    process: subprocess.Popen
    log: Path
    environment: dict[str, str]

    def address(self, path: str = "") -> str:
        """A page with the token in it; ``path`` such as ``lab/tree/lessons/00-welcome.ipynb``."""
        return f"{self.url}/{path}?token={self.token}"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.address(path), timeout=30) as answer:
            return answer.read().decode("utf-8")


@pytest.fixture(scope="session")
def start_lab(tmp_path_factory):
    """``with start_lab() as lab:`` runs ``lambdacourse lab`` in a new folder, with a home of its own, and stops it again.

    ``workspace`` is a folder to use instead; ``environment`` goes on top of this process's.
    """

    @contextmanager
    def run(workspace: Path | None = None, **environment: str):
        home = tmp_path_factory.mktemp("home")
        workspace = workspace or tmp_path_factory.mktemp("course") / "lambda-at-scale"
        share_cache(home / "lambdacourse")
        environment = {**environment_in(home), **environment}
        with serve(["lambdacourse.cli", "lab", str(workspace)], home, workspace, environment) as lab:
            yield lab

    return run


@pytest.fixture(scope="session")
def start_instructors_lab(tmp_path_factory):
    """``with start_instructors_lab(folder) as lab:`` runs plain JupyterLab in the folder of a class, nbgrader's panels included."""

    @contextmanager
    def run(folder: Path):
        home = tmp_path_factory.mktemp("home")
        share_cache(home / "lambdacourse")
        with serve(["jupyterlab"], folder, folder, environment_in(home)) as lab:
            yield lab

    return run


@contextmanager
def serve(module: list[str], cwd: Path, workspace: Path, environment: dict[str, str]):
    """JupyterLab, started by a Python ``module`` with its arguments in ``cwd``, until the block ends."""
    port, log = free_port(), Path(environment["HOME"]) / "lab.log"
    command = [sys.executable, "-m", *module, "--no-browser", "--allow-root", "--port", str(port)]
    command += [f"--ServerApp.token={TOKEN}", "--LabApp.expose_app_in_browser=True"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
    lab = Lab(f"http://localhost:{port}", TOKEN, workspace, process, log, environment)
    try:
        wait_until_it_answers(lab)
        yield lab
    finally:
        stop(process)


@pytest.fixture(scope="session")
def lab(start_lab):
    """One JupyterLab for all tests that only look and click."""
    with start_lab() as lab:
        yield lab


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A learner's own home for this test, which notebooks and commands that it runs have, too."""
    share_cache(tmp_path / "home")
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def environment_in(home: Path) -> dict[str, str]:
    """This process's environment, with every folder that Jupyter, IPython and the course write to inside ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_", "LAMBDACOURSE"))}
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "appdata"),
        "LAMBDACOURSE_HOME": str(home / "lambdacourse"),
    }


def share_cache(home: Path) -> None:
    """Let the course's ``home`` of a test have the compiled engine of all tests: to compile it takes a minute."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to(cache_folder(), target_is_directory=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(lab: Lab, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and lab.process.poll() is None:
        try:
            lab.get("api/status")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    said = lab.log.read_text(encoding="utf-8", errors="replace")
    pytest.fail(f"JupyterLab did not answer within {seconds:g} s (exit code {lab.process.poll()}):\n{said}")


def stop(process: subprocess.Popen) -> None:
    """Stop it as a person or a service would; by force when it does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""A lab as somebody meets it: from a key to the new picture on the screen, in JupyterLab, in a real Chromium.

Needs Playwright and the system's Chromium; ``CHROMIUM`` names another one.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lambdacourse.errors import CourseError

PROGRAMS = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SECONDS, PRESSES = 60, 10

# JupyterLab says that a kernel is idle, and then connects to it once more: cells that it was sent meanwhile are forgotten, and so is
# a question. Once an answer comes, it listens.
LISTENS = """async () => {
    for (;;) {
        try {
            const context = window.jupyterapp.shell.currentWidget.sessionContext;
            await context.ready;
            await context.session.kernel.requestKernelInfo();
            return;
        } catch (forgotten) {
            await new Promise(later => setTimeout(later, 200));
        }
    }
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
# The picture is there two frames after it was loaded: the first may have begun before.
TIMED = """image => {
    window.took = null;
    document.addEventListener("keydown", () => {
        const start = performance.now();
        const seen = () => { window.took = performance.now() - start; };
        image.addEventListener("load", () => requestAnimationFrame(() => requestAnimationFrame(seen)), {once: true});
    }, {once: true, capture: true});
}"""


def chromium() -> str | None:
    """The program; None where there is none."""
    names = [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else PROGRAMS
    return next(filter(None, map(shutil.which, names)), None)


def is_here() -> bool:
    """Whether there is a browser to measure in."""
    return bool(find_spec("playwright") and chromium())


def labs(names: list[str]) -> dict[str, float]:
    """Milliseconds from a key on the first slider of each lab to its new picture on the screen; the median of ten presses.

    Raises ``CourseError`` where the browser does not start or does not show the labs.
    """
    from playwright.sync_api import Error

    try:
        return _measured(names)
    except Error as problem:
        raise CourseError(f"The labs were not measured in {chromium()}: {problem.message.splitlines()[0]}") from None


def _measured(names: list[str]) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    with _jupyterlab(names) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(SECONDS * 1000)
        page.goto(address)
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for()
        page.evaluate(LISTENS)
        page.evaluate(RUN_ALL)
        took = {name: _press(page, name) for name in names}
        browser.close()
    return took


def _press(page: Any, name: str) -> float:
    cell = page.locator(".jp-Cell", has_text=f"labs.{name}_lab()")
    cell.scroll_into_view_if_needed()
    picture = cell.locator("img.lc-picture")
    picture.wait_for()
    cell.locator(".noUi-handle").first.focus()
    took = []
    for press in range(PRESSES):
        page.wait_for_timeout(300)  # until nothing of the last one is under way
        picture.evaluate(TIMED)
        page.keyboard.press(("ArrowRight", "ArrowLeft")[press % 2])
        page.wait_for_function("window.took !== null")
        took.append(page.evaluate("window.took"))
    return statistics.median(took)


@contextmanager
def _jupyterlab(names: list[str]) -> Iterator[str]:
    """The address of a notebook with these labs, in a JupyterLab of its own."""
    import nbformat

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="lambdacourse-bench-", ignore_cleanup_errors=True) as folder:
        cells = [
            nbformat.v4.new_code_cell(each)
            for each in ("from lambdacourse import labs", *(f"labs.{name}_lab()" for name in names))
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), Path(folder) / "labs.ipynb")
        settings = {
            "ip": "127.0.0.1",
            "port": port,
            "token": "bench",
            "open_browser": False,
            "allow_root": True,
            "root_dir": folder,
        }
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--expose-app-in-browser",
                *(f"--ServerApp.{key}={value}" for key, value in settings.items()),
            ],
            env=os.environ | {"JUPYTERLAB_WORKSPACES_DIR": folder, "NBGRADER_EXECUTION": "bench"},  # no progress is written
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/api?token=bench")
            yield f"http://127.0.0.1:{port}/lab/tree/labs.ipynb?token=bench&reset"
        finally:
            process.terminate()
            process.wait(SECONDS)


def _wait_for(address: str) -> None:
    for tries_left in reversed(range(5 * SECONDS)):
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            if not tries_left:
                raise
            time.sleep(0.2)

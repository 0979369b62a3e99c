"""The function of exercise 10 on the local Lambda: a real cold start, real imports, a real HTTP server on this machine."""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from lambdacourse.errors import CourseError
from lambdacourse.grading import services
from lambdacourse.grading.session import Note
from lambdacourse.plots import bar_panels, written_seconds
from lambdacourse.runtime.invocations import Invocation
from lambdacourse.runtime.local import LocalLambda, check_platform

CONNECT, WAIT = 0.04, 0.1
"""Seconds until a service has taken a connection, and until it answers: what another machine would take."""

PATHS = ("/users/u1", "/users/u1", "/users/u1", "/users/u1/chart")
ANSWERS = {"users": {"name": "Ada", "segment": "s1"}, "orders": {"points": 7}, "offers": {"offer": "Tea"}}
LIBRARIES = {
    "pricing": "import pandas\n\ndef price(points):\n    return 3 * points\n",
    "charts": "import matplotlib.colors\n\ndef bar(points):\n    return '#' * points\n",
}
"""Each needs another library, as they do: so loading them really takes a while."""

APP = """\
import importlib, socket, time
from services import Client

def dial():
    time.sleep({connect})
    end = socket.create_connection(("127.0.0.1", {port}))
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end

{code}

handler = {name}(importlib.import_module, lambda service: Client(service, dial))
"""


def measure(*makers: Callable[..., Any]) -> Note:
    """Run the handlers that ``makers`` make on the local Lambda: one cold call, two warm ones, and one that draws.

    ``load`` is Python's own import there, and ``connect`` leads to an HTTP server of this machine. Raises ``CourseError`` with the
    log where a handler fails.
    """
    if os.environ.get("NBGRADER_EXECUTION"):
        return _said("Nothing is measured while a notebook is graded.")
    try:
        check_platform()
    except CourseError as why:
        return _said(f"Not measured. {why}")
    rows, panels, logs = [], {}, []
    for maker in makers:
        calls = _calls(maker)
        last, _ = calls[-1]
        if last.outcome != "ok":
            if "NotImplementedError" in str(last.payload):
                return _said(f"{maker.__name__} is not answered yet. Answer it, then run this cell again.")
            raise CourseError(f"{maker.__name__} does not run:\n{last.log}")
        rows += [(maker.__name__, path, call, opened) for path, (call, opened) in zip(PATHS, calls, strict=True)]
        shown = [(path, call.duration, "warm") for path, (call, _) in zip(PATHS, calls, strict=True)]
        panels[maker.__name__] = [("initialisation", calls[0][0].init, "cold"), *shown]
        logs.append(f"{maker.__name__}\n" + "\n".join(call.report.line for call, _ in calls))
    return _shown(rows, bar_panels("seconds on this machine, just now", panels, written_seconds), "\n\n".join(logs))


def _calls(maker: Callable[..., Any]) -> list[tuple[Invocation, int]]:
    """The calls of a new environment, each with how many connections it opened; the last is the first that failed, if one did."""
    found: list[tuple[Invocation, int]] = []
    with tempfile.TemporaryDirectory() as folder, services.Services(_answer) as served:
        for name, source in LIBRARIES.items():
            Path(folder, f"{name}.py").write_text(source, encoding="utf-8")
        shutil.copyfile(services.__file__, Path(folder, "services.py"))
        app = APP.format(connect=CONNECT, port=served.listen(), code=_code(maker), name=maker.__name__)
        Path(folder, "app.py").write_text(app, encoding="utf-8")
        with LocalLambda("app.handler", folder, name="slow", memory_mb=512, timeout=30) as local:
            for path in PATHS:
                before = {request.connection for request in served.requests}
                call = local.invoke({"version": "2.0", "rawPath": path, "pathParameters": {"userId": "u1"}})
                found.append((call, len({request.connection for request in served.requests} - before)))
                if call.outcome != "ok":
                    break
    return found


def _answer(service: str, path: str) -> Any:
    time.sleep(WAIT)
    return ANSWERS.get(service)


def _code(maker: Callable[..., Any]) -> str:
    """The cell in which ``maker`` was written, without what it calls there."""
    lines, _ = inspect.findsource(maker)
    tree = ast.parse("".join(lines))
    tree.body = [node for node in tree.body if not isinstance(node, ast.Expr)]
    return ast.unparse(tree)


def _said(text: str) -> Note:
    return Note(f'<p role="status">{escape(text)}</p>', text)


def _shown(rows: list[tuple[str, str, Invocation, int]], picture: Any, log: str) -> Note:
    heads = ("function", "call", "Init Duration", "Duration", "connections opened")
    cells = [
        (name, path, f"{1000 * call.init:,.0f} ms" if call.cold else "", f"{1000 * call.duration:,.0f} ms", str(opened))
        for name, path, call, opened in rows
    ]
    table = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in cells)
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    html = (
        f"{picture._repr_mimebundle_()['text/html']}<table><thead><tr>{head}</tr></thead><tbody>{table}</tbody></table>"
        f"<pre>{escape(log)}</pre>"
    )
    return Note(html, f"{picture.alt}\n\n{log}")

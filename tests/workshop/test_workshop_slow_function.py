"""Exercise 10 in a class: who claims to have mended the slow function, or fakes what is measured, gets what the services saw."""

import json

import nbformat
import pytest

from lambdacourse.folders import content
from lambdacourse.workshop.judge import Seeds, judge, tasks_of

NAME = "10-debug-slow-function"
FULL = 8.0
SLOW_POINTS = 1.0
"""What the slow function gets as it stands: its answers are right."""


def cell(id):
    notebook = json.loads((content() / "solutions" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    return "".join(next(each["source"] for each in notebook["cells"] if each["id"] == id))


def score(sandbox, *cells):
    """The points of ``make_handler``, as it is after these cells, in a class's sandbox."""
    about = {"grade": True, "grade_id": "make_handler", "locked": True, "points": FULL, "schema_version": 3, "solution": False}
    graded = nbformat.v4.new_code_cell('check("make_handler")', metadata={"nbgrader": about | {"task": False}})
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells), graded])
    judge(notebook, "ada", NAME, tasks_of(NAME), Seeds("public", "SECRET-SEED"), sandbox)
    assert "SECRET" not in json.dumps(notebook)
    return float(graded.outputs[0].data["text/plain"])


MENDED = cell("make-handler-answer")
SLOW = cell("slow").replace("make_slow_handler", "make_handler")

CLAIMS = """
import time, http.client
import lambdacourse.grading.services as services, lambdacourse.grading.session as session
import lambdacourse.grading.exercises.slowfunction as checked
time.sleep = lambda seconds: None
time.monotonic = time.time = time.perf_counter = lambda: 0.0
services.Services.met = True
services.Services._answer = lambda *about: {"points": 8}
for part in ("_eager", "_lazy", "_kept", "_together", "_after_a_pause", "_check_handler"):
    setattr(checked, part, lambda *about: [checked.Part(8, 8, "right")])
session._verdict = checked.Services = lambda *about: 8
"""
SPENDS = MENDED.replace(
    'users, orders, offers = connect("users"), connect("orders"), connect("offers")',
    'spare = {name: [connect(name) for _ in range(20)] for name in ("users", "orders", "offers")}\n'
    '    users, orders, offers = "users", "orders", "offers"',
).replace("client.get(path)", "spare[client].pop().get(path)")
"""All connections are made in the initialisation, and none of them is used twice."""
PRETENDS = MENDED.replace(
    'order = pool.submit(get, orders, f"/orders/{user_id}")',
    'order = pool.submit(get, orders, "/nothing")',
).replace('order.result()["points"]', 'order.exception() and get(orders, f"/orders/{user_id}")["points"]')
"""Beside users another request to orders waits; that for what is needed comes afterwards."""
REMEMBERS = MENDED.replace("def handler(event, context):", "seen = {}\n    def handler(event, context):").replace(
    'user = get(users, f"/users/{user_id}")',
    'user = seen[user_id] if user_id in seen else seen.setdefault(user_id, get(users, f"/users/{user_id}"))',
)
FLOODS = """
import threading, socket
def make_handler(load, connect):
    def flood(number):
        while True:
            try:
                socket.socket(fileno=number).sendall(b"GET /users/1 HTTP/1.1\\r\\nHost: users\\r\\n\\r\\n" * 1_000)
            except OSError:
                return
    for number in range(3, 64):
        try:
            threading.Thread(target=flood, args=(number,), daemon=True).start()
        except RuntimeError:
            break
    return lambda event, context: {"statusCode": 200, "body": "{}"}
"""
NO_HANDLER = "def make_handler(load, connect): return 8"
HANGS = "import time\ndef make_handler(load, connect): return lambda event, context: connect('users').dial().recv(1)"

FORGERIES = {
    "mended": ([MENDED], FULL),
    "slow": ([SLOW], SLOW_POINTS),
    "claims": ([CLAIMS, SLOW], SLOW_POINTS),
    "spends": ([SPENDS], FULL - 2 - 1),
    "pretends": ([PRETENDS], FULL - 2),
    "remembers": ([REMEMBERS], 0.86),
    "floods": ([FLOODS], 0.0),
    "no handler": ([NO_HANDLER], 0.0),
    "hangs": ([HANGS], 0.0),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged(sandbox, forgery, monkeypatch):
    """The score that this one must get; whoever comes afterwards is graded as if nothing had been."""
    monkeypatch.setattr("lambdacourse.workshop.sandbox.CALL_SECONDS", 2.0)
    cells, points = FORGERIES[forgery]
    assert score(sandbox, *cells) == points
    assert forgery in ("mended", "slow") or score(sandbox, MENDED) == FULL

"""Exercise 10: each fault of the slow function loses its own part; expected answers are found a second way."""

import json
import linecache
import os
from itertools import product

import pytest

from lambdacourse.folders import content
from lambdacourse.grading import measured, session
from lambdacourse.grading.exercises import slowfunction
from lambdacourse.learner import Learner
from lambdacourse.model.work import Work

NAME = "10-debug-slow-function"


def cell(id):
    """The source of a cell of the solution."""
    notebook = json.loads((content() / "solutions" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    return "".join(next(each["source"] for each in notebook["cells"] if each["id"] == id))


def points(code):
    """What each part of ``make_handler`` gets: answers, libraries eager and lazy, connections, in parallel, after a pause."""
    namespace: dict = {}
    exec(code, namespace)
    return [part.points for part in session._verdict(NAME, slowfunction.HANDLER, namespace, True).parts]


MENDED, SLOW = cell("make-handler-answer"), cell("slow")
FAULTS = {
    "none": ("", "", [1, 1, 1, 2, 2, 1]),
    "an import in the handler": ("pricing.price", 'load("pricing").price', [1, 0, 1, 2, 2, 1]),
    "all libraries loaded": ("pricing = ", 'load("charts"); pricing = ', [1, 1, 0, 2, 2, 1]),
    "a client closed": ("return {", "users.close(); return {", [1, 1, 1, 0, 2, 0]),
    "one call after the other": ("order.result()", 'get(orders, f"/orders/{user_id}")', [1, 1, 1, 2, 0, 1]),
    "asked twice": ("user = ", 'get(users, f"/users/{user_id}"); user = ', [1, 1, 1, 2, 0, 1]),
    "no second try": ("except ConnectionError", "except KeyError", [1, 1, 1, 2, 2, 0]),
    "a wrong price": ("price(points)", "price(points + 1)", [0, 0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_loses_its_own_part(fault, monkeypatch):
    """The mended function with one fault loses the points for that, and no others."""
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    old, new, wanted = FAULTS[fault]
    code = MENDED.replace(old, new)
    if fault == "one call after the other":
        code = code.replace('order = pool.submit(get, orders, f"/orders/{user_id}")', "order = None")
    if fault == "an import in the handler":
        code = code.replace('    pricing = load("pricing")\n', "")
    assert (code == MENDED) == (fault == "none")
    assert points(code) == wanted


def test_the_slow_function_is_right_and_slow(monkeypatch):
    """What a learner begins with gives the right answers, and loses everything else."""
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    assert points(SLOW.replace("make_slow_handler", "make_handler")) == [1, 0, 0, 0, 0, 0]


def numbers(task):
    return Learner("ada").numbers(NAME, task)


def test_what_is_saved_call_by_call():
    """Call by call through each environment, with Python's module cache: the same seconds, saved by the callers."""
    for number in range(5):
        case = slowfunction._calls(numbers("seconds_saved"), number)
        waits = []
        for outside in (False, True):
            wait, each = 0, case["calls"] // case["environments"]
            for _ in range(case["environments"]):
                modules = set()
                if outside:  # the caller for whom the environment is made waits for its initialisation
                    modules.add("library")
                    wait += case["import_ms"] + case["client_ms"]
                for _ in range(each):
                    wait += 0 if "library" in modules else case["import_ms"]
                    modules.add("library")
                    wait += 0 if outside else case["client_ms"]
            waits.append(wait)
        assert slowfunction._seconds_saved(**case) == pytest.approx((waits[0] - waits[1]) / 1000)


def test_what_parallel_calls_take_millisecond_by_millisecond():
    """A clock that ticks: a call begins when what it needs has ended; the last end is what they take."""
    for number in range(12):
        calls = slowfunction._warm_call(numbers("best_fix"), number)["calls"]
        left = {call["service"]: call["connect_ms"] + call["wait_ms"] for call in calls}
        clock = 0
        while any(left.values()):
            running = [call["service"] for call in calls if not left.get(call["needs"], 0) and left[call["service"]]]
            for service in running:
                left[service] -= 1
            clock += 1
        assert slowfunction._path_ms(calls) == clock


def test_the_least_bill_by_trying():
    """Of all memories, orders and networks, the cheapest that keeps the limit and reaches everything costs what is expected."""
    for number in range(3):
        case = slowfunction._requirement(numbers("fast_plan"), number)
        waits, found = case["waits_ms"], []
        for memory_mb, parallel, network in product(range(150, 1_770), (True, False), slowfunction.NETWORKS):
            work = Work(case["cpu_ms"] / 1000, (max if parallel else sum)(waits.values()) / 1000)
            if 1000 * work.duration(memory_mb) > case["limit_ms"] or (network == "no VPC" and "database" in waits):
                continue
            if "partner" in waits and network == "endpoint":
                continue
            found.append((memory_mb * work.duration(memory_mb), memory_mb, 1000 * work.duration(memory_mb), network))
        least = {network: min(each for each in found if each[3] == network) for network in {each[3] for each in found}}
        costs = [
            slowfunction._month(case["rate"], duration, memory_mb, network)
            for _, memory_mb, duration, network in least.values()
        ]
        assert slowfunction._least_month(**case) == pytest.approx(min(costs), rel=1e-3)


@pytest.fixture
def written(monkeypatch):
    """Makes a function as a notebook's cell does: its source is found again."""

    def write(name, source):
        file = f"<ipython-input-{name}>"
        monkeypatch.setitem(linecache.cache, file, (len(source), None, source.splitlines(True), file))
        namespace = {"__name__": "__main__", "check": print}
        exec(compile(source, file, "exec"), namespace)
        return namespace[name]

    return write


@pytest.fixture
def quick(monkeypatch):
    """Libraries that are quick to load, services that are quick to answer; no grading goes on."""
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setattr(measured, "CONNECT", 0.0)
    monkeypatch.setattr(measured, "WAIT", 0.0)
    monkeypatch.setattr(measured, "LIBRARIES", {name: text.partition("\n")[2] for name, text in measured.LIBRARIES.items()})


@pytest.mark.skipif(os.name != "posix", reason="the local Lambda runs on Linux and macOS")
def test_measured_before_and_after(written, quick):
    """On the local Lambda, over real connections: three in each call before, three in all after; a REPORT line for each call.

    What a cell does besides, such as a check, is left out.
    """
    before, after = written("make_slow_handler", SLOW), written("make_handler", MENDED + "\ncheck('make_handler')\n")
    assert [[opened for _, opened in measured._calls(maker)] for maker in (before, after)] == [[3, 3, 3, 3], [3, 0, 0, 0]]
    note = measured.measure(before)
    assert note.text.count("REPORT RequestId") == 4 and note.text.count("Init Duration") == 1 and "<table>" in note.html


@pytest.mark.skipif(os.name != "posix", reason="the local Lambda runs on Linux and macOS")
def test_measured_without_an_answer(written, quick, monkeypatch):
    """A stub and a grading are said in a sentence; a handler that fails gives its log."""
    stub = "def make_handler(load, connect):\n    raise NotImplementedError()\n"
    assert "make_handler is not answered yet" in measured.measure(written("make_handler", stub)).text
    with pytest.raises(measured.CourseError, match="ZeroDivisionError"):
        measured.measure(written("make_handler", "def make_handler(load, connect):\n    return lambda event, context: 1 / 0\n"))
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert "while a notebook is graded" in measured.measure(written("make_handler", stub)).text

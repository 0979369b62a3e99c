"""The last proof of every exercise: its checkers catch the solution when one thing in it is changed.

Each solution is changed in one place at a time: another constant, the other branch, another operator, a case left out. A changed
solution that still gets every point is a survivor: it must be listed, with its reason, in ``instructor-wrong-answers.toml``.
``pytest -rP tests/grading/test_grading_mutants.py`` shows the table.
"""

import ast
import contextlib
import copy
import json
import signal
import tomllib
from collections.abc import Iterator

import pytest

from lambdacourse.course.workspace import content
from lambdacourse.grading import session
from lambdacourse.grading.exercises import MODULES, exercise

SOLUTIONS = content() / "solutions"
LEAST, MOST, CAUGHT = 10, 24, 0.9
LONGEST = 5
"""Seconds of computing after which a changed solution counts as one that never ends, which is a way to be caught."""

SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SWAPPED_NAMES = {"min": "max", "max": "min", "ceil": "floor", "floor": "ceil", "any": "all", "all": "any"}


def solutions(name: str) -> dict[str, str]:
    """The code of each task's answer cell, by task."""
    notebook = json.loads((SOLUTIONS / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    found = {}
    for task in exercise(name).tasks:
        found[task.name] = next(cell for cell in cells if f"def {task.name}(" in cell)
    return found


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What ``node`` could be instead, each a new node."""
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1 if abs(value) < 10 else value * 2)
        case ast.Constant(value=float() as value):
            yield ast.Constant(value * 1.5 + 0.5)
        case ast.Constant(value=str() as value):
            yield ast.Constant(value + "?")
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPPED:
            yield _with(node, op=SWAPPED[type(op)]())
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            yield _with(node, ops=[SWAPPED[type(op)]()])
        case ast.IfExp(body=body, orelse=orelse):
            yield _with(node, body=orelse, orelse=body)
        case ast.If(orelse=orelse):  # the case is left out
            yield ast.If(ast.Constant(False), node.body, orelse)
        case ast.Name(id=name) if name in SWAPPED_NAMES:
            yield ast.Name(SWAPPED_NAMES[name], node.ctx)
        case ast.Attribute(attr=name) if name in SWAPPED_NAMES:
            yield _with(node, attr=SWAPPED_NAMES[name])
        case ast.Dict(keys=keys, values=values) if len(keys) > 1:
            yield ast.Dict(keys[:-1], values[:-1])


def _with(node: ast.AST, **fields) -> ast.AST:
    changed = copy.copy(node)
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed


def mutants(code: str) -> list[tuple[str, str]]:
    """``code`` with one thing changed, once for each thing that can be: (what was changed, the changed code)."""
    tree = ast.parse(code)
    for node in ast.walk(tree):  # docstrings are no code
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    made = []
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(parent, ast.JoinedStr | ast.FormattedValue | ast.ImportFrom):
                continue  # the wording of a message is not what is asked for
            for place, child in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(child, ast.AST):
                    continue
                for changed in changes(child):
                    ast.copy_location(changed, child)
                    if isinstance(value, list):
                        value[place] = changed
                    else:
                        setattr(parent, field, changed)
                    made.append((f"{_shown(child)} -> {_shown(changed)}", ast.unparse(ast.fix_missing_locations(tree))))
                    if isinstance(value, list):
                        value[place] = child
                    else:
                        setattr(parent, field, child)
    return made


def _shown(node: ast.AST) -> str:
    shown = ast.unparse(node).split("\n")[0]
    return shown if len(shown) <= 70 else shown[:67] + "..."


def chosen(name: str) -> list[tuple[str, str, str]]:
    """At most so many mutants of an exercise, spread evenly over its tasks and over each task: (task, change, code)."""
    each = max(MOST // len(exercise(name).tasks), 2)
    found = []
    for task, code in solutions(name).items():
        all_of_it = mutants(code)
        places = {len(all_of_it) * number // each for number in range(each)}
        found += [(task, *all_of_it[place]) for place in sorted(places)]
    return found


@contextlib.contextmanager
def ended():
    """What runs longer than it may is interrupted."""

    def never_ends(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, never_ends)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def is_caught(name: str, task_name: str, code: str, rest: str) -> bool:
    """Whether the checker takes points from ``code``, or it fails altogether."""
    task = next(task for task in exercise(name).tasks if task.name == task_name)
    try:
        with ended():
            namespace: dict = {}
            exec(rest, namespace)
            exec(code, namespace)
            return any(not session._verdict(name, task, namespace, hidden).passed for hidden in (False, True))
    except Exception:
        return True


@pytest.mark.skipif(not hasattr(signal, "SIGPROF"), reason="no timer here that interrupts an endless answer")
@pytest.mark.parametrize("name", MODULES)
def test_changed_solutions_are_caught(name, monkeypatch):
    """Nine of ten changed solutions lose points, and each of the others is listed with the reason why it may not."""
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    stored = tomllib.loads((SOLUTIONS / name / "instructor-wrong-answers.toml").read_text(encoding="utf-8"))
    explained = {(each["task"], each["change"]): each["reason"] for each in stored.get("survivor", [])}
    rest, tried = "\n".join(solutions(name).values()), chosen(name)
    unchanged: dict = {}
    exec(rest, unchanged)
    for task in exercise(name).tasks:  # unhurried: the engine compiles what it meets for the first time, which takes too long
        assert session._verdict(name, task, unchanged, hidden=False).passed
    survivors = set()
    for task, change, code in tried:
        caught = is_caught(name, task, code, rest)
        print(f"{name:30} {task:30} {'caught  ' if caught else 'SURVIVED'} {change}")
        if not caught:
            survivors.add((task, change))
    print(f"{name}: {len(tried) - len(survivors)} of {len(tried)} caught")
    assert len(tried) >= LEAST
    assert survivors == set(explained), "survivors and those that are explained"
    assert all(explained.values())
    assert len(survivors) <= (1 - CAUGHT) * len(tried)

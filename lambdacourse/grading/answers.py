"""The learner's function, held at arm's length: plain data in, plain data out.

A checker never sees the learner's objects, only what ``plain`` makes of them. What cannot be plain becomes a ``Strange``, which
equals nothing and says what it is.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import math
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from socket import socket
from typing import Any, Protocol

from lambdacourse.grading.services import environment
from lambdacourse.quantities import Unclear, read_number


class Answer(Protocol):
    """Calls the learner's function with plain data and gives back plain data."""

    def __call__(self, *arguments: Any) -> Any: ...

    def environment(self, connections: Sequence[socket]) -> Answer:
        """For a function that makes a handler: a new environment over these connections, and a handle on its handler."""


CALL_SECONDS = 10.0
"""How long one call of a learner's function may take."""

_DEPTH = 6


class NotCallable(TypeError):
    """What should be the learner's function, or their handler, cannot be called; one sentence that says what it is instead."""


@dataclass(frozen=True)
class Strange:
    """Something that is not plain data: what kind it is, and how it shows itself."""

    kind: str
    shown: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.shown}".strip()


class Interrupted(BaseException):
    """The learner's function left Python or did not end. No ``Exception``: neither their code nor a checker takes it for one."""


def not_answered(name: str) -> NotImplementedError:
    """The error of a task whose function is still the stub; a notebook shows its sentence without a traceback."""
    problem = NotImplementedError(f"{name} is not answered yet: replace the line that raises with your code.")
    problem._render_traceback_ = lambda: [f"NotImplementedError: {problem}"]
    return problem


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as plain data: None, bool, int, float, str, list, dict. Only exact types count, so nothing can pretend."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind.__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return plain(value.item(), depth)
    if kind in (Decimal, Fraction):
        with contextlib.suppress(ArithmeticError, ValueError):  # too large for a float; a NaN that signals
            return float(value)
    if depth < _DEPTH and kind in (list, tuple) and len(value) <= 10_000:
        items = [plain(item, depth + 1) for item in value]
        return items if kind is list else Strange("tuple", _shown(value)) if depth == 0 else items
    if depth < _DEPTH and kind is dict and len(value) <= 10_000 and all(type(key) is str for key in value):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if kind.__name__ == "ndarray":
        return Strange(f"array of {value.size} values")
    if inspect.isgenerator(value):
        return Strange("generator", "(did you write yield where you mean return?)")
    return Strange(kind.__name__, _shown(value))


def find(namespace: dict[str, Any], name: str, parameters: tuple[str, ...]) -> Answer:
    """A handle on the function called ``name`` in ``namespace``; ``NotCallable`` when there is none to call."""
    if name not in namespace:
        raise NotCallable(f"There is no function called {name} here: run the cell that defines it, and keep its name.")
    return hold(namespace[name], name, parameters)


def hold(function: Any, name: str, parameters: tuple[str, ...]) -> Answer:
    """A handle on the learner's ``function``; ``NotCallable`` when it cannot be called as the task says."""
    call = f"{name}({', '.join(parameters)})"
    if not callable(function):
        came = None if function is None else Strange(type(function).__name__, _shown(function))
        raise NotCallable(f"{name} should be a function, def {call}, but it is {with_article(came)}.")
    try:
        inspect.signature(function).bind(*parameters)
    except TypeError:
        theirs = inspect.signature(function)
        raise NotCallable(f"The task calls {call}; yours is {name}{theirs}, which cannot be called so.") from None
    except ValueError:
        pass

    return _Held(function, name)


@dataclass(frozen=True)
class _Held:
    function: Callable[..., Any]
    name: str

    def __call__(self, *arguments: Any) -> Any:
        return self._run(arguments, plain)

    def environment(self, connections: Sequence[socket]) -> Answer:
        return self._run(environment(connections), self._handler)

    def _handler(self, made: Any) -> Answer:
        if made is None:
            raise NotCallable(f"{self.name} returned None: is there a return of the handler at its end?")
        return hold(made, "handler", ("event", "context"))

    def _run(self, arguments: Sequence[Any], read: Callable[[Any], Any]) -> Any:
        """What ``read`` makes of the function's result."""
        # What the function prints must not reach the cell: nbgrader gives a cell that writes to stderr no points.
        quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with quiet[0], quiet[1], _in_time(self.name), _exit_raises():
            try:
                return read(self.function(*arguments))
            except NotImplementedError:
                raise not_answered(self.name) from None
            except SystemExit:
                raise Interrupted(
                    f"{self.name} ends Python, with exit or sys.exit: end the function with return instead."
                ) from None


@contextlib.contextmanager
def _in_time(name: str) -> Iterator[None]:
    """Raise ``Interrupted`` when the block takes too long. Not where there is no timer (Windows), or a shorter one runs already."""
    in_main = threading.current_thread() is threading.main_thread()
    others = signal.getitimer(signal.ITIMER_REAL)[0] if in_main and hasattr(signal, "setitimer") else 0.0
    if not in_main or not hasattr(signal, "setitimer") or 0 < others <= CALL_SECONDS:
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise Interrupted(f"{name} took longer than {CALL_SECONDS:g} s: does it wait, or loop without end?")

    start, before = time.monotonic(), signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, CALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others:
            signal.setitimer(signal.ITIMER_REAL, max(others - (time.monotonic() - start), 0.001))


@contextlib.contextmanager
def _exit_raises() -> Iterator[None]:
    """In a notebook, ``exit()`` raises nothing and ends the kernel after the cell; in the block it raises, as it does elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.ask_exit = sys.exit
    try:
        yield
    finally:
        if shell is not None:
            del shell.ask_exit


def as_number(value: Any) -> tuple[float | None, str]:
    """The number that ``value`` is, or None and a sentence that says what came instead."""
    if type(value) in (int, float):
        with contextlib.suppress(OverflowError):
            if math.isfinite(value):
                return float(value), ""
            return None, f"That is {value}, not a number of anything: is there a division by zero?"
        return None, "It returned a whole number of more than 300 digits."
    if value is None:
        return None, "It returned None: is there a return at the end of your function?"
    if type(value) is bool:
        return None, f"It returned {value}, a truth value; a number was expected."
    if type(value) is str:
        return None, f"It returned the text {value!r}; a number was expected. {_number_in(value)}".strip()
    if isinstance(value, Strange) and value.kind == "tuple":
        return None, f"It returned the tuple {value.shown}. {_decimal_comma(value.shown)}".strip()
    return None, f"It returned {with_article(value)}; a number was expected."


def keys_problem(value: Any, known: Sequence[str]) -> str:
    """What is wrong with ``value``, which should be a dict with these keys; the empty text when nothing is."""
    if type(value) is not dict:
        return f"it returned {with_article(value)}; a dict was expected, with the keys {', '.join(known)}."
    for key in (*value, *known):
        if key not in value or key not in known:
            return f"the keys are {', '.join(known)}; {key!r} is {'missing' if key in known else 'none of them'}."
    return ""


def settings_problem(value: Any, known: Mapping[str, tuple[int, int]]) -> str:
    """What is wrong with ``value``, a dict of settings; the empty text when nothing is.

    ``known`` has its keys, and of each the least and the greatest value: whole numbers, or False and True.
    """
    if problem := keys_problem(value, tuple(known)):
        return problem
    for key, (least, most) in known.items():
        chosen = value[key]
        if type(chosen) is not type(least) or not least <= chosen <= most:
            wanted = "True or False" if type(least) is bool else f"a whole number from {least:,} to {most:,}"
            return f"{key} is {chosen!r}; {wanted} was expected."
    return ""


def with_article(value: Any) -> str:
    """What kind of thing ``value`` is, as a sentence has it: a list, an array of 3 values; None is None."""
    if value is None:
        return "None"
    kind = str(value) if isinstance(value, Strange) else type(value).__name__
    return f"{'an' if kind[0] in 'aeioAEIO' else 'a'} {kind}"


def _number_in(text: str) -> str:
    """A question about the number that ``text`` may be meant for."""
    if not re.match(r"\W*\d", text):
        return ""
    try:
        number = read_number(text)
    except Unclear as question:
        return str(question)
    return f"Did you mean {int(number) if number.is_integer() else number}, without quotes?"


def _decimal_comma(shown: str) -> str:
    match = re.fullmatch(r"\((-?\d+), (\d+)\)", shown)
    if match is None:
        return "A number was expected."
    whole, rest = match.groups()
    if rest == "0" or len(rest) == 3:  # 1,000 is (1, 0) to Python
        return f"Did you mean {whole}{rest:0<3}, or {whole}.{rest}? A comma makes a tuple: leave it out, or write a point."
    return f"Did you mean {whole}.{rest}? Python writes the decimal point as a point."


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        return ""
    return "" if " at 0x" in text else text if len(text) <= 60 else text[:57] + "…"

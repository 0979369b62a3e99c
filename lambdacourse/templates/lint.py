"""cfn-lint, AWS's own linter, in this process and offline."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.templates.document import Place
from lambdacourse.templates.report import Finding

MOST_SECONDS = 60.0
"""How long cfn-lint may take. It needs about 1 s for a page, and minutes for what is big or made to be slow."""

logging.getLogger("cfnlint").addHandler(logging.NullHandler())  # It says what it has to say in its findings.
_ONE_AT_A_TIME = threading.Lock()  # A runner's rules carry state.

_LEFT_OUT = {"E0002", "W2531", "E2531", "E2533"}  # The last three are deprecated runtimes, with days that have moved since.
_SEVERITY = {"error": "error", "warning": "warning", "informational": "note"}


def lint(text: str) -> list[Finding]:
    """What cfn-lint says of a template's ``text``, for the Region of this course.

    A template, or a ``.cfnlintrc`` beside it, can tell cfn-lint to load rules, which are Python, from a folder. Neither is
    heeded: nothing that comes with a template is run. Which checks a template's own ``Metadata`` ignores is heeded.
    """
    from cfnlint.decode.decode import decode_str

    try:
        with _ONE_AT_A_TIME, _limited(MOST_SECONDS):
            template, problems = decode_str(text)
            if not problems and isinstance(template, dict):
                problems = list(_runner().validate_template(_without_orders(template)))
    except _TooLong:
        _runner.cache_clear()
        said = f"cfn-lint was stopped after {MOST_SECONDS:g} s: the template is too big for it, or made to be slow."
        return [Finding("note", "cfn-lint", Place(1, 1), said)]
    except Exception as error:  # cfn-lint fails on some templates that are badly wrong; ours goes on.
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return [Finding("note", "cfn-lint", Place(1, 1), f"cfn-lint could not finish with this template: {said}")]
    return [_finding(problem) for problem in problems if not _is_left_out(problem)]


@cache
def _runner() -> Any:
    """cfn-lint with its rules loaded: a second for the import, half a second for the rules."""
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    return Runner(ConfigMixIn(config_file=os.devnull, regions=[fact("price_region").value]))


def _is_left_out(problem: Any) -> bool:
    """Where cfn-lint's own rules stumble over a value (another finding names it), and what a rule of ours says better."""
    return problem.rule.id in _LEFT_OUT or problem.message.startswith('Exception "')


class _TooLong(BaseException):
    """Not an ``Exception``, since cfn-lint catches those."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise ``_TooLong`` in this thread when the block takes longer than ``seconds``. Works between Python instructions."""
    thread = ctypes.c_ulong(threading.get_ident())
    late = threading.Event()

    def stop() -> None:
        late.set()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_TooLong))

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
        if late.is_set():  # raised where Python swallows it, in a destructor
            raise _TooLong
    finally:
        timer.cancel()


def _without_orders(template: dict[str, Any]) -> dict[str, Any]:
    """``template`` without what tells cfn-lint to load rules and other files."""
    metadata = template.get("Metadata")
    own = metadata.get("cfn-lint") if isinstance(metadata, dict) else None
    if metadata is None or own is not None:
        template.pop("Metadata", None)
        config = own.get("config") if isinstance(own, dict) else None
        ignored = config.get("ignore_checks") if isinstance(config, dict) else None
        if isinstance(ignored, list):
            template["Metadata"] = {"cfn-lint": {"config": {"ignore_checks": ignored}}}
    return template


def _finding(problem: Any) -> Finding:
    return Finding(
        severity=_SEVERITY.get(problem.rule.severity, "note"),
        rule=problem.rule.id,
        place=Place(problem.linenumber, problem.columnnumber),
        text=problem.message,
        because=f"{problem.rule.shortdesc}.",
        source=f"cfn-lint {problem.rule.id}",
        address=problem.rule.source_url,
    )

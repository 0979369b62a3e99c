"""A class graded: each submission in a sandbox, several side by side, each once."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from filelock import FileLock, Timeout

from lambdacourse.errors import CourseError
from lambdacourse.learner import Learner
from lambdacourse.simulation.preparing import prepare
from lambdacourse.workshop import autograde as nbgrader_room
from lambdacourse.workshop.classroom import (
    about,
    check_cells,
    known,
    nbgrader_of,
    sandbox_of,
    seeds_of,
    set_due,
    submission_scores,
    who_submitted,
)
from lambdacourse.workshop.outcomes import Outcome, digest_of, record, recorded
from lambdacourse.workshop.sandbox import probe
from lambdacourse.workshop.submissions import check_folder, stamp, strangers


def autograde(
    folder: Path, assignments: Sequence[str] = (), jobs: int | None = None, confined: bool = True,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Outcome]:  # fmt: skip
    """Grade what is in ``submitted/`` and is not graded yet, each submission in a sandbox, ``jobs`` at a time.

    Gives what became of every submission, in order. A submission that was graded stays so until it or its solution changes. One that
    cannot be graded does not stop the others. Raises ``CourseError`` where the sandbox cannot run.
    """
    if jobs is not None and jobs < 1:
        raise CourseError(f"{jobs} jobs grade nothing. Give 1 or more, or leave it out: then it is one each core.")
    about(folder)
    wanted = known(folder, assignments)
    try:
        with FileLock(folder / ".grading" / "lock", timeout=0), nbgrader_of(folder, confined) as api:
            for assignment in wanted:
                nbgrader_room.must(api.generate_assignment(assignment, force=True), f"nbgrader could not read {assignment}")
                check_cells(folder, assignment)
            set_due(folder, api)
            found = [(assignment, student) for assignment in wanted for student in who_submitted(folder, assignment)]
            outcomes, left = {}, []
            for key in found:
                before = recorded(folder, *key)
                if before is not None and before.state == "graded" and before.digest == digest_of(folder, *key):
                    outcomes[key] = before
                else:
                    left.append(key)
            tell(len(found) - len(left), len(found))
            for outcome in _grade_all(folder, left, jobs or os.cpu_count() or 1, confined):
                outcomes[outcome.assignment, outcome.student] = outcome
                with suppress(OSError):  # a full disk: what is not recorded is graded again
                    record(folder, outcome)
                tell(len(outcomes), len(found))
            return [outcomes[key] for key in found]
    except Timeout:
        raise CourseError(f"{folder} is being graded by another command. Wait for its end.") from None


def autograde_unconfined_by_nbgrader(folder: Path, assignment: str) -> dict[str, float]:
    """The scores that nbgrader alone gives, running each notebook as you: for comparison, on work that you trust."""
    seeds = seeds_of(folder)
    environment = {
        "LAMBDACOURSE_CLASS_SEED": seeds.public,
        "LAMBDACOURSE_GRADING_SEED": seeds.grading,
        "PYTHONWARNINGS": "ignore",
    }
    settings = partial(nbgrader_room.configure, root=folder.resolve(), generated="")
    with nbgrader_room.environment(**environment), nbgrader_room.nbgrader(settings) as api:
        nbgrader_room.must(api.generate_assignment(assignment, force=True), f"nbgrader could not read {assignment}")
        for student in who_submitted(folder, assignment):
            nbgrader_room.must(api.autograde(assignment, student, force=True), f"nbgrader could not grade {student}")
        with api.gradebook as gradebook:
            return {row["student"]: row["score"] for row in submission_scores(gradebook)}


def _grade_all(folder: Path, left: Sequence[tuple[str, str]], jobs: int, confined: bool) -> Iterator[Outcome]:
    """Grade ``jobs`` at a time. When a worker dies, those that ran are graded again, each alone; who ends a worker alone has a fault."""
    prepare()
    # A fork of this process has imported and compiled everything; what it runs is trusted.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    waiting, struck = deque(left), set()
    while waiting:
        running: dict[Future, tuple[str, str]] = {}
        with ProcessPoolExecutor(min(jobs, len(left)), context, initializer=_keep_engines) as pool:
            try:
                pool.submit(_probe, confined).result()
                while waiting or running:
                    while waiting and len(running) < (1 if struck & {waiting[0], *running.values()} else jobs):
                        key = waiting.popleft()
                        running[pool.submit(_grade_one, folder.resolve(), *key, confined)] = key
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        outcome = future.result()
                        del running[future]
                        yield outcome
            except BrokenProcessPool:
                for key in running.values():
                    if key in struck:
                        yield Outcome(
                            *key, "fault", note="the process that graded it ended, twice.", digest=digest_of(folder, *key)
                        )
                    else:
                        struck.add(key)
                        waiting.append(key)
                if not running:
                    raise CourseError("The grading process ended before it began: is there enough memory?") from None


def _keep_engines() -> None:
    """In a worker: one SQLAlchemy engine for each gradebook. nbgrader makes ten for a submission, each with its statements to compile."""
    from nbgrader import api

    api.create_engine = cache(api.create_engine)


def _probe(confined: bool) -> None:
    probe(sandbox_of(confined))


def _grade_one(folder: Path, assignment: str, student: str, confined: bool) -> Outcome:
    """Runs in a worker. Never raises: what goes wrong is the outcome's note."""
    digest = digest_of(folder, assignment, student)
    try:
        Learner(student)
        files = check_folder(folder / "submitted" / student / assignment, assignment)
        with tempfile.TemporaryDirectory(prefix="lambdacourse-class-") as temporary:
            staged = Path(temporary).resolve() / student / assignment
            for name, data in files.items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                (staged / name).write_bytes(data)
            failed: list[str] = []
            with nbgrader_of(folder, confined, Path(temporary).resolve(), failed.append) as api:
                for again in (True, False):
                    result = api.autograde(assignment, student, force=True)
                    if result["success"] or not again or "database is locked" not in (result.get("log") or ""):
                        break
                    time.sleep(2)
                nbgrader_room.must(result, "nbgrader could not grade it")
                with api.gradebook as gradebook:
                    submission = gradebook.find_submission(assignment, student)
                    late = submission.total_seconds_late
                    notes = [f"late by {late / 3600:.1f} h"] if late > 0 else []
                    notes += dict.fromkeys(failed)
                    notes += _made_elsewhere(folder, assignment, files[f"{assignment}.ipynb"])
                    points = float(submission.score), float(submission.max_score)
                    return Outcome(assignment, student, "graded", *points, "; ".join(notes), digest)
    except Exception as problem:
        note = (
            str(problem) if isinstance(problem, CourseError | ValueError | OSError) else f"{type(problem).__name__}: {problem}"
        )
        return Outcome(assignment, student, "fault", note=note, digest=digest)


def _made_elsewhere(folder: Path, assignment: str, notebook: bytes) -> Iterator[str]:
    """What an instructor should know of a notebook that was not made from this class's release."""
    seed = stamp(notebook).class_seed
    if seed is not None and seed != about(folder)["seed"]:
        yield f"made with the numbers of another class ({seed[:40]!a})"
    changed = strangers(notebook, (folder / "exercises" / assignment / f"{assignment}.ipynb").read_bytes())
    if changed:
        yield f"from another release or edited, graded with this one's cells: {', '.join(changed)}"

"""What the learner calls in an exercise: ``open_exercise``, ``task``, ``check``, ``hint``, ``give_up``. The kernel's side of grading."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from lambdacourse import learner as learners
from lambdacourse import places
from lambdacourse.folders import content
from lambdacourse.grading.answers import Interrupted, NotCallable, find
from lambdacourse.grading.exercises import exercise as find_exercise
from lambdacourse.grading.exercises import task as find_task
from lambdacourse.grading.tasks import Task
from lambdacourse.grading.verdict import NO_FORMULAS, Part, Verdict

HELD_BACK = "held back"
"""The seed of the cases that only grading tries. A class has a secret one of its own: ``LAMBDACOURSE_GRADING_SEED``."""

STAMP_MIME = "application/vnd.lambdacourse.stamp+json"


@dataclass(frozen=True)
class Note:
    """A few words that show themselves in a notebook."""

    html: str
    text: str
    stamp: dict[str, Any] | None = None

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        html = f'<div class="{NO_FORMULAS}">{self.html}</div>'
        bundle: dict[str, Any] = {"text/plain": self.text, "text/html": html}
        return bundle | {STAMP_MIME: self.stamp} if self.stamp else bundle

    def __repr__(self) -> str:
        return self.text


def open_exercise(name: str) -> Note:
    """Begin an exercise: says who you are, stamps it into the notebook, and asks for your id once."""
    opened, who = find_exercise(name), learners.current()
    stamp = {"exercise": name, "learner": who.id, "class_seed": who.class_seed}
    heads = _row('th scope="col"', "", "Task", "Your function", "Points so far")
    rows = "".join(
        _row("td", str(number), escape(each.title), f"<code>{each.name}</code>", _best(name, each))
        for number, each in enumerate(opened.tasks, 1)
    )
    asked = ""
    if learners.is_guest(who):
        asked = '<p>That id was made up for you. To keep another, your class\'s for example: <code>i_am("your-id")</code>, in a new cell.</p>'
    notices = "".join(f'<p role="status">{escape(sentence)}</p>' for sentence in learners.notices())
    html = (
        f"{notices}<p><strong>Exercise {escape(name)}</strong>: {len(opened.tasks)} tasks, {opened.points:g} points. You are "
        f"<code>{who.id}</code>: some numbers below are yours alone.</p>{asked}<table><thead>{heads}</thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    return Note(html, f"Exercise {name}: {len(opened.tasks)} tasks, {opened.points:g} points. You are {who.id}.", stamp)


def _row(cell: str, *texts: str) -> str:
    begin, end = f'<{cell} style="text-align:left">', f"</{cell[:2]}>"  # JupyterLab would set them to the right
    return f"<tr>{''.join(begin + text + end for text in texts)}</tr>"


def i_am(id: str) -> Note:
    """Keep ``id`` as yours on this machine. Your progress stays; your numbers change with it."""
    who = learners.rename(id)
    text = f"You are {who.id}. Run the notebook's cells again from the top: your numbers follow your id."
    return Note(f"<p>{escape(text)}</p>", text)


def task(name: str) -> Note:
    """The statement of a task with your own numbers."""
    found_in, found = find_task(name)
    html = found.statement(_numbers(found_in.name, name)) if found.statement else ""
    return Note(html, _words(html))


def _words(html: str) -> str:
    """A statement without its markup; a picture is what its alternative text says."""
    html = re.sub(r"<style>.*?</style>|<img class=\"lc-dark\"[^>]*>", "", html, flags=re.DOTALL)
    html = re.sub(r'<img [^>]*?alt="([^"]*)"[^>]*>', r" \1 ", html)
    html = re.sub(r"</(?:p|pre|li|t[dh])>", " ", html)
    return unescape(" ".join(re.sub(r"<[^>]+>", "", html).split()))


def check(name: str, hidden: bool = False) -> Verdict:
    """Check your function called ``name``. With ``hidden``, also on cases that were held back, as grading does."""
    __tracebackhide__ = True  # in a notebook, an error of the learner's shows their code alone
    found_in, found = find_task(name)
    namespace = sys._getframe(1).f_globals
    verdict = _verdict(found_in.name, found, namespace, hidden)
    _note_progress(found_in.name, verdict)
    if os.environ.get("NBGRADER_EXECUTION") == "validate" and not verdict.passed:
        raise _lost_points(verdict)
    return verdict


def _lost_points(verdict: Verdict) -> AssertionError:
    """The error from which the Validate button takes its words: without one it says "partial credit", whatever went wrong."""
    problem = AssertionError(f"{verdict.points:g} of {verdict.of:g} points. {verdict.message}")
    problem._render_traceback_ = lambda: [str(problem)]
    return problem


def hint(name: str) -> Note:
    """The next hint for a task, and where to read on; after the last one, the last again, and how to give up."""
    found_in, found = find_task(name)
    kept = "tasks", f"{found_in.name}/{name}", "hints"
    shown = min((learners.recall(*kept) or 0) + 1, len(found.hints))
    learners.remember(shown, *kept)
    text = f"Hint {shown} of {len(found.hints)}: {found.hints[shown - 1]}"
    html = f'<p role="status">{escape(text)}</p><p>Read on: <a href="../../{places.link(found.lesson)}">{escape(places.words(found.lesson))}</a>.</p>'
    if shown == len(found.hints):
        html += f"<p>Still stuck? <code>give_up({name!r})</code> shows a solution, and your progress says so from then on.</p>"
    return Note(html, f"{text}\nRead on: {places.words(found.lesson)}.")


def give_up(name: str) -> Note:
    """The solution of a task. Unless you had solved it, your progress says from then on that you gave it up."""
    found_in, found = find_task(name)
    solution = _solution(found_in.name, name)
    if not solution:
        text = f"The solution of {name} is not kept here. hint({name!r}) still helps."
        return Note(f'<p role="status">{escape(text)}</p>', text)
    place = "tasks", f"{found_in.name}/{name}"
    solved = learners.recall(*place, "share", default=0) >= 1
    if not solved:
        learners.remember(True, *place, "given_up")
    said = f"{found.title}: {'solved before' if solved else 'given up, and noted so'}. One solution, of several:"
    html = f'<div role="status"><p>{escape(said)}</p><pre>{escape(solution)}</pre><p>{escape(found.after)}</p></div>'
    return Note(html, f"{said}\n\n{solution}\n\n{found.after}")


def _solution(exercise_name: str, name: str) -> str:
    """The code of a task's solution; nothing where solutions are hidden, as they are in a sandbox."""
    file = content() / "solutions" / exercise_name / f"{exercise_name}.ipynb"
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    except OSError:
        return ""
    code = next(
        "".join(cell["source"]) for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"{name}_answer"
    )
    return "\n".join(line for line in code.splitlines() if "### BEGIN" not in line and "### END" not in line)


def _verdict(exercise_name: str, found: Task, namespace: dict[str, Any], hidden: bool) -> Verdict:
    __tracebackhide__ = True
    held_back = _numbers(exercise_name, found.name, os.environ.get("LAMBDACOURSE_GRADING_SEED", HELD_BACK)) if hidden else None
    try:
        answer = find(namespace, found.name, found.parameters)
        parts = found.checker(answer, _numbers(exercise_name, found.name), held_back)
    except (NotCallable, Interrupted) as problem:
        parts = (Part(0, found.points, str(problem)),)
    except NotImplementedError:
        raise
    except Exception as problem:
        raise _from_their_code(problem) from None
    return Verdict(found.name, found.title, tuple(parts), found.after)


def _from_their_code(problem: Exception) -> Exception:
    """``problem`` with the traceback beginning in the learner's own code, where it came from there."""
    trace = problem.__traceback__
    while trace is not None and not _is_theirs(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return problem.with_traceback(trace or problem.__traceback__)


def _is_theirs(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith("<ipython-input") or filename == "<string>"


def _numbers(exercise_name: str, task_name: str, seed: str | None = None) -> learners.Numbers:
    return learners.current().numbers(exercise_name, task_name, seed=seed)


def _note_progress(exercise_name: str, verdict: Verdict) -> None:
    def tried(before: dict | None) -> dict:
        before = before or {}
        share = max(before.get("share", 0.0), verdict.points / verdict.of)
        return {**before, "tries": before.get("tries", 0) + 1, "share": share}

    learners.revise(tried, "tasks", f"{exercise_name}/{verdict.task}")


def _best(exercise_name: str, found: Task) -> str:
    kept = learners.recall("tasks", f"{exercise_name}/{found.name}", default={})
    if kept.get("given_up"):
        return "given up"
    share = kept.get("share")
    return f"of {found.points:g}" if share is None else f"{round(share * found.points, 2):g} of {found.points:g}"

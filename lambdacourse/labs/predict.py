"""Predictions: commit to an answer, then see it beside what happened. "Show me" skips; what was committed is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape

import ipywidgets as widgets
from traitlets import TraitError

from lambdacourse import learner
from lambdacourse.labs.lab import show_live
from lambdacourse.quantities import Unclear, read_number, written


def is_presenting() -> bool:
    """Whether everything is shown at once: ``LAMBDACOURSE_PRESENTER=1`` in the environment of JupyterLab."""
    return os.environ.get("LAMBDACOURSE_PRESENTER", "") not in ("", "0")


class Prediction:
    """A question with a control for the answer, a button to commit and one to be shown.

    name: under which the answer is kept. reveal: from the committed answer (None when skipped) to a sentence; raises ``Unclear``,
    with a question, for an answer that means nothing plain, which is not kept then.
    """

    def __init__(self, name: str, question: str, control: widgets.ValueWidget, reveal: Callable[[object], str]) -> None:
        self.name, self.question, self.control, self._reveal = name, question, control, reveal
        self.commit = widgets.Button(
            description="Commit", button_style="primary", tooltip="Keep this answer and see what happens"
        )
        self.show_me = widgets.Button(description="Show me", tooltip="See what happens without an answer")
        self.result = widgets.HTML()
        self.commit.on_click(lambda _: self._committed())
        self.show_me.on_click(lambda _: self._shown())
        asked = widgets.HTML(f'<div class="lc-sentence"><strong>Predict.</strong> {escape(question)}</div>')
        self.widget = widgets.VBox([asked, widgets.HBox([control, self.commit, self.show_me]), self.result])
        kept = learner.recall("predictions", name)
        if kept is not None:
            with suppress(TraitError, Unclear):  # another release asked for something else: this one asks anew
                self.control.value = kept
                self._say(reveal(kept))
        elif is_presenting():
            self._say(reveal(None))

    def _committed(self) -> None:
        try:
            said = self._reveal(self.control.value)
        except Unclear as question:
            self._say(str(question))
            return
        learner.remember(self.control.value, "predictions", self.name)
        self._say(said)

    def _shown(self) -> None:
        learner.remember(True, "shown", self.name)
        self._say(self._reveal(None))

    def _say(self, words: str) -> None:
        self.result.value = f'<div role="status" class="lc-sentence">{escape(words)}</div>'

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widget; where there is no kernel, the question with the answer folded up."""
        asked, answer = escape(self.question), escape(self._reveal(None))
        html = f"<p><strong>Predict.</strong> {asked}</p><details><summary>Show me</summary><p>{answer}</p></details>"
        return show_live(self.widget, {"text/plain": f"Predict. {self.question}", "text/html": html})


def predict(name: str, question: str, happens: float, unit: str = "", then: str = "") -> Prediction:
    """Ask for a number. ``happens`` is what a run or a formula gives; ``then`` is said afterwards."""

    def reveal(answer: object) -> str:
        said = f"{written(happens)} {unit}".strip() + f". {then}".rstrip()
        if answer is None:
            return said
        number = read_number(str(answer), unit)
        return f"You said {written(number)}{_apart(number, happens)}: it is {said}"

    control = widgets.Text(placeholder="a number", description=unit or "I say", style={"description_width": "initial"})
    return Prediction(name, question, control, reveal)


def choose(name: str, question: str, options: Sequence[str], right: str, then: str = "") -> Prediction:
    """Ask for one of ``options``; ``right`` is the one that happens."""
    if right not in options:
        raise ValueError(f"choose({name!r}): right={right!r} is not one of the options.")

    def reveal(answer: object) -> str:
        said = f"{right}. {then}".strip()
        return said if answer is None else f"You said {answer}. {'Yes: ' if answer == right else 'It is '}{said}"

    control = widgets.Dropdown(options=list(options), description="I say", layout=widgets.Layout(width="30em"))
    return Prediction(name, question, control, reveal)


def _apart(answer: float, happens: float) -> str:
    if not happens:
        return "" if answer else ", which is right"
    off = answer / happens - 1
    if abs(off) < 0.02:
        return ", which is right"
    if answer > 0 and happens > 0 and (answer / happens >= 2 or happens / answer >= 2):
        times = answer / happens if answer > happens else happens / answer
        return f", {written(times)} times too {'much' if answer > happens else 'little'}"
    return f", {abs(off):.0%} too {'much' if off > 0 else 'little'}"

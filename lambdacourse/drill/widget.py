"""The drill in a notebook: the same sitting as at the terminal, with buttons. Thin: what is asked and marked is in ``session``."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from lambdacourse import places
from lambdacourse.drill.asking import Asked, Mark
from lambdacourse.drill.history import CONFIDENCE
from lambdacourse.drill.questions import FaultQuestion, OpenQuestion, OrderQuestion
from lambdacourse.drill.session import Session
from lambdacourse.quantities import Unclear

_STYLE = "color:var(--jp-ui-font-color1,#222);line-height:1.5;max-width:62em;white-space:normal"
WIDE = {"description_width": "initial"}


class DrillWidget:
    """A sitting in a cell: a question, a control for the answer, how sure you are; then what is right, and the next one."""

    def __init__(self, topic: str = "", minutes: float = 10, session: Session | None = None) -> None:
        self.session = session or Session(topic, minutes)
        self.question, self.answer_box, self.result = widgets.HTML(), widgets.VBox(), widgets.HTML()
        options = [(words, chance) for chance, words in CONFIDENCE]
        self.sure = widgets.RadioButtons(options=options, value=None, description="How sure are you?", style=WIDE)
        self.answer = widgets.Button(
            description="Answer", button_style="primary", tooltip="Keep this answer and see what is right"
        )
        self.unknown = widgets.Button(description="I do not know", tooltip="See what is right; the question comes back soon")
        self.score = widgets.Button(description="Score", button_style="primary", tooltip="Keep the points that are ticked")
        self.following = widgets.Button(description="Next", button_style="primary", tooltip="The next question")
        self.answer.on_click(lambda _: self._answered())
        self.unknown.on_click(lambda _: self._verdict(self.session.give_up()))
        self.score.on_click(lambda _: self._scored())
        self.following.on_click(lambda _: self._next())
        self.buttons = widgets.HBox()
        self.control: Any = None
        self.points: list[widgets.Checkbox] = []
        self.widget = widgets.VBox([self.question, self.answer_box, self.buttons, self.result])
        self.widget.add_class("lc-drill")
        self._next()
        self._still = self.question.value

    def _next(self) -> None:
        asked = self.session.next()
        complaints = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.session.complaints)
        self.result.value, self.session.complaints = status(complaints) if complaints else "", []
        if asked is None:
            self.question.value = words(f"<p><strong>{escape(self.session.summary())}</strong></p>")
            self.answer_box.children = self.buttons.children = ()
            return
        self.question.value = words(_asked_html(asked, self.session.is_new))
        self.control = _control(asked, self.session.draft)
        self.sure.value = None
        self.answer_box.children = (self.control, self.sure)
        self.buttons.children = (self.answer, self.unknown)

    def _answered(self) -> None:
        asked = self.session.asked
        assert asked is not None
        typed = self.control.value
        if self.sure.value is None:
            self.result.value = status("<p>How sure are you? Choose that too, before you see what is right.</p>")
            return
        if isinstance(asked.question, OpenQuestion):
            if typed.strip():
                self._rubric(asked, typed)
            else:
                self.result.value = status("<p>Write your answer as you would say it, or choose “I do not know”.</p>")
            return
        if typed is None:
            self.result.value = status("<p>Choose an option first.</p>")
            return
        try:
            self._verdict(self.session.answer(asked.understand(str(typed)), self.sure.value))
        except Unclear as question:
            self.result.value = status(f"<p>{escape(str(question))}</p>")

    def _rubric(self, asked: Asked, typed: str) -> None:
        self.session.keep_draft(typed)
        assert isinstance(asked.question, OpenQuestion)
        self.points = [
            widgets.Checkbox(description=point.point, indent=False, layout=widgets.Layout(width="auto"))
            for point in asked.question.rubric
        ]
        said = f"<p><strong>You:</strong> {escape(typed)}</p><p><strong>A good answer:</strong> {escape(asked.solution)}</p>"
        self.answer_box.children = (
            widgets.HTML(words(f"{said}<p><strong>Which of these did you say?</strong></p>")),
            *self.points,
        )
        self.buttons.children = (self.score,)
        self.result.value = ""

    def _scored(self) -> None:
        self._verdict(self.session.answer([point.value for point in self.points], self.sure.value))

    def _verdict(self, mark: Mark) -> None:
        asked = self.session.asked
        assert asked is not None
        lines = [f"<strong>{escape(mark.says)}</strong>"]
        question = asked.question
        if isinstance(question, OpenQuestion):
            lines += [
                f"A senior adds: {escape(question.senior)}",
                f"They may ask next: {escape(' '.join(question.follow_ups))}",
            ]
        elif mark.share < 1:
            lines.append(f"Answer: {escape(asked.solution)}".replace("\n", "<br>"))
        lines += [
            escape(asked.after),
            f'Read on: <a style="text-decoration:underline" href="../{escape(places.link(question.place))}">{escape(places.words(question.place))}</a>',
        ]
        self.result.value = status("".join(f"<p>{line}</p>" for line in lines))
        self.answer_box.children = ()
        self.buttons.children = (self.following,)

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widget; where there is no kernel, its first question with the answer's place."""
        bundle = self.widget._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        text = f"Run this cell, or at a terminal {self.session.go_on}."
        return {**data, "text/plain": text, "text/html": f"{self._still}<p>{text}</p>"}, metadata


def _asked_html(asked: Asked, is_new: bool) -> str:
    question = asked.question
    head = f"{question.topic} · {question.difficulty} · {'new' if is_new else 'again'}"
    parts = [f"<p><small>{escape(head)}</small></p><p><strong>{escape(asked.text)}</strong></p>"]
    if isinstance(question, FaultQuestion):
        parts.append(f"<pre>{escape(question.snippet.strip(chr(10)))}</pre>")
    if isinstance(question, OrderQuestion):
        parts.append("<ol>" + "".join(f"<li>{escape(step)}</li>" for step in asked.options) + "</ol>")
    return "".join(parts)


def _control(asked: Asked, draft: str) -> widgets.ValueWidget:
    """The control for an answer. Options are told by their number, so that two that begin alike are not mixed up."""
    if isinstance(asked.question, OpenQuestion):
        layout = widgets.Layout(width="62em", max_width="100%", height="9em")
        return widgets.Textarea(value=draft, description="Your answer", style=WIDE, layout=layout)
    if asked.options and not isinstance(asked.question, OrderQuestion):
        options = [(option, str(number)) for number, option in enumerate(asked.options, 1)]
        layout = widgets.Layout(width="max-content", max_width="100%")
        return widgets.RadioButtons(options=options, value=None, description="Your answer", style=WIDE, layout=layout)
    return widgets.Text(
        placeholder=asked.question.asks, description="Your answer", style=WIDE, layout=widgets.Layout(width="30em")
    )


def words(html: str) -> str:
    """HTML in the page's own colours."""
    return f'<div style="{_STYLE}">{html}</div>'


def status(html: str) -> str:
    """The same, and a screen reader says it when it changes."""
    return f'<div role="status" style="{_STYLE}">{html}</div>'

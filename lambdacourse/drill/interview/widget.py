"""The mock interview in a notebook: the same interview as at the terminal, with drop-downs for the design. Thin: all it says is in the engine."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets as widgets

from lambdacourse import places, plots
from lambdacourse.drill.asking import with_unit
from lambdacourse.drill.interview.interview import Attempt, Interview, Step, begin, prepare, unfinished
from lambdacourse.drill.interview.record import kept
from lambdacourse.drill.interview.scenario import Design, Knob, NumberItem, TalkItem, load
from lambdacourse.drill.interview.scorecard import Scorecard, finish
from lambdacourse.drill.widget import WIDE, status, words
from lambdacourse.quantities import Unclear, read_number

TICK = 1.0
"""Seconds between two looks at the clock."""
LONG = {"width": "62em", "max_width": "100%"}


class MockInterview:
    """An interview in a cell: what is asked, a control for the answer, the clock; at its end the scorecard."""

    def __init__(self, start: Callable[[], Interview] = begin, resume: Callable[[], Interview | None] = unfinished) -> None:
        self._start, self._resume = start, resume
        self.interview: Interview | None = None
        self.step: Step | None = None
        self.clock, self.said, self.result = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.answer_box, self.buttons = widgets.VBox(), widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        self.widget = widgets.VBox([self.clock, self.said, self.answer_box, self.buttons, self.result]).add_class(
            "lc-interview"
        )
        self.control: Any = None
        self.knobs: dict[str, Any] = {}
        self.points: list[widgets.Checkbox] = []
        self._ticking: asyncio.TimerHandle | None = None
        self._welcome()

    # --- before and between

    def _welcome(self) -> None:
        earlier = self._resume()
        complaints = "".join(f"<p>{escape(sentence)}</p>" for sentence in kept()[1])
        self.said.value = words(
            f"{complaints}<p>A mock interview: clarify, estimate, design, deep dive, wrap up, against the clock; then a scorecard. "
            "Speak aloud, as you will have to.</p>"
        )
        self._show([])
        if earlier is None:
            self._put(self._button("Begin", self._begin, "The clock starts"))
            return
        record = earlier.record
        self.said.value = words(
            f"<p>You stopped “{escape(earlier.scenario.title)}”, for {record.level}, after {record.elapsed / 60:.0f} of "
            f"{record.minutes:g} minutes.</p>"
        )
        self._put(
            self._button("Go on", lambda: self._go_on(earlier), "The clock goes on from where it stood"),
            self._button(
                "Begin another", lambda: self._another(earlier), "The one that you stopped stays in your folder", False
            ),
        )

    def _begin(self) -> None:
        self._go_on(self._start())

    def _another(self, earlier: Interview) -> None:
        earlier.leave()
        self._begin()

    def _go_on(self, interview: Interview) -> None:
        self.interview = interview
        interview.go_on()
        self._next()
        self._tick()

    def _pause(self) -> None:
        assert self.interview is not None
        draft = self.control.value if isinstance(self.control, widgets.Textarea) else ""
        self.interview.pause(draft)
        self.interview = self.step = None
        self.clock.value = self.result.value = ""
        self._welcome()

    # --- the rounds

    def _next(self) -> None:
        """What is asked now; when nothing is left, the scoring."""
        assert self.interview is not None
        self.step = self.interview.step()
        self._look_at_clock()
        self.result.value = ""
        if self.step is None:
            self._score()
            return
        match self.step.item:
            case None:
                self._clarify(self.step)
            case NumberItem() as item:
                self._number(self.step, item)
            case Design() as design:
                self._design(self.step, design)
            case TalkItem():
                self._talk(self.step)

    def _clarify(self, step: Step) -> None:
        self._ask_text(step, self._interview.opening)
        self.control = widgets.Text(description="You ask", placeholder="one question, in a few words", style=WIDE)
        self.control.layout = widgets.Layout(**LONG)
        self._show([self.control])
        self._put(
            self._button("Ask", self._asked, "Ask the interviewer"),
            self._button("I know enough", self._end, "Go on to the estimates", False),
            self._pause_button(),
        )
        self._show_answers()

    def _asked(self) -> None:
        question = self.control.value.strip()
        if not question:
            self._say("Type a question first.")
            return
        if self._is_too_late():
            return
        self._interview.ask(question)
        self.control.value = ""
        self._show_answers()

    def _show_answers(self) -> None:
        """All questions so far and what the interviewer said: the candidate's notes."""
        said = [(each.text, self._interview.reply(each.heard)) for each in self._interview.record.of("question")]
        rows = "".join(f"<p><strong>{escape(asked)}</strong><br>{escape(reply)}</p>" for asked, reply in said)
        self.result.value = status(rows) if rows else ""

    def _number(self, step: Step, item: NumberItem) -> None:
        self._ask_text(step, self._interview.text(step), self._interview.notes(item))
        unit = f" ({item.unit})" if item.unit else ""
        self.control = widgets.Text(
            description=f"A number{unit}", style=WIDE, layout=widgets.Layout(width="30em", max_width="100%")
        )
        self._show([self.control])
        self._put(
            self._button("Answer", lambda: self._number_said(item), "Checked on the spot"),
            self._button("I do not know", lambda: self._marked(item, None), "The interviewer tells you", False),
            self._pause_button(),
        )

    def _number_said(self, item: NumberItem) -> None:
        try:
            self._marked(item, read_number(self.control.value, item.unit))
        except Unclear as question:
            self._say(str(question))

    def _marked(self, item: NumberItem, value: float | None) -> None:
        assert self.step is not None
        mark = self._interview.answer(self.step, value, self.control.value)
        lines = [
            "<small>your last number</small>",
            f"<strong>{escape(mark.says)}</strong>",
            escape(self._interview.after(item)),
        ]
        self._next()
        self.result.value = status("".join(f"<p>{line}</p>" for line in lines)) + self.result.value

    def _design(self, step: Step, design: Design) -> None:
        interview = self._interview
        objectives = interview.shown()
        hidden = len(interview.objectives) - len(objectives)
        said = "".join(f"<li>{escape(each.said(interview.record.values))}</li>" for each in objectives)
        more = f"<li>{hidden} more, for which you have not asked. They count all the same.</li>" if hidden else ""
        self._ask_text(step, interview.text(step), after=f"<ul>{said}{more}</ul>")
        knobs = interview.tries[-1].knobs if interview.tries else {knob.name: knob.start for knob in design.knobs}
        self.knobs = {knob.name: _knob(knob, knobs[knob.name]) for knob in design.knobs}
        self.control = None
        self._show(list(self.knobs.values()))
        left = design.tries - len(interview.tries)
        self._put(
            self._button(f"Simulate ({left} left)", self._try, "Judge this design; the clock stands still meanwhile"),
            self._button("That is my design", self._end, "Your last try is your design", False),
            self._pause_button(),
        )

    def _try(self) -> None:
        if self._is_too_late():
            return
        self._say("Simulating. The very first time this compiles, for half a minute.")
        attempt = self._interview.try_design({name: knob.value for name, knob in self.knobs.items()})
        self._next()
        self.result.value = self._judged(attempt) + self.result.value

    def _judged(self, attempt: Attempt) -> str:
        values = self._interview.record.values
        rows = "".join(
            f'<tr><td style="text-align:left">{escape(objective.said(values))}</td><td>{escape(with_unit(measured, objective.unit))}</td>'
            f"<td><strong>{'kept' if is_kept else 'broken'}</strong></td></tr>"
            for objective, measured, is_kept in attempt.judged
        )
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("objective", "simulated", "verdict"))
        why = "".join(f"<p>{escape(objective.broken)}</p>" for objective, _, is_kept in attempt.judged if not is_kept)
        if self.step is None or self.step.item is not self._interview.scenario.design:
            why += f"<p>{escape(self._interview.scenario.design.why)}</p>"
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        return status(f"{table}{why}") + _image(attempt.outcome.picture)

    def _talk(self, step: Step) -> None:
        follow_up = self._interview.follow_up(step)
        self._ask_text(step, follow_up.text if follow_up else self._interview.text(step))
        draft = self._interview.record.draft
        layout = widgets.Layout(height="9em", **LONG)
        self.control = widgets.Textarea(
            value=draft, description="Notes", placeholder="Speak; note what you like", style=WIDE, layout=layout
        )
        self.control.continuous_update = False
        self.control.observe(lambda change: self._interview.keep_draft(change["new"]), "value")
        self._show([self.control])
        self._put(
            self._button("Answered", self._spoken, "Said aloud or in the notes: go on"),
            self._button("Leave it out", lambda: self._end("left out"), "Go on without an answer", False),
            self._pause_button(),
        )

    def _spoken(self) -> None:
        assert self.step is not None
        self._interview.say(self.step, self.control.value)
        self._next()

    def _end(self, why: str = "done") -> None:
        """End the item; of a design, say what the interviewer would."""
        assert self.step is not None
        step = self.step
        self._interview.end(step, why)
        self._next()
        if isinstance(step.item, Design):
            self.result.value = status(f"<p>What I would say: {escape(step.item.why)}</p>") + self.result.value

    # --- when the clock has stopped

    def _score(self) -> None:
        """The candidate scores what they said, a question at a time; then the scorecard."""
        interview = self._interview
        if misheard := interview.misheard():
            asked = [(each.id, _checkbox(f"You asked {each.asks}")) for each in interview.unasked()]
            self.said.value = words(f"<p>I did not understand: {escape('; '.join(misheard))}. Was it one of these?</p>")
            self._show([box for _, box in asked])

            def claim() -> None:
                interview.also_asked(tuple(id for id, box in asked if box.value))
                self._score()

            self._put(self._button("Go on", claim, "Those that are ticked count as asked"))
            return
        for item in interview.to_score():
            self._score_talk(item)
            return
        card, file = finish(interview)
        self.said.value, self.result.value = words("<p><strong>That was it.</strong></p>"), _scorecard_html(card, file)
        self._show([])
        self._put(self._button("Another one", self._begin, "A new interview: the clock starts"))

    def _score_talk(self, item: TalkItem) -> None:
        interview = self._interview
        samples = "".join(
            f"<p>A {name} answer: {escape(sample)}</p>"
            for name, sample in (("weak", item.weak), ("good", item.good), ("senior", item.senior))
        )
        said = escape(interview.said_about(item)).replace("\n", "<br>")
        self.said.value = words(
            f"<p><small>Your answers against the rubric; the clock has stopped.</small></p><p><strong>{escape(interview.told(item.text))}"
            f"</strong></p><p><strong>You:</strong> {said}</p>{samples}<p><strong>Which of these did you say?</strong></p>"
        )
        self.points = [_checkbox(point.point) for point in item.rubric]
        self._show(self.points)

        def scored() -> None:
            interview.score(item, tuple(point.value for point in self.points))
            self._score()

        self._put(self._button("Score", scored, "Keep the points that are ticked"))

    # --- what all share

    @property
    def _interview(self) -> Interview:
        assert self.interview is not None
        return self.interview

    def _ask_text(self, step: Step, text: str, notes: list[str] | None = None, after: str = "") -> None:
        told = "".join(f"<p>{escape(note)}</p>" for note in notes or [])
        self.said.value = words(f"<p><small>{step.round}</small></p>{told}<p><strong>{escape(text)}</strong></p>{after}")

    def _say(self, sentence: str) -> None:
        self.result.value = status(f"<p>{escape(sentence)}</p>")

    def _is_too_late(self) -> bool:
        """Whether the round's time is over; then the interviewer has moved on."""
        if self._interview.step() == self.step:
            return False
        self._next()
        self._say("The time of that round is over.")
        return True

    def _tick(self) -> None:
        """Look at the clock once a second, while a notebook runs it."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        self._look_at_clock()
        if self.step is not None:
            with suppress(RuntimeError):  # no loop runs: nobody looks
                self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _look_at_clock(self) -> None:
        left = self._interview.left(self.step.round) if self.interview and self.step else ""
        self.clock.value = words(f'<span style="font-variant-numeric:tabular-nums">{left}</span>') if left else ""

    def _button(self, name: str, run: Callable[[], None], tooltip: str, first: bool = True) -> widgets.Button:
        style = "primary" if first else ""
        button = widgets.Button(description=name, tooltip=tooltip, button_style=style, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: run())
        return button

    def _pause_button(self) -> widgets.Button:
        return self._button("Pause", self._pause, "The clock stops; go on here or at the terminal", False)

    def _show(self, controls: list[widgets.Widget]) -> None:
        self.answer_box.children = tuple(controls)

    def _put(self, *buttons: widgets.Button) -> None:
        self.buttons.children = buttons

    def press(self, name: str) -> None:
        """Press the button whose words begin with ``name``, as a click does."""
        next(each for each in self.buttons.children if each.description.startswith(name)).click()

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widget; where there is no kernel, what it is and how to run it."""
        bundle = self.widget._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        titles = "; ".join(each.title for each in load().values())
        text = f"The mock interview: run this cell, or lambdacourse interview at a terminal. Its scenarios: {titles}."
        return {**data, "text/plain": text, "text/html": f"<p>{escape(text)}</p>"}, metadata


def mock_interview(level: str, minutes: float, seed: int | None, scenario: str) -> MockInterview:
    """The widget for one kind of interview; see ``lambdacourse.drill.mock_interview``. Raises ``CourseError``."""
    prepare(level, minutes, seed, scenario)
    return MockInterview(lambda: begin(level, minutes, seed, scenario))


def _knob(knob: Knob, value: Any) -> widgets.Dropdown:
    """A drop-down: a screen reader says its label, which it does not of a slider over chosen values."""
    options = [(knob.said(each), each) for each in knob.options]
    style, layout = {"description_width": "19em"}, widgets.Layout(width="40em", max_width="100%")
    return widgets.Dropdown(options=options, value=value, description=knob.label, style=style, layout=layout)


def _checkbox(label: str) -> widgets.Checkbox:
    return widgets.Checkbox(description=label, indent=False, layout=widgets.Layout(width="auto", max_width="100%"))


def _image(picture: plots.Picture | None) -> str:
    """A picture that is as light or dark as its page."""
    if picture is None:
        return ""
    light, dark = (_png(picture, theme) for theme in (plots.LIGHT, plots.DARK))
    return plots.image_html(light, dark, picture.alt)


def _png(picture: plots.Picture, theme: plots.Theme) -> str:
    file = BytesIO()
    picture.draw(theme).savefig(file, format="png", dpi=96)
    return b64encode(file.getvalue()).decode()


def _scorecard_html(card: Scorecard, file) -> str:
    rows = "".join(
        f'<tr><td style="text-align:left">{name}</td><td>{had:g} of {of}</td><td style="text-align:left">'
        f'<span aria-hidden="true">{"█" * round(20 * had / of)}{"░" * (20 - round(20 * had / of))}</span></td></tr>'
        for name, (had, of) in card.points.items()
    )
    failed = "".join(
        f"<li>{escape(line.competence)}: {escape(line.what)}: {escape(line.says)}</li>" for line in card.expected if line.failed
    )
    beyond = "; ".join(line.what for line in card.beyond)
    study = "".join(
        f'<li><a style="text-decoration:underline" href="../{escape(places.link(place))}">{escape(places.words(place))}</a></li>'
        for place in card.study
    )
    parts = [
        f"<p><strong>{card.share:.0%} of what is expected of a {escape(card.level)}.</strong></p>",
        f"<table><tbody>{rows}</tbody></table>",
        f"<p><strong>What was missing</strong></p><ul>{failed}</ul>" if failed else "",
        f"<p>More than is expected: {escape(beyond)}</p>" if beyond else "",
        f"<p><strong>What to study</strong></p><ul>{study}</ul>" if study else "",
        f"<p>Kept in {escape(str(file))} and, as JSON, beside it.</p>" if file is not None else "",
    ]
    return status("".join(parts))

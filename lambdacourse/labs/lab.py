"""What all labs share: controls, the redraw loop, the numbers beside the picture, and the twin that works without a kernel.

A lab is a list of controls and one function, from the controls' values to a ``View``. The widgets here are thin: whatever is
worth knowing about a view is in the ``View``, and tests ask that.
"""

from __future__ import annotations

import asyncio
import inspect
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import pandas as pd
import traitlets
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdacourse.plots import DARK, LIGHT, Board, Cell, Frame, Theme, image_html
from lambdacourse.source import highlighted, under_the_hood

QUIET_SECONDS = 0.5
"""How long the controls must rest before the sentence is announced to a screen reader."""

CSS = """<style>
.lc-lab .widget-label, .lc-lab .widget-readout { font-variant-numeric: tabular-nums; }
.lc-numbers table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.lc-numbers th, .lc-numbers td { padding: .15em .7em; text-align: right; }
.lc-numbers th:first-child { text-align: left; font-weight: normal; }
.lc-numbers thead th { font-weight: 600; border-bottom: 1px solid currentColor; }
.lc-numbers, .lc-sentence { color: var(--jp-ui-font-color1, #222); line-height: 1.45; max-width: 62em; }
.lc-sentence { font-size: 1.08em; }
.lc-lab .lc-sentence { min-height: 3em; }
</style>"""


class LivePicture(anywidget.AnyWidget):
    """A picture that changes: ``png`` and ``alt`` go to the page, ``dark`` comes from it."""

    _esm = Path(__file__).with_name("picture.js")
    png = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)


@dataclass(frozen=True)
class Choice:
    """A control: a slider over ``values`` in the order given, or a drop-down. ``labels`` are the values with their units."""

    name: str
    label: str
    values: Sequence[Any]
    labels: Sequence[str]
    slider: bool = True

    def widget(self, value: Any) -> widgets.ValueWidget:
        """The control, at ``value``."""
        self.check(value)
        kind = widgets.SelectionSlider if self.slider else widgets.Dropdown
        options = list(zip(self.labels, self.values, strict=True))
        style, layout = {"description_width": "9em"}, widgets.Layout(width="30em")
        return kind(options=options, value=value, description=self.label, style=style, layout=layout)

    def check(self, value: Any) -> None:
        if value not in self.values:
            known = ", ".join(map(str, self.values))
            raise ValueError(f"{self.name}={value!r}: the control '{self.label}' of this lab has the values {known}.")


@dataclass(frozen=True)
class Number:
    """A figure beside the picture: what a formula predicts, and what the simulation gave (or two settings, side by side)."""

    label: str
    predicted: str
    simulated: str
    formula: str


@dataclass(frozen=True)
class View:
    """What a lab shows for one setting of its controls.

    sentence: what is seen. numbers: the figures. code: what one would type to get them. table: the data of the picture.
    frames, data: for ``plots.Board.render``. heads: what stands over the two columns of figures.
    """

    sentence: str
    numbers: tuple[Number, ...]
    code: str
    table: pd.DataFrame
    frames: tuple[Frame, ...] = field(repr=False)
    data: Callable[[list[Axes], Theme], list[Artist]] = field(repr=False)
    heads: tuple[str, str] = ("formula says", "simulation says")


@dataclass(frozen=True)
class Still:
    """A view without widgets: the picture, its numbers and its sentence, for a page that nobody runs."""

    view: View
    light: bytes = field(repr=False)
    dark: bytes = field(repr=False)

    def _repr_mimebundle_(self, include=None, exclude=None):
        light, dark = (b64encode(png).decode() for png in (self.light, self.dark))
        words = f"{_numbers_html(self.view)}<p>{escape(self.view.sentence)}</p>"
        html = f"{image_html(light, dark, self.view.sentence)}{words}"
        return {"text/plain": str(self), "image/png": light, "text/html": html}

    def __str__(self) -> str:
        rows = [
            f"{number.label}: " + "; ".join(f"{head} {cell}" for head, cell in said if cell)
            for number in self.view.numbers
            for said in [zip(self.view.heads, (number.predicted, number.simulated), strict=True)]
        ]
        return "\n".join([*rows, self.view.sentence])

    __repr__ = __str__


class Lab:
    """A lab in a notebook: as the last line of a cell it shows itself.

    choices: the controls. start: their first values. presets: named settings. look: from the values to a ``View``.
    build, size: the panels, for ``plots.Board``. In a running kernel the newest setting wins: while one is being worked on, those
    in between are dropped.
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        start: Mapping[str, Any],
        presets: Mapping[str, Mapping[str, Any]],
        look: Callable[..., View],
        build: Callable[[Figure], list[tuple[Axes, Cell]]],
        size: tuple[float, float],
    ) -> None:
        self._choices = {choice.name: choice for choice in choices}
        unknown = set(start) - set(self._choices)
        if unknown:
            raise TypeError(f"This lab has no control {sorted(unknown)[0]!r}; it has: {', '.join(self._choices)}.")
        self._look, self._start = look, dict(start)
        self._boards = {theme: Board(build, size, theme) for theme in (LIGHT, DARK)}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="lab")
        self._busy, self._stale, self._several, self._quiet = False, False, False, None
        self.controls = {name: choice.widget(start[name]) for name, choice in self._choices.items()}
        self.picture = LivePicture()
        self._numbers, self._sentence, self._extra = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._show = widgets.ToggleButtons(options=["picture", "data", "code", "formulas"], description="show")
        self._show.observe(lambda change: self._show_extra(), "value")
        self.picture.observe(lambda change: self._changed(), "dark")
        for control in self.controls.values():
            control.observe(lambda change: self._changed(), "value")
        buttons = [self._button(name, settings) for name, settings in {"Reset": start, **presets}.items()]
        row = widgets.Layout(flex_flow="row wrap")
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"{CSS}<strong>{escape(title)}</strong>"),
                widgets.HBox(buttons, layout=row),
                widgets.HBox([widgets.VBox(list(self.controls.values())), self._numbers], layout=row),
                self.picture,
                self._sentence,
                self._show,
                self._extra,
            ]
        ).add_class("lc-lab")
        self.draw()

    @property
    def settings(self) -> dict[str, Any]:
        """The controls' values."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **settings: Any) -> None:
        """Move several controls at once."""
        self._several = True
        try:
            for name, value in settings.items():
                self.controls[name].value = value
        finally:
            self._several = False
        self._changed()

    def draw(self) -> View:
        """Work out the view for the present settings and show it, now."""
        self._put(*self._work(self.settings, self._theme))
        self._announce()
        return self.view

    def static(self, **settings: Any) -> Still:
        """The same without widgets, for the settings given (the others as at the start)."""
        for name, value in settings.items():
            if name not in self._choices:
                raise TypeError(f"This lab has no control {name!r}; it has: {', '.join(self._choices)}.")
            self._choices[name].check(value)
        view = self._look(**{**self._start, **settings})
        return Still(view, *(board.render(view.frames, view.data) for board in self._boards.values()))

    @property
    def _theme(self) -> Theme:
        return DARK if self.picture.dark else LIGHT

    def _work(self, settings: dict[str, Any], theme: Theme) -> tuple[View, bytes]:
        view = self._look(**settings)
        return view, self._boards[theme].render(view.frames, view.data)

    def _put(self, view: View, png: bytes) -> None:
        self.view = view
        self.picture.png = png
        self._numbers.value = f'<div class="lc-numbers">{_numbers_html(view)}</div>'
        self._show_extra()

    def _changed(self) -> None:
        if self._several:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.draw()
            return
        self._stale = True
        if self._quiet is not None:
            self._quiet.cancel()
        if not self._busy:
            self._busy = True
            self._task = loop.create_task(self._redraw())

    async def _redraw(self) -> None:
        """Draw until what is shown is the newest setting."""
        loop = asyncio.get_running_loop()
        try:
            while self._stale:
                self._stale = False
                self._put(*await loop.run_in_executor(self._worker, self._work, self.settings, self._theme))
        finally:
            self._busy = False
        self._quiet = loop.call_later(QUIET_SECONDS, self._announce)

    def _announce(self) -> None:
        self.picture.alt = self.view.sentence
        self._sentence.value = f'<div role="status" aria-live="polite" class="lc-sentence">{escape(self.view.sentence)}</div>'

    def _show_extra(self) -> None:
        view = self.view
        shown = {
            "picture": "",
            "data": view.table.to_html(max_rows=60, float_format="{:,.4g}".format, border=0, index=False),
            "code": f"{highlighted(view.code, 'python')}<details><summary>Under the hood: what makes this lab</summary>"
            f"{under_the_hood(inspect.getmodule(self._look))._repr_html_()}</details>",
            "formulas": _formulas_html(view),
        }[self._show.value]
        self._extra.value = f'<div class="lc-numbers">{shown}</div>' if shown else ""

    def _button(self, name: str, settings: Mapping[str, Any]) -> widgets.Button:
        button = widgets.Button(description=name, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: self.set(**settings))
        return button

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widget; where there is no kernel, the still picture of the settings at the start."""
        return show_live(self.widget, self.static()._repr_mimebundle_())


def show_live(widget: widgets.Widget, still: Mapping[str, str]) -> tuple[dict, dict]:
    """What a cell shows: ``widget`` in a running notebook, and ``still`` where nobody runs it."""
    bundle = widget._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return {**data, **still}, metadata


def written(number: float) -> str:
    """A figure as one reads it: three digits where it is small, no decimals where it is large."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _numbers_html(view: View) -> str:
    columns = [
        (view.heads[0], [each.predicted for each in view.numbers]),
        (view.heads[1], [each.simulated for each in view.numbers]),
    ]
    columns = [(head, cells) for head, cells in columns if any(cells)]
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("", *(head for head, _ in columns)))
    rows = "".join(
        f'<tr><th scope="row">{escape(each.label)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for each, *cells in zip(view.numbers, *(cells for _, cells in columns), strict=True)
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _formulas_html(view: View) -> str:
    rows = "".join(f"<dt><strong>{escape(each.label)}</strong></dt><dd>{escape(each.formula)}</dd>" for each in view.numbers)
    return f"<dl>{rows}</dl>"

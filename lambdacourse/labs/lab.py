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
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lambdacourse.labs.comparison import Setting, compared
from lambdacourse.labs.view import Number, View, formulas_html, numbers_html, table_html
from lambdacourse.plots import DARK, LIGHT, Board, Cell, Theme, faint, image_html, shared
from lambdacourse.quantities import written
from lambdacourse.source import highlighted, under_the_hood

__all__ = ["Choice", "Lab", "Number", "View", "show_live", "written"]

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
        style, layout = {"description_width": "13.5em"}, widgets.Layout(width="36em")
        return kind(options=options, value=value, description=self.label, style=style, layout=layout)

    def said(self, value: Any) -> str:
        """``value`` with its unit."""
        return self.labels[list(self.values).index(value)]

    def check(self, value: Any) -> None:
        if value not in self.values:
            known = ", ".join(map(str, self.values))
            raise ValueError(f"{self.name}={value!r}: the control '{self.label}' of this lab has the values {known}.")


@dataclass(frozen=True)
class Still:
    """A view without widgets: the picture, its numbers and its sentence, for a page that nobody runs. ``kept`` is what it is compared with."""

    setting: Setting
    kept: Setting | None
    light: bytes = field(repr=False)
    dark: bytes = field(repr=False)

    @property
    def view(self) -> View:
        return self.setting.view

    def _repr_mimebundle_(self, include=None, exclude=None):
        light, dark = (b64encode(png).decode() for png in (self.light, self.dark))
        words = _words(self.setting, self.kept)
        said = "".join(f"<p>{escape(each)}</p>" for each in words)
        html = f"{image_html(light, dark, ' '.join(words))}{_figures_html(self.setting, self.kept)}{said}"
        return {"text/plain": str(self), "image/png": light, "text/html": html}

    def __str__(self) -> str:
        if self.kept:
            rows = [
                f"{row.label}: A {row.a or 'none'}; B {row.b or 'none'}" + (f"; {row.difference}" if row.difference else "")
                for row in compared(self.kept, self.setting)
            ]
        else:
            rows = [
                f"{number.label}: " + "; ".join(f"{head} {cell}" for head, cell in said if cell)
                for number in self.view.numbers
                for said in [zip(self.view.heads, (number.predicted, number.simulated), strict=True)]
            ]
        return "\n".join([*rows, *_words(self.setting, self.kept)])

    __repr__ = __str__


def _words(setting: Setting, kept: Setting | None) -> list[str]:
    """What is seen, in sentences; of both settings, where one is kept."""
    if kept is None:
        return [setting.view.sentence]
    dotted = ", dotted in the picture" if any(shared(kept.view.frames, setting.view.frames)) else ""
    return [f"A{dotted}: {kept.view.sentence}", f"B: {setting.view.sentence}"]


def _figures_html(setting: Setting, kept: Setting | None) -> str:
    if kept is None:
        return numbers_html(setting.view)
    rows = compared(kept, setting)
    return table_html(["", "A", "B", "difference"], ([row.label, row.a, row.b, row.difference] for row in rows))


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
        self._numbers, self._kept_words, self._sentence, self._extra = (widgets.HTML() for _ in range(4))
        self._show = widgets.ToggleButtons(options=["picture", "data", "code", "formulas"], description="show")
        self._show.observe(lambda change: self._show_extra(), "value")
        self.picture.observe(lambda change: self._changed(), "dark")
        for control in self.controls.values():
            control.observe(lambda change: self._changed(), "value")
        buttons = [_button(name, partial(self.set, **settings)) for name, settings in {"Reset": start, **presets}.items()]
        self._kept: Setting | None = None
        self.keep_button = _button("Keep as A", self.keep, "Keep this setting, and compare others with it")
        self.drop_button = _button("Drop A", self.drop, "Compare no longer")
        self.drop_button.disabled = True
        row = widgets.Layout(flex_flow="row wrap")
        self.widget = widgets.VBox(
            [
                widgets.HTML(f"{CSS}<strong>{escape(title)}</strong>"),
                widgets.HBox([*buttons, self.keep_button, self.drop_button], layout=row),
                widgets.HBox([widgets.VBox(list(self.controls.values())), self._numbers], layout=row),
                self.picture,
                self._kept_words,
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
        self._check(settings)
        self._several = True
        try:
            for name, value in settings.items():
                self.controls[name].value = value
        finally:
            self._several = False
        self._changed()

    def keep(self) -> None:
        """Keep what is shown as A: from now on each setting is shown beside it."""
        self._compare_with(self._shown)

    def drop(self) -> None:
        """Show one setting again."""
        self._compare_with(None)

    def draw(self) -> View:
        """Work out the view for the present settings and show it, now."""
        self._put(*self._work(self.settings, self._theme, self._kept))
        self._announce()
        return self.view

    def static(self, compare: Mapping[str, Any] | None = None, **settings: Any) -> Still:
        """The same without widgets, for the settings given (the others as at the start); beside those to ``compare`` with, as A."""
        shown = self._setting(settings)
        kept = None if compare is None else self._setting(compare)
        return Still(shown, kept, *(self._render(board, shown.view, kept) for board in self._boards.values()))

    @property
    def view(self) -> View:
        """What is shown."""
        return self._shown.view

    def _setting(self, settings: Mapping[str, Any]) -> Setting:
        """A setting as at the start but for ``settings``, and what it shows."""
        self._check(settings)
        return self._looked({**self._start, **settings})

    def _check(self, settings: Mapping[str, Any]) -> None:
        if not isinstance(settings, Mapping):
            raise TypeError(f"compare={settings!r} must be settings by the names of controls, such as {self._start}.")
        for name, value in settings.items():
            if name not in self._choices:
                raise TypeError(f"This lab has no control {name!r}; it has: {', '.join(self._choices)}.")
            self._choices[name].check(value)

    def _looked(self, settings: Mapping[str, Any]) -> Setting:
        said = {choice.label: choice.said(settings[name]) for name, choice in self._choices.items()}
        return Setting(said, self._look(**settings))

    @property
    def _theme(self) -> Theme:
        return DARK if self.picture.dark else LIGHT

    def _work(self, settings: dict[str, Any], theme: Theme, kept: Setting | None) -> tuple[Setting, bytes]:
        setting = self._looked(settings)
        return setting, self._render(self._boards[theme], setting.view, kept)

    def _render(self, board: Board, view: View, kept: Setting | None) -> bytes:
        if kept is None:
            return board.render(view.frames, view.data)
        both = shared(kept.view.frames, view.frames)
        frames = [wide or frame for wide, frame in zip(both, view.frames, strict=True)]
        panels = [axes for axes, wide in zip(board.axes, both, strict=True) if wide]

        def data(axes: list[Axes], theme: Theme) -> list:
            return view.data(axes, theme) + faint(kept.view.data(axes, theme), panels, theme)

        return board.render(frames, data)

    def _put(self, setting: Setting, png: bytes) -> None:
        self._shown = setting
        self.picture.png = png
        self._numbers.value = f'<div class="lc-numbers">{_figures_html(setting, self._kept)}</div>'
        self._show_extra()

    def _compare_with(self, kept: Setting | None) -> None:
        self._kept = kept
        self.drop_button.disabled = kept is None
        self._changed()

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
                self._put(*await loop.run_in_executor(self._worker, self._work, self.settings, self._theme, self._kept))
        finally:
            self._busy = False
        self._quiet = loop.call_later(QUIET_SECONDS, self._announce)

    def _announce(self) -> None:
        *of_kept, sentence = _words(self._shown, self._kept)
        self.picture.alt = " ".join([*of_kept, sentence])
        self._kept_words.value = "".join(f'<div class="lc-sentence">{escape(words)}</div>' for words in of_kept)
        self._sentence.value = f'<div role="status" aria-live="polite" class="lc-sentence">{escape(sentence)}</div>'

    def _show_extra(self) -> None:
        view = self.view
        make = {
            "picture": lambda: "",
            "data": lambda: view.table.to_html(max_rows=60, float_format="{:,.4g}".format, border=0, index=False),
            "code": lambda: (
                f"{highlighted(view.code, 'python')}<details><summary>Under the hood: what makes this lab</summary>"
                f"{under_the_hood(inspect.getmodule(self._look))._repr_html_()}</details>"
            ),
            "formulas": lambda: formulas_html(view),
        }
        shown = make[self._show.value]()
        self._extra.value = f'<div class="lc-numbers">{shown}</div>' if shown else ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widget; where there is no kernel, the still picture of the settings at the start."""
        return show_live(self.widget, self.static()._repr_mimebundle_())


def _button(name: str, action: Callable[[], None], tooltip: str = "") -> widgets.Button:
    """A button as wide as its name."""
    button = widgets.Button(description=name, tooltip=tooltip, layout=widgets.Layout(width="auto"))
    button.on_click(lambda _: action())
    return button


def show_live(widget: widgets.Widget, still: Mapping[str, str]) -> tuple[dict, dict]:
    """What a cell shows: ``widget`` in a running notebook, and ``still`` where nobody runs it."""
    bundle = widget._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return {**data, **still}, metadata

"""What a lab shows for one setting of its controls, apart from widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from lambdacourse.plots import Frame, Theme


@dataclass(frozen=True)
class Number:
    """A figure beside the picture: what a formula predicts, and what the simulation gave (or two settings, side by side)."""

    label: str
    predicted: str
    simulated: str
    formula: str

    def shown(self, compared: int) -> str:
        """The figure by which settings are compared: the one in that column, or the other where that is empty."""
        columns = self.predicted, self.simulated
        return columns[compared] or columns[1 - compared]


@dataclass(frozen=True)
class View:
    """What a lab shows for one setting of its controls.

    sentence: what is seen. numbers: the figures. code: what one would type to get them. table: the data of the picture.
    frames, data: for ``plots.Board.render``. heads: what stands over the two columns of figures; compared: the column by which two
    settings are compared.
    """

    sentence: str
    numbers: tuple[Number, ...]
    code: str
    table: pd.DataFrame
    frames: tuple[Frame, ...] = field(repr=False)
    data: Callable[[list[Axes], Theme], list[Artist]] = field(repr=False)
    heads: tuple[str, str] = ("formula says", "simulation says")
    compared: int = 1


def numbers_html(view: View) -> str:
    """The figures as a table."""
    columns = [
        (view.heads[0], [each.predicted for each in view.numbers]),
        (view.heads[1], [each.simulated for each in view.numbers]),
    ]
    columns = [(head, cells) for head, cells in columns if any(cells)]
    return table_html(
        ["", *(head for head, _ in columns)],
        [[each.label, *cells] for each, *cells in zip(view.numbers, *(cells for _, cells in columns), strict=True)],
    )


def table_html(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column says what a row is."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for label, *cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def formulas_html(view: View) -> str:
    """What each figure comes from."""
    rows = "".join(f"<dt><strong>{escape(each.label)}</strong></dt><dd>{escape(each.formula)}</dd>" for each in view.numbers)
    return f"<dl>{rows}</dl>"

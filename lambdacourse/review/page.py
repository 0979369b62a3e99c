"""The page of a review: as text, and as HTML that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from lambdacourse.review.case import Outcome
from lambdacourse.review.changes import Change
from lambdacourse.templates import Report


@dataclass(frozen=True)
class Review:
    """A page about one function. ``print`` shows it; ``html`` is it as a page of its own.

    findings
        What is wrong with the template. Where AWS would refuse it, nothing is simulated, and the rest is empty.
    rows
        What is compared: its name, what was observed, and what the simulator says.
    changes
        At most three, the one that is worth most first.
    notes
        What was taken where the files do not say it, and which option says it.
    """

    function: str
    findings: Report
    outcome: Outcome | None = field(default=None, repr=False)
    rows: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    changes: tuple[Change, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        parts = [f"Review of {self.function}", _headed("The template", str(self.findings))]
        if self.outcome is None:
            return "\n\n".join([*parts, NOT_SIMULATED])
        widths = [max(len(row[column]) for row in (HEADS, *self.rows)) for column in range(3)]
        table = "\n".join(
            "  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2])])
            for row in (HEADS, *self.rows)
        )
        changes = "\n".join(
            f"{number}. {each.title}\n   {each.effect}" + (f"\n   Assumes {each.assumes}." if each.assumes else "")
            for number, each in enumerate(self.changes, 1)
        )
        return "\n\n".join(
            [
                *parts,
                _headed("Observed and simulated", table),
                _headed(CHANGES, changes or NO_CHANGES),
                _headed("What this stands on", "\n".join(f"- {note}" for note in self.notes)),
            ]
        )

    @property
    def html(self) -> str:
        """The page in HTML: no script, nothing loaded from anywhere; light or dark as the reader's system is."""
        body = [f"<h1>Review of <code>{escape(self.function)}</code></h1>", "<h2>The template</h2>", _findings(self.findings)]
        if self.outcome is None:
            body.append(f"<p>{NOT_SIMULATED}</p>")
        else:
            heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
            rows = "".join(
                f'<tr><th scope="row">{escape(name)}</th><td>{escape(observed)}</td><td>{escape(simulated)}</td></tr>'
                for name, observed, simulated in self.rows
            )
            changes = "".join(
                f"<li><strong>{escape(each.title)}</strong><br>{escape(each.effect)}"
                + (f"<br><em>Assumes {escape(each.assumes)}.</em>" if each.assumes else "")
                + "</li>"
                for each in self.changes
            )
            notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
            body += [
                f"<h2>Observed and simulated</h2><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>",
                f"<h2>{CHANGES}</h2>" + (f"<ol>{changes}</ol>" if changes else f"<p>{NO_CHANGES}</p>"),
                f"<h2>What this stands on</h2><ul>{notes}</ul>",
            ]
        title = f"<title>Review of {escape(self.function)}</title>"
        head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{title}<style>{STYLE}</style>'
        return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{"".join(body)}</main></body></html>\n'


HEADS = ("figure", "observed", "simulated")
CHANGES = "The changes worth most, each made alone"
NO_CHANGES = "None of those that were tried mends, saves or quickens anything."
NOT_SIMULATED = "Not simulated: mend the errors first."
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #8888; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; font-weight: normal; padding-left: 0; }
th { overflow-wrap: anywhere; }
li { margin-bottom: .6rem; }
"""


def _headed(head: str, text: str) -> str:
    return f"{head}\n{'-' * len(head)}\n{text}"


def _findings(report: Report) -> str:
    if not report.findings:
        return "<p>Nothing found.</p>"
    items = "".join(
        f"<li>Line {found.place.line}: <strong>{found.severity}</strong> <code>{escape(found.rule)}</code> {escape(found.text)}"
        + (f"<br>AWS: {escape(found.because)}" if found.because else "")
        + (f"<br>Mend: {escape(found.mend)}" if found.mend else "")
        + "</li>"
        for found in report.findings
    )
    return f"<ul>{items}</ul>"

"""What a check says about a template: findings with their place, AWS's rule, its source, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from lambdacourse.templates.document import Place

SEVERITIES = ("error", "warning", "note")
"""``error``: AWS refuses it, or it cannot work. ``warning``: it is accepted and goes wrong. ``note``: worth knowing."""

_MARKS = {"error": ("✗", "#C8383C"), "warning": ("!", "#B26A00"), "note": ("i", "#3D6A99")}


@dataclass(frozen=True)
class Finding:
    """One thing about a template. ``rule`` is the name of a rule of ours, or cfn-lint's own, such as ``E3002``.

    ``text`` says what is there, ``because`` AWS's rule, ``source`` and ``address`` where it is written, ``as_of`` when, and
    ``mend`` what to do.
    """

    severity: str
    rule: str
    place: Place
    text: str
    because: str = ""
    source: str = ""
    address: str = ""
    as_of: str = ""
    mend: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place.line}:{self.place.column}  {self.severity}  {self.rule}: {self.text}"]
        if self.because:
            lines.append(f"    AWS: {self.because} ({self.source}{f', {self.as_of}' if self.as_of else ''})")
        if self.mend:
            lines.append(f"    Mend: {self.mend}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The findings of one file, in its order. Shows itself as text, and as a table in a notebook."""

    file: str
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, file: str, findings: Iterable[Finding]) -> Report:
        return cls(file, tuple(sorted(findings, key=lambda found: (found.place, SEVERITIES.index(found.severity), found.rule))))

    @property
    def ok(self) -> bool:
        """Whether AWS would take the template and it can work: no error. Warnings and notes may be there."""
        return not self.errors

    @property
    def errors(self) -> list[Finding]:
        return [found for found in self.findings if found.severity == "error"]

    @property
    def rules(self) -> list[str]:
        """The names of the rules that found something, in the file's order."""
        return [found.rule for found in self.findings]

    def __str__(self) -> str:
        if not self.findings:
            return f"{self.file}: nothing found."
        return "\n".join([f"{self.file}: {self._count()}", *map(str, self.findings)])

    __repr__ = __str__

    def _count(self) -> str:
        counts = {kind: sum(found.severity == kind for found in self.findings) for kind in SEVERITIES}
        return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count)

    def _repr_html_(self) -> str:
        if not self.findings:
            return f"<p><strong>{escape(self.file)}</strong>: nothing found.</p>"
        heads = "".join(
            f'<th scope="col" style="text-align:left">{head}</th>' for head in ("Where", "What", "AWS's rule", "Mend")
        )
        rows = "".join(map(_row, self.findings))
        caption = f"<caption><strong>{escape(self.file)}</strong>: {self._count()}</caption>"
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(found: Finding) -> str:
    mark, colour = _MARKS[found.severity]
    source = f'<a href="{escape(found.address)}">{escape(found.source)}</a>' if found.address else escape(found.source)
    dated = f" ({source}{f', {escape(found.as_of)}' if found.as_of else ''})" if found.source else ""
    severity = f'<span style="color:{colour}" aria-hidden="true">{mark}</span> <strong>{found.severity}</strong>'
    cells = (
        f"{found.place.line}:{found.place.column}",
        f"{severity} <code>{escape(found.rule)}</code><br>{escape(found.text)}",
        escape(found.because) + dated,
        escape(found.mend),
    )
    return "<tr>" + "".join(f'<td style="text-align:left;vertical-align:top">{cell}</td>' for cell in cells) + "</tr>"

"""The first cell of every notebook: whether figures and sliders will work here, and the command that mends it when not."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from html import escape

from lambdacourse import __version__
from lambdacourse.course import doctor
from lambdacourse.course.doctor import Check

READY = "lambdacourse-ready"

# JupyterLab does not tell the kernel about widgets that it cannot draw, so the page decides: the tick, once a widget has drawn
# it, hides the warning. The warning waits, so as not to flash up while the tick is on its way.
STYLE = f"""<style>
body:has(.{READY}) .lambdacourse-no-sliders {{ display: none; }}
.lambdacourse-no-sliders {{ visibility: hidden; animation: lambdacourse-appear 0s 3s forwards; }}
.lambdacourse-no-sliders, .lambdacourse-wrong {{ border-left: 4px solid var(--jp-warn-color1, #b35900); padding: 0.2em 0.8em; }}
.lambdacourse-no-sliders pre, .lambdacourse-wrong pre {{ margin-bottom: 1em; }}
@keyframes lambdacourse-appear {{ to {{ visibility: visible; }} }}
</style>"""

AGAIN = "Then stop JupyterLab, start it again and reload this page."


@dataclass(frozen=True)
class Environment:
    """What was found around this notebook. As the last line of a cell it shows itself."""

    checks: tuple[Check, ...]

    @property
    def wrong(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.ok is False)

    def __repr__(self) -> str:
        return doctor.report(list(self.wrong)) if self.wrong else f"Ready: {self._versions}"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.wrong:
            display({"text/html": STYLE + self._wrong_html(), "text/plain": repr(self)}, raw=True)
            return
        from ipywidgets import HTML

        tick = HTML(f"✔ Ready: {escape(self._versions)}; figures and sliders work here.").add_class(READY)
        display({**tick._repr_mimebundle_(), "text/plain": self._versions}, raw=True)
        display({"text/html": STYLE + self._no_sliders_html(), "text/plain": ""}, raw=True)

    @property
    def _versions(self) -> str:
        engine = next(check.found for check in self.checks if check.name == "engine")
        return f"lambdacourse {__version__}, Python {platform.python_version()}, {engine}"

    def _wrong_html(self) -> str:
        found = "".join(f"<p>{escape(check.name)}: {escape(check.found)}.</p>{_command(check.mend)}" for check in self.wrong)
        heading = "<p><b>Not ready yet.</b> What is wrong, and what mends it:</p>"
        return f'<div class="lambdacourse-wrong" role="note">{heading}{found}<p>{AGAIN}</p></div>'

    def _no_sliders_html(self) -> str:
        return (
            '<div class="lambdacourse-no-sliders" role="note">'
            "<p><b>This page cannot show sliders.</b> If you have just run this cell, your JupyterLab lacks its widgets. "
            "In a terminal, with the Python that JupyterLab runs from:</p>"
            f"{_command(doctor.install_widgets())}"
            f"<p>{AGAIN} If this text is still here, <code>lambdacourse doctor</code> says more.</p></div>"
        )


def check_environment() -> Environment:
    """Look around quickly, without compiling anything. Shows a line when all is well, and otherwise what mends it."""
    return Environment(tuple(doctor.examine(*doctor.IN_KERNEL)))


def _command(command: str) -> str:
    return f"<pre><code>{escape(command)}</code></pre>"

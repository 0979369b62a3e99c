"""JupyterLab for the course: started on the welcome notebook, without what only teachers need, in this process."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

from lambdacourse.course import doctor, workspace
from lambdacourse.errors import CourseError

SETTINGS = Path(__file__).with_name("jupyter")
"""Switches off nbgrader's panels for teachers and JupyterLab's news. Read before the user's own settings, which stay theirs."""

WELCOME = "lessons/00-welcome.ipynb"

WARM = """
import os
if hasattr(os, "nice"):
    os.nice(10)
import matplotlib.font_manager
from lambdacourse.simulation.preparing import prepare
prepare()
"""


def split_lab_arguments(arguments: list[str]) -> tuple[Path, list[str]]:
    """The course folder, and what goes on to JupyterLab. FOLDER comes first or not at all: ``8890`` in ``--port 8890`` is none."""
    if arguments and not arguments[0].startswith("-"):
        return Path(arguments[0]), arguments[1:]
    return Path(workspace.FOLDER), list(arguments)


def start(folder: Path, arguments: list[str]) -> None:
    """Make or update the course in ``folder`` and run JupyterLab there until it is stopped. Raises ``CourseError``."""
    _check_port(arguments)
    for line in filter(None, [str(workspace.make(folder)), *_what_is_wrong()]):
        print(line, file=sys.stderr)
    folder = folder.resolve()
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH")]))
    _warm_engine()
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise CourseError(f"JupyterLab cannot be started ({error}): {doctor.pip('--force-reinstall', 'jupyterlab')}") from error
    print(f"The course is in {folder}. JupyterLab opens it; Ctrl-C here stops it.", file=sys.stderr)
    LabApp.launch_instance([*_defaults(folder, arguments), *arguments])


def _defaults(folder: Path, arguments: list[str]) -> list[str]:
    """What JupyterLab is told first; the user's own arguments come later and win."""
    defaults = [
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{WELCOME}",
        f"--LabApp.workspaces_dir={folder / '.jupyterlab'}",  # Open tabs are kept apart from those of the user's other work.
        "--KernelManager.transport_encryption=auto",  # Without it, each kernel warns that others on this machine may listen.
    ]
    if not arguments:
        defaults.append("--Application.log_level=ERROR")  # The address is printed all the same.
    if _option(arguments, "port"):
        defaults.append("--ServerApp.port_retries=0")
    return defaults


def _what_is_wrong() -> list[str]:
    return [str(check) for check in doctor.examine(*doctor.BEFORE_LAB) if check.ok is False]


def _check_port(arguments: list[str]) -> None:
    """``CourseError`` when the user asked for a port that JupyterLab cannot have; unasked, it finds a free one by itself."""
    port = _option(arguments, "port")
    if port is None or not port.isdecimal():
        return
    from tornado.netutil import bind_sockets

    if int(port) > 65_535:
        raise CourseError(f"JupyterLab cannot have port {port}: ports end at 65535.")
    try:
        for bound in bind_sockets(int(port), _option(arguments, "ip") or "localhost"):
            bound.close()
    except OSError as error:
        raise CourseError(f"JupyterLab cannot have port {port}: {error.strerror}. Ask for another one, or for none.") from error


def _option(arguments: list[str], name: str) -> str | None:
    """What ``--name VALUE``, ``--name=VALUE`` or ``--ServerApp.name=VALUE`` asks for."""
    asked = None
    for argument, following in zip(arguments, [*arguments[1:], None]):
        flag, equals, value = argument.partition("=")
        if flag in (f"--{name}", f"--ServerApp.{name}"):
            asked = value if equals else following
    return asked


def _warm_engine() -> None:
    """Compile in the background what the first slider needs, so that it does not wait; the next start finds it compiled."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", WARM],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in JupyterLab asks a question first; it must not end this.
        )
    except OSError:
        return
    Thread(target=process.wait, daemon=True).start()
    atexit.register(process.terminate)

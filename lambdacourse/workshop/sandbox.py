"""The sandbox: people's code that nobody here controls, behind bubblewrap, spoken to in plain data.

A ``Sandbox`` is a template process that has imported everything, in a bubblewrap without network, with a read-only system and
neither class, gradebook nor solutions in it. ``play`` forks a child from it for one submission, in namespaces of its own
(``player.py``). What comes out is read with limits on its size and on time, and is never anything but plain data.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from lambdacourse.errors import CourseError
from lambdacourse.folders import cache_folder
from lambdacourse.grading.answers import CALL_SECONDS, Answer, NotCallable, Strange
from lambdacourse.simulation.preparing import prepare

CELL_SECONDS = 20.0
TASK_SECONDS = 30.0
SUBMISSION_SECONDS = 120.0
MEMORY_MB = 1_536
"""How long one cell, all calls of one task and a whole submission may take, and what all its processes may hold."""

MESSAGE = 4_000_000
"""Bytes of one message from the sandbox."""

_PREFIX = "lambdacourse-sandbox-"
_PACKAGE = Path(__file__).resolve().parents[1]
_ROUTE = (
    "On Debian and Ubuntu: `sudo apt install bubblewrap`; on Fedora: `sudo dnf install bubblewrap`. On Windows use WSL2, on macOS a "
    "Linux virtual machine. `--no-sandbox` grades without: only where you trust everyone whose code you run."
)
_SETTING = (
    "User namespaces must be allowed: `sysctl kernel.unprivileged_userns_clone=1` (Debian before 11), "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` or an AppArmor profile for bwrap (Ubuntu 24.04), "
    "`sysctl user.max_user_namespaces=10000` (RHEL); in a container, `--privileged` or its own seccomp profile."
)


class Ended(Exception):
    """What plays the notebook is gone, or did not answer in time or in plain data; the text says why."""


class Theirs(Exception):
    """An exception of the learner's own code, as text."""

    def __init__(self, output: dict[str, Any]) -> None:
        says_it_all = output["ename"] in ("NotImplementedError", "Interrupted", "NotCallable")
        super().__init__(output["evalue"] if says_it_all else f"{output['ename']}: {output['evalue']}")
        self.output = output


class Line:
    """Messages to and from somebody who may send anything, or nothing."""

    def __init__(self, end: socket.socket, check: Callable[[], None] = lambda: None) -> None:
        self.end, self.check, self.rest = end, check, b""

    def ask(self, message: Any, seconds: float, hand: Sequence[socket.socket] = ()) -> Any:
        """Send ``message``, with sockets in hand, and give the answer. Raises ``Ended``."""
        try:
            self.end.settimeout(seconds)
            data = json.dumps(message).encode("ascii") + b"\n"
            if hand:
                socket.send_fds(self.end, [data[:1]], [each.fileno() for each in hand])
                data = data[1:]
            self.end.sendall(data)
        except OSError:
            raise Ended("Python had ended before: see the cells above.") from None
        return self.read(seconds)

    def read(self, seconds: float) -> Any:
        """The next message. Raises ``Ended``."""
        until = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if len(self.rest) > MESSAGE:
                raise Ended("more output came than is read.")
            if time.monotonic() > until:
                raise Ended(f"it took longer than {seconds:g} s.")
            self.end.settimeout(0.25)
            try:
                more = self.end.recv(1 << 18)
            except TimeoutError:
                self.check()
                continue
            except OSError:
                more = b""
            if not more:
                raise Ended("Python ended.")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\n")
        try:
            return json.loads(message, object_hook=_strange)
        except (ValueError, RecursionError):
            raise Ended("something came back that is no plain data.") from None


class Snapshot:
    """The learner's functions as they were at one graded cell."""

    def __init__(self, end: socket.socket, check: Callable[[], None]) -> None:
        self.line = Line(end, check)
        self.until: float | None = None

    def find(self, name: str, parameters: tuple[str, ...]) -> Answer:
        """An ``Answer``: calls the function in the sandbox. Raises ``Theirs`` where there is none to call."""
        found = self._ask({"do": "find", "name": name, "parameters": parameters}, CALL_SECONDS)
        if "problem" in found:
            raise Theirs(_error(found["problem"]))
        self.until = time.monotonic() + TASK_SECONDS
        return _Asked(self)

    def ask(self, message: dict, hand: Sequence[socket.socket] = ()) -> dict:
        """Have the function called, in the time that the task has left. Raises ``Theirs`` and ``Ended``."""
        left = max(min(CALL_SECONDS, self.until - time.monotonic()), 0.1)
        reply = self._ask({**message, "seconds": left}, left + 2, hand)
        if "problem" in reply:
            raise Theirs(_error(reply["problem"]))
        return reply

    def close(self) -> None:
        self.line.end.close()

    def _ask(self, message: dict, seconds: float, hand: Sequence[socket.socket] = ()) -> dict:
        reply = self.line.ask(message, seconds, hand)
        if not isinstance(reply, dict):
            raise Ended("something came back that is no plain data.")
        return reply


@dataclass(frozen=True)
class _Asked:
    """An ``Answer`` whose function is in the sandbox."""

    snapshot: Snapshot

    def __call__(self, *arguments: Any) -> Any:
        return self.snapshot.ask({"do": "call", "arguments": arguments}).get("value")

    def environment(self, connections: Sequence[socket.socket]) -> Answer:
        try:
            self.snapshot.ask({"do": "environment"}, connections)
        except Theirs as problem:
            if problem.output["ename"] == NotCallable.__name__:
                raise NotCallable(problem.output["evalue"]) from None
            raise
        return self


class Player:
    """One submission at play: runs cells, keeps snapshots."""

    def __init__(self, end: socket.socket, check: Callable[[], None]) -> None:
        self.check, self.until, self.ended = check, time.monotonic() + SUBMISSION_SECONDS, ""
        self.line = Line(end, self._check)

    def run(self, source: str) -> list[dict[str, Any]]:
        """The outputs of one cell, as nbformat has them: text, pictures, an error."""
        if self.ended:
            return []
        try:
            outputs = self.line.ask({"do": "cell", "source": source, "seconds": CELL_SECONDS}, CELL_SECONDS + 2)
            return [_output(output) for output in outputs[:50]] if isinstance(outputs, list) else []
        except Ended as problem:
            self.ended = f"Running this cell ended the notebook: {problem}"
            return [_error({"ename": "NotebookEnded", "evalue": self.ended, "traceback": []})]

    def snapshot(self) -> Snapshot | None:
        """The learner's functions as they are now; None when Python has ended."""
        if self.ended:
            return None
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.line.ask({"do": "snapshot"}, CALL_SECONDS, hand=[theirs])
        except Ended as problem:
            self.ended = f"The notebook ended here: {problem}"
            return None
        return Snapshot(ours, self._check)

    def _check(self) -> None:
        self.check()
        if time.monotonic() > self.until:
            raise Ended(f"the whole notebook took longer than {SUBMISSION_SECONDS:g} s.")


class Sandbox:
    """A template in its bubblewrap; ``confined=False`` is the same without, for those who trust what they run."""

    def __init__(self, confined: bool = True) -> None:
        _sweep()
        self.confined = confined
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self.alive = FileLock(self.folder / "alive")
        self.alive.acquire()
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start the template. Raises ``CourseError`` with the reason and the route where it cannot run."""
        if not hasattr(os, "fork"):
            raise CourseError(f"Other people's work cannot be graded on this system. {_ROUTE}")
        if self.confined and (sys.platform != "linux" or not shutil.which("bwrap")):
            raise CourseError(f"The sandbox cannot run: bubblewrap (bwrap) is not installed. {_ROUTE}")
        ours, theirs = socket.socketpair()
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        prepare()
        # What numba and matplotlib have cached, as a private copy: numba needs a folder that can be written to begin with.
        shutil.copytree(cache_folder(), home / "cache", dirs_exist_ok=True, ignore_dangling_symlinks=True)
        _open_to_all(home)
        errors = self.folder / "errors.txt"
        with theirs, errors.open("wb") as said:
            player = [sys.executable, "-m", "lambdacourse.workshop.player", str(theirs.fileno())]
            command = [*self._bubblewrap(home), *player, "confined"] if self.confined else [*player, "open"]
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env=_environment(home, self.confined), start_new_session=True,
            )  # fmt: skip
        self.control = Line(ours)
        try:
            self.control.read(120)
        except Ended:
            reason = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            self.close()
            raise CourseError(f"The sandbox cannot run: {reason[-1] if reason else 'it ended'}. {_SETTING} {_ROUTE}") from None

    @contextmanager
    def play(self, environment: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> Iterator[Player]:
        """A child for one submission; all its processes are gone afterwards."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        ours, theirs = socket.socketpair()
        start = {
            "environment": {"NBGRADER_EXECUTION": "autograde", **environment},
            "files": {name: content.hex() for name, content in (files or {}).items()},
            "seconds": SUBMISSION_SECONDS,
        }
        player = Player(ours, self._watch_memory)
        with theirs:
            data = json.dumps({"environment": start["environment"], "seconds": start["seconds"]}).encode("ascii") + b"\n"
            socket.send_fds(self.control.end, [data[:1]], [theirs.fileno()])
            self.control.end.sendall(data[1:])
        try:
            first = player.line.ask(start, 20)
            if isinstance(first, dict):
                raise CourseError(f"The sandbox cannot run: {first.get('refused')}. {_SETTING} {_ROUTE}")
            yield player
        finally:
            ours.close()
            try:
                self.control.ask("end", 20)
            except Ended:
                self._kill()

    def close(self) -> None:
        """End everything."""
        self._kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.alive.release()

    def _kill(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _watch_memory(self) -> None:
        held = 0
        with suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    # What forks share is counted once; where that is not told (macOS), what each has.
                    held += getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss
        if held > MEMORY_MB << 20:
            raise Ended(f"it held more than {MEMORY_MB:,} MB of memory.")

    def _bubblewrap(self, home: Path) -> list[str]:
        command = [
            "bwrap",
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--die-with-parent",
            "--new-session",
        ]
        # As root, what is inside becomes nobody (player.py), so that limits on processes hold.
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if os.geteuid() == 0 else ["--unshare-user"]
        for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"):
            if Path(folder).is_symlink():
                command += ["--symlink", str(Path(folder).readlink()), folder]
            elif Path(folder).exists():
                command += ["--ro-bind", folder, folder]
        command += ["--proc", "/proc", "--dev", "/dev"]
        bound = [Path(folder) for folder in (sys.base_prefix, sys.prefix, _PACKAGE) if not Path(folder).is_relative_to("/usr")]
        above = {parent for folder in (*bound, Path("/home/learner"), Path("/etc/fonts")) for parent in folder.parents[:-1]}
        for folder in sorted(above - set(bound)):
            command += ["--perms", "0755", "--dir", str(folder)]
        for folder in dict.fromkeys(sorted(bound)):
            command += ["--ro-bind", str(folder), str(folder)]
        for file in ("/etc/ld.so.cache", "/etc/fonts", "/etc/localtime", "/etc/alternatives"):
            command += ["--ro-bind-try", file, file]
        solutions = _PACKAGE / "content" / "solutions"
        if solutions.exists():
            command += ["--tmpfs", str(solutions), "--remount-ro", str(solutions)]
        command += ["--bind", str(home), "/home/learner", "--dir", "/scratch", "--chdir", "/scratch"]
        return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--"]


def _sweep() -> None:
    """Remove the folders of sandboxes whose process was killed: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime > 60:  # the lock of one that has just been made may come in a moment
                with FileLock(folder / "alive", timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


def probe(sandbox: Sandbox) -> None:
    """Run ``sandbox`` for real, and look at what it hides. Raises ``CourseError`` with the reason and the route."""
    with sandbox.play({"LAMBDACOURSE_LEARNER": "probe"}) as player:
        outputs = player.run(_PROBE)
    said = "".join(output.get("text", "") or output.get("evalue", "") for output in outputs).strip()
    if sandbox.confined and said != "confined":
        raise CourseError(f"The sandbox runs and does not confine: {said}. {_ROUTE}")


_PROBE = f"""
import os, socket
from pathlib import Path
open_still = []
try:
    socket.create_connection(("127.0.0.1", 9), 1)
except OSError as problem:
    open_still += [] if problem.errno in (101, 111) else [f"network: {{problem}}"]
open_still += [str(place) for place in (Path.home() / ".ssh", Path({str(Path.cwd())!r}, "class.toml"), Path("/proc/1/mem")) if place.exists()]
for place in ("/", "/usr", "/dev", {str(_PACKAGE)!r}):
    open_still += [f"{{place}} can be written"] if os.access(place, os.W_OK) else []
print("confined" if not open_still else "; ".join(open_still))
"""


def _environment(home: Path, confined: bool) -> dict[str, str]:
    inside = "/home/learner" if confined else str(home)
    return {
        "PATH": os.defpath if confined else os.environ.get("PATH", os.defpath),
        "HOME": "/scratch" if confined else inside,
        "TMPDIR": "/scratch" if confined else inside,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_PACKAGE.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
        "LAMBDACOURSE_HOME": inside,
        "MPLCONFIGDIR": f"{inside}/matplotlib",
        "IPYTHONDIR": f"{inside}/ipython",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }


def _open_to_all(folder: Path) -> None:
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o777 if place.is_dir() else 0o666)


def _strange(data: dict[str, Any]) -> Any:
    if list(data) != ["__strange__"]:
        return data
    pair = data["__strange__"]
    pair = pair if isinstance(pair, list) and len(pair) == 2 else ["something", ""]
    return Strange(*(str(each)[:100] for each in pair))


def _error(problem: Any) -> dict[str, Any]:
    """An error as nbformat has it, whatever came."""
    data = problem if isinstance(problem, dict) else {}
    lines = data.get("traceback")
    lines = [str(line)[:2_000] for line in lines[:30]] if isinstance(lines, list) else []
    text = {name: str(data.get(name, "Error"))[:2_000] for name in ("ename", "evalue")}
    return {"output_type": "error", **text, "traceback": lines or [f"{text['ename']}: {text['evalue']}"]}


def _output(output: Any) -> dict[str, Any]:
    """A cell's output as nbformat has it: text and pictures. A learner's HTML and JavaScript reach nobody's browser."""
    data = output if isinstance(output, dict) else {}
    if data.get("output_type") == "error":
        return _error(data)
    if data.get("output_type") == "stream":
        name = "stderr" if data.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": str(data.get("text"))[:20_000]}
    bundle = data.get("data") if isinstance(data.get("data"), dict) else {}
    shown = {"text/plain": str(bundle.get("text/plain", ""))[:20_000]}
    picture = bundle.get("image/png")
    if isinstance(picture, str) and len(picture) <= 400_000 and picture.replace("\n", "").isascii():
        shown["image/png"] = "".join(character for character in picture if character.isalnum() or character in "+/=")
    return {"output_type": "display_data", "data": shown, "metadata": {}}

"""What runs inside the sandbox: a template that has imported everything, and a forked child for each submission.

``sandbox.py`` starts it and talks to it. The template never runs a learner's code. Each child goes into namespaces of its own,
covers what can be written with empty folders of its own, gives up its rights, limits itself, and then plays the notebook's cells.
At each graded cell it forks a snapshot of itself, which answers calls of the learner's functions once all cells have run: what a
function saw while it was graded can reach no cell and no output. Nothing that comes from here is believed: it is plain data.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

SCRATCH = "/scratch"
SCRATCH_MB = 64
MEMORY_MB = 1_024
PROCESSES = 32
FILES = 128
TEXT = 20_000
"""Characters of one output that are passed on; ``PICTURE`` for the base64 of a picture, ``OUTPUTS`` the number of outputs a cell."""
PICTURE = 400_000
OUTPUTS = 20


class Line:
    """JSON messages, one a line, over a socket; with sockets in hand on the way in."""

    def __init__(self, end: socket.socket) -> None:
        self.end, self.rest, self.handed = end, b"", []

    def read(self) -> Any:
        while b"\n" not in self.rest:
            more, handed, _, _ = socket.recv_fds(self.end, 1 << 16, 64)
            self.handed += handed
            if not more:
                raise EOFError
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\n")
        return json.loads(message)

    def write(self, message: Any) -> None:
        self.end.sendall(json.dumps(message, default=_strange).encode("ascii") + b"\n")


def main() -> None:
    """The template: waits for submissions, forks a child for each, ends it when told to."""
    control, confined = Line(socket.socket(fileno=int(sys.argv[1]))), sys.argv[2] == "confined"
    if os.getuid() == 0 and confined:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        _must(
            _SYSTEM.prctl(4, 1, 0, 0, 0), "to remain one's own"
        )  # dumpable: /proc/self/uid_map must belong to nobody, not to root
    shell = _import_everything()
    gc.collect()
    gc.freeze()  # forks then share these pages instead of copying them when they collect garbage
    control.write("ready")
    while True:
        try:
            start = control.read()
        except EOFError:
            return
        end = control.handed.pop()
        known, tell = os.pipe()
        warden = os.fork()
        if warden == 0:
            control.end.close()
            os.close(known)
            _become_warden(shell, end, tell, start, confined)
        os.close(tell)
        os.close(end)
        child = int(os.read(known, 20) or b"0")  # 0: it could not be confined, and said so on its own line
        os.close(known)
        with contextlib.suppress(EOFError):
            control.read()
        if child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL) if confined else os.killpg(child, signal.SIGKILL)
        os.waitpid(warden, 0)
        control.write("gone")


def _become_warden(shell: Any, end: int, tell: int, start: dict, confined: bool) -> None:
    """Fork the first process of the submission, in namespaces of its own; wait for its end."""
    try:
        if confined:
            _unshare()
        first = os.fork()
        if first:
            os.close(end)
            os.write(tell, str(first).encode())
            os.close(tell)
            os.waitpid(first, 0)
            os._exit(0)
        os.close(tell)
        os.setsid()
        if confined:
            _confine()
        _limit(start["seconds"], confined)
        player = os.fork()
        if player:  # The first process of a process namespace: when it ends, all others do.
            os.close(end)
            while True:
                if not _reap():
                    signal.pause()
    except OSError as problem:
        with contextlib.suppress(OSError):
            Line(socket.socket(fileno=end)).write({"refused": f"{type(problem).__name__}: {problem}"})
        os._exit(1)
    try:
        _play(shell, Line(socket.socket(fileno=end)), start)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _reap() -> bool:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        return False
    return True


# --- confinement

_NOBODY = 65_534
_NEW_USER, _NEW_MOUNTS, _NEW_PROCESSES, _NEW_IPC, _NEW_NETWORK = 0x10000000, 0x20000, 0x20000000, 0x08000000, 0x40000000
_SYSTEM = ctypes.CDLL(None, use_errno=True)


def _must(result: int, what: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _unshare() -> None:
    user, group = os.getuid(), os.getgid()
    _must(_SYSTEM.unshare(_NEW_USER | _NEW_MOUNTS | _NEW_PROCESSES | _NEW_IPC | _NEW_NETWORK), "namespaces of its own")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def _confine() -> None:
    """Empty folders over all that can be written and over /proc; no rights, no way to new ones."""
    places = (SCRATCH, SCRATCH_MB), ("/dev/shm", 1), (os.environ["LAMBDACOURSE_HOME"], SCRATCH_MB), ("/proc", 1)
    for place, size in places:
        nosuid_nodev = 2 | 4
        options = f"size={size}m,nr_inodes=2000,mode=700".encode()
        _must(_SYSTEM.mount(b"tmpfs", place.encode(), b"tmpfs", nosuid_nodev, options), f"an empty folder over {place}")
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _must(_SYSTEM.capset(header, nothing), "giving up capabilities")
    _must(_SYSTEM.prctl(38, 1, 0, 0, 0), "no new privileges")
    _filter_system_calls()


_CALLS = {  # unshare, mount, umount2, pivot_root, setns, ptrace, process_vm_*, keys, bpf, perf, userfaultfd, shmget, memfd, new mounts
    "x86_64": (0xC000003E, 56, (272, 165, 166, 155, 308, 101, 310, 311, 248, 249, 250, 321, 298, 323, 29, 319)),
    "aarch64": (0xC00000B7, 220, (97, 40, 39, 41, 268, 117, 270, 271, 217, 218, 219, 280, 241, 282, 194, 279)),
}
_CALLS_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)  # io_uring, the new mount interface
_CLONE3 = 435
_NEW_ANYTHING = 0x7E020080


def _filter_system_calls() -> None:
    """Seccomp: no namespaces, mounts, tracing, keys, nor memory outside the limits (each would be a way around them)."""
    if platform.machine() not in _CALLS:
        raise OSError(f"the sandbox knows no system call filter for {platform.machine()}")
    architecture, clone, denied = _CALLS[platform.machine()]
    allow, kill, no, unknown = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050000 | 38
    load, equal, at_least, any_bit, end = 0x20, 0x15, 0x35, 0x45, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (end, 0, 0, kill), (load, 0, 0, 0)]
    program += [(at_least, 0, 1, 0x40000000), (end, 0, 0, no)]  # a second table of calls on x86_64
    for call in (*denied, *_CALLS_EVERYWHERE):
        program += [(equal, 0, 1, call), (end, 0, 0, no)]
    program += [
        (equal, 0, 1, _CLONE3),
        (end, 0, 0, unknown),
    ]  # its flags cannot be looked at; the C library falls back to clone
    program += [(equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 0, 1, _NEW_ANYTHING), (end, 0, 0, no), (end, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    _must(_SYSTEM.prctl(22, 2, struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)), 0, 0), "a system call filter")


def _limit(seconds: float, confined: bool) -> None:
    limits = {
        resource.RLIMIT_CPU: int(seconds) + 5,
        resource.RLIMIT_FSIZE: SCRATCH_MB << 20,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: MEMORY_MB << 20,
    }
    if confined:  # Outside, the user's other processes would count.
        limits[resource.RLIMIT_NPROC] = PROCESSES
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if not confined:
        import tempfile

        os.chdir(tempfile.mkdtemp(prefix="lambdacourse-scratch-"))
    else:
        os.chdir(SCRATCH)


# --- playing a notebook


def _import_everything() -> Any:
    """What the course's exercises use, loaded, compiled and warm; gives the IPython shell in which cells will run."""
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    from lambdacourse.grading import session  # noqa: F401
    from lambdacourse.simulation.preparing import prepare

    prepare()

    class Shell(InteractiveShell):
        """Without windows and without a history file."""

        problems: list

        def enable_gui(self, gui=None):
            """There is no window."""

        def _showtraceback(self, kind, value, lines):
            self.problems.append(_problem(kind.__name__, value, lines))

    shell = Shell.instance(colors="NoColor")
    shell.history_manager.enabled = False
    shell.InteractiveTB.set_mode("Plain")  # the others take seconds for an endless recursion
    shell.enable_matplotlib("inline")
    with capture_output():
        shell.run_cell("import matplotlib.pyplot; matplotlib.pyplot.plot([0, 1])")
    shell.user_ns.pop("matplotlib")
    return shell


def _play(shell: Any, line: Line, start: dict) -> None:
    """Run cells as asked, and fork a snapshot for each socket in hand."""
    os.environ.update(start["environment"])
    for name, content in line.read()["files"].items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(bytes.fromhex(content))
    shell.user_ns["__name__"] = "__main__"
    sys.path.insert(0, "")
    line.write("ready")
    while True:
        message = line.read()
        if message["do"] == "cell":
            line.write(_run(shell, message["source"], message["seconds"]))
        else:
            end = line.handed.pop()
            if os.fork() == 0:
                line.end.close()
                _answer(Line(socket.socket(fileno=end)), shell.user_ns)
            os.close(end)
            line.write("ready")


def _run(shell: Any, source: str, seconds: float) -> list[dict]:
    """One cell: its outputs, as a notebook keeps them, cut to size."""
    from IPython.utils.capture import capture_output

    problems = shell.problems = []
    with _at_most(seconds), capture_output() as seen:
        result = shell.run_cell(source, store_history=True)
    if result.error_before_exec and not problems:
        problems.append(_problem(type(result.error_before_exec).__name__, result.error_before_exec, []))
    outputs = [
        {"output_type": "stream", "name": name, "text": text[:TEXT]}
        for name, text in (("stdout", seen.stdout), ("stderr", seen.stderr))
        if text
    ]
    for shown in seen.outputs[:OUTPUTS]:
        data = {"text/plain": str(shown.data.get("text/plain", ""))[:TEXT]}
        picture = shown.data.get("image/png")
        if picture:
            picture = picture if isinstance(picture, str) else b64encode(picture).decode("ascii")
            data |= {"image/png": picture} if len(picture) <= PICTURE else {}
        outputs.append({"output_type": "display_data", "data": data})
    return outputs + problems[:1]


def _answer(line: Line, namespace: dict) -> None:
    """A snapshot: finds the function that is asked for, then answers calls of it, until nobody asks any more."""
    from lambdacourse.grading.answers import find

    try:
        answer = None
        while True:
            message = line.read()
            try:
                if message["do"] == "find":
                    answer = find(namespace, message["name"], tuple(message["parameters"]))
                    line.write({"found": True})
                elif message["do"] == "environment":
                    connections, line.handed = [socket.socket(fileno=number) for number in line.handed], []
                    with _at_most(message["seconds"]):
                        answer = answer.environment(connections)
                    line.write({"found": True})
                else:
                    with _at_most(message["seconds"]):
                        value = answer(*message["arguments"])
                    line.write({"value": value})
            except BaseException as problem:
                import traceback

                lines = traceback.format_exception(problem)[-12:]
                line.write({"problem": _problem(type(problem).__name__, problem, lines)})
    finally:
        os._exit(0)


def _problem(kind: str, value: Any, lines: list[str]) -> dict:
    try:
        said = str(value)
    except BaseException:
        said = ""
    return {
        "output_type": "error",
        "ename": kind[:100],
        "evalue": said[:2_000],
        "traceback": [str(each)[:2_000] for each in lines][:30],
    }


@contextlib.contextmanager
def _at_most(seconds: float):
    def stop(number, frame):
        raise TimeoutError(f"it took longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _strange(value: Any) -> dict:
    """How a ``Strange`` travels."""
    return {"__strange__": [str(value.kind)[:100], str(value.shown)[:100]]}


if __name__ == "__main__":
    main()

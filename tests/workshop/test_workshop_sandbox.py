"""What a learner's code can see, reach and use up in the sandbox: nothing that matters."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

import lambdacourse
from lambdacourse.errors import CourseError
from lambdacourse.grading.answers import Strange
from lambdacourse.workshop import sandbox as rules
from lambdacourse.workshop.sandbox import Ended, Sandbox, Theirs, probe


def play(sandbox, *cells):
    """The text that the cells print, and their errors."""
    with sandbox.play({"LAMBDACOURSE_LEARNER": "ada"}) as player:
        return [said(player.run(cell)) for cell in cells]


def said(outputs):
    return "\n".join(output.get("text") or f"{output.get('ename')}: {output.get('evalue')}" for output in outputs).strip()


def is_well(sandbox):
    """Whether the next submission finds everything in order."""
    return play(sandbox, "print(6 * 7)") == ["42"]


def test_probe_passes_here(sandbox):
    """Where bubblewrap runs, the probe runs a notebook in it and finds everything hidden."""
    probe(sandbox)


def test_refuses_with_the_route(monkeypatch):
    """Without bubblewrap: an error that names the package, the other systems and the way without."""
    monkeypatch.setattr(rules.shutil, "which", lambda name: None)
    with pytest.raises(CourseError, match=r"bubblewrap.*not installed.*apt install bubblewrap.*WSL2.*--no-sandbox"):
        probe(Sandbox())


def test_refuses_with_the_reason(monkeypatch):
    """Where bubblewrap is there and cannot run: what it said, and the setting."""
    monkeypatch.setattr(
        Sandbox, "_bubblewrap", lambda self, home: ["sh", "-c", "echo bwrap: No permissions to create >&2; exit 1"]
    )
    with pytest.raises(CourseError, match=r"No permissions to create.*user\.max_user_namespaces"):
        probe(Sandbox())


def test_nothing_can_be_seen(sandbox, tmp_path):
    """Neither the class, nor the solutions, nor homes, nor passwords, nor other processes."""
    secret = tmp_path / "gradebook.db"
    secret.write_text("secret", encoding="utf-8")
    solutions = Path(lambdacourse.__file__).parents[1] / "solutions"
    (seen,) = play(
        sandbox,
        f"""
import os
from pathlib import Path
for place in ({str(secret)!r}, {str(solutions)!r}, "/etc/passwd", "/etc/shadow", "/var", "/proc/1"):
    print(Path(place).exists())
print(os.listdir("/proc"), os.listdir("/scratch"), os.getppid())
""",
    )
    assert seen.splitlines() == ["False"] * 6 + ["[] [] 1"]


def test_an_installed_packages_solutions_are_covered(tmp_path, monkeypatch):
    """In a wheel the solutions stand beside the code: inside, that folder is empty and stays so."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    content, home = tmp_path / "lambdacourse" / "content", tmp_path / "home"
    for folder in (content / "solutions", content / "lessons", home):
        folder.mkdir(parents=True)
    (content / "solutions" / "answers").write_text("secret", encoding="utf-8")
    monkeypatch.setattr(rules, "_PACKAGE", content.parent)
    look = [
        *Sandbox()._bubblewrap(home),
        "sh",
        "-c",
        f"ls -A {content} {content}/solutions; touch {content}/solutions/x || echo kept",
    ]
    seen = subprocess.run(look, capture_output=True, encoding="utf-8", check=True).stdout.split()
    assert "lessons" in seen and "answers" not in seen and seen[-1] == "kept"


def test_what_a_killed_process_left_is_swept(tmp_path, monkeypatch):
    """The folder of a sandbox whose process is dead goes when the next is made; one in use, and one just made, stay."""
    monkeypatch.setattr(rules.tempfile, "tempdir", str(tmp_path))
    left, used, new = (tmp_path / f"lambdacourse-sandbox-{name}" for name in ("left", "used", "new"))
    for folder in (left, used, new):
        folder.mkdir()
    with FileLock(used / "alive"):
        for folder in (left, used):
            os.utime(folder, (0, 0))
        Sandbox().close()
        assert not left.exists() and used.exists() and new.exists()


def test_nothing_can_be_written_but_scratch(sandbox):
    """A file that is left anywhere is gone for the next submission, and the system and the package stay as they are."""
    places = (
        "import os, lambdacourse\n"
        "places = ['/', '/usr', '/dev', '/dev/shm', '/tmp', '/etc', '/home', os.environ['LAMBDACOURSE_HOME'], '/scratch']\n"
        "places += [os.path.dirname(lambdacourse.__file__)]\n"
    )
    littered = """
left = []
for place in places:
    try:
        open(os.path.join(place, "litter"), "w").write("here I was")
        left.append(place)
    except OSError:
        pass
print(left)
"""
    look = "print([place for place in places if os.path.exists(os.path.join(place, 'litter'))])"
    (first,) = play(sandbox, places + littered)
    assert first == "['/dev/shm', '/home/learner', '/scratch']"
    assert play(sandbox, places + look) == ["[]"]


@pytest.mark.parametrize(
    "code, error",
    [
        ("import socket; socket.create_connection(('1.1.1.1', 53), 2)", "OSError"),
        ("import os; os.kill(1, 9); os.kill(1, 19); print('still here')", "still here"),
        ("import os; os.kill(-1, 9)", "ProcessLookupError"),
        ("import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))", "-1"),
        ("import ctypes; print(ctypes.CDLL(None).umount2(b'/proc', 2))", "-1"),
        ("import ctypes; print(ctypes.CDLL(None).ptrace(16, 1, 0, 0))", "-1"),
        ("b = []\nwhile True: b.append(bytearray(10**8))", "MemoryError"),
        ("with open('big', 'wb') as big:\n  while True: big.write(bytes(10**6))", "OSError"),
        ("def f(): return f()\nf()", "RecursionError"),
        ("files = [open('/dev/null') for _ in range(500)]", "Too many open files"),
        ("print('x' * 10**7)", "xxx"),
        (
            "import os, time\npids = []\ntry:\n  while True:\n    pid = os.fork()\n    if pid == 0: time.sleep(60); os._exit(0)\n"
            "    pids.append(pid)\nexcept OSError: print(len(pids) < 64)\n"
            "for pid in pids: os.kill(pid, 9); os.waitpid(pid, 0)",
            "True",
        ),
    ],
    ids=lambda value: value[:24] if "\n" in value or ";" in value else "",
)
def test_limits(sandbox, code, error):
    """What a limit stops is an error in that cell or nothing at all; the next cell runs, and so does the next submission."""
    first, second = play(sandbox, code, "print(6 * 7)")
    assert error in first and len(first) <= 25_000
    assert second == "42" and is_well(sandbox)


@pytest.mark.parametrize("code", ["import os; os._exit(0)", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"])
def test_the_end_of_python_ends_one_notebook(sandbox, code, monkeypatch):
    """Python that ends or stops: said at that cell, later cells do not run, and the next submission is well."""
    monkeypatch.setattr(rules, "CELL_SECONDS", 1.0)
    first, second = play(sandbox, code, "print(6 * 7)")
    assert first.startswith("NotebookEnded: Running this cell ended the notebook") and second == ""
    assert is_well(sandbox)


@pytest.mark.parametrize(
    "code", ["while True: pass", "while True:\n  try:\n    while True: pass\n  except BaseException: pass"]
)
def test_endless_loops(sandbox, code, monkeypatch):
    """A loop without end stops after the cell's time, one that catches everything too."""
    monkeypatch.setattr(rules, "CELL_SECONDS", 0.5)
    assert "took longer than" in play(sandbox, code)[0]
    assert is_well(sandbox)


def answers(sandbox, cell, *calls):
    """What calls of ``f(x)`` as it is after ``cell`` give, each alone."""
    with sandbox.play({"LAMBDACOURSE_LEARNER": "ada"}) as player:
        player.run(cell)
        answer = player.snapshot().find("f", ("x",))
        return [answer(*call) for call in calls]


def test_answers_are_plain_data(sandbox):
    """Numbers, texts and lists come as they are; what is something else says what it is, and equals nothing."""
    assert answers(sandbox, "def f(x): print(x); return [x, {'a': None}, 1.5, 'é']", (3,)) == [[3, {"a": None}, 1.5, "é"]]
    equal = "class Equal:\n  __eq__ = lambda self, other: True\n  __repr__ = lambda self: '2.0'\ndef f(x): return Equal()"
    assert answers(sandbox, equal, (3,)) == [Strange("Equal", "2.0")]
    number = "class Number(float):\n  __eq__ = lambda self, other: True\ndef f(x): return Number(1)"
    assert type(answers(sandbox, number, (3,))[0]) is Strange


def test_answers_that_fail(sandbox, monkeypatch):
    """An exception is the learner's, as text; a function that ends Python or never returns ends its own snapshot only."""
    monkeypatch.setattr(rules, "CALL_SECONDS", 0.5)
    with pytest.raises(Theirs, match="ZeroDivisionError"):
        answers(sandbox, "def f(x): return 1 / 0", (1,))
    with pytest.raises(Theirs, match="took longer than"):
        answers(sandbox, "def f(x):\n  while True: pass", (1,))
    with pytest.raises(Ended, match="Python ended"):
        answers(sandbox, "import os\ndef f(x): os._exit(0)", (1,))
    with pytest.raises(Theirs, match=r"^There is no function called f here"):
        answers(sandbox, "g = 1")
    with pytest.raises(Theirs, match=r"^f ends Python, with exit or sys\.exit"):
        answers(sandbox, "def f(x): exit()", (1,))
    with sandbox.play({}) as player:
        player.run("import os\ndef f(x): os._exit(0)\ndef g(x): return x")
        dies, lives = player.snapshot(), player.snapshot()
        with pytest.raises(Ended):
            dies.find("f", ("x",))(1)
        assert lives.find("g", ("x",))(7) == 7


def test_lies_on_the_line(sandbox):
    """A learner who writes to the line themselves says plain data, and nothing else can be said."""
    ours, theirs = socket.socketpair()
    for lie in (b"\xff\n", b"{\n", b"[" * 100_000 + b"\n", b"9" * 5_000 + b"\n"):
        theirs.sendall(lie)
        with pytest.raises(Ended, match="no plain data"):
            rules.Line(ours).read(1)
    theirs.sendall(b'{"__strange__": 3}\n')
    assert rules.Line(ours).read(1) == Strange("something")
    assert rules._output({"output_type": "display_data", "data": {"text/html": "<script>"}})["data"] == {"text/plain": ""}
    assert rules._output(["nonsense"])["data"] == {"text/plain": ""}

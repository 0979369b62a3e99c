"""What this machine has to have for the course, looked at piece by piece: what was found, and the command that mends it."""

from __future__ import annotations

import json
import locale
import os
import shutil
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from lambdacourse.errors import CourseError
from lambdacourse.folders import NAME, cache_folder, data_folder, is_writable

WIDGETS = "@jupyter-widgets/jupyterlab-manager"
NEEDED_MB = 200
"""Room for the workspace, what numba compiles, and a learner's outputs."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``ok`` is None when the course works without it, less well."""

    name: str
    ok: bool | None
    found: str
    mend: str = ""

    def __str__(self) -> str:
        mark = {True: "ok", None: "note", False: "WRONG"}[self.ok]
        mend = f"\n{'':<28}to mend it: {self.mend}" if self.mend and not self.ok else ""
        return f"{mark:<6}{self.name:<22}{self.found}{mend}"


def examine(*groups: Callable[[], list[Check] | Check]) -> list[Check]:
    """Make the checks, all of them when none is named. One that breaks is a finding too."""
    return [check for group in groups or EVERYTHING for check in _made(group)]


def _made(group: Callable[[], list[Check] | Check]) -> list[Check]:
    try:
        made = group()
    except Exception as error:  # A broken installation can break in any way, and the doctor must still say so.
        name = group.__name__.replace("_", " ")
        return [Check(name, False, f"{type(error).__name__}: {error}", pip("--force-reinstall", "lambdacourse"))]
    return made if isinstance(made, list) else [made]


def report(checks: list[Check]) -> str:
    """A line for each check, and how many are wrong."""
    wrong = sum(check.ok is False for check in checks)
    verdict = "All is well." if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong."
    return "\n".join([*map(str, checks), verdict])


def report_json(checks: list[Check]) -> str:
    """The same for machines: a list of ``{"name", "ok", "found", "mend"}``."""
    return json.dumps([asdict(check) for check in checks], indent=1)


def python() -> Check:
    """The Python that runs this, against what the course needs."""
    version = ".".join(map(str, sys.version_info[:3]))
    needed = metadata.metadata(NAME)["Requires-Python"]
    ok = not needed or Requirement(f"python{needed}").specifier.contains(version, prereleases=True)
    found = f"{version} in {sys.prefix}" if ok else f"{version}, and lambdacourse needs {needed}"
    return Check("Python", ok, found, f"make the virtual environment again with Python {needed}")


def packages() -> list[Check]:
    """Each package that the course stands on, against the range of versions that it declares."""
    return [_package(needed) for needed in _requirements(NAME)]


def widgets() -> Check:
    """Sliders: the kernel's ipywidgets and JupyterLab's extension for them go together, and the extension is switched on."""
    ours, there = metadata.version("ipywidgets"), _package(_widgets_of_jupyterlab())
    if not there.ok:
        found = f"ipywidgets {ours} needs {_widgets_of_jupyterlab()}; found: {there.found}"
        return Check("sliders", False, found, there.mend)
    extension = _labextension()
    if extension is None:
        found = f"jupyterlab_widgets {there.found} is installed, but JupyterLab's extension is not there"
        return Check("sliders", False, found, install_widgets())
    major = int(json.loads(extension.read_text(encoding="utf-8"))["version"].split(".")[0])
    if major < 5:  # 5 came with ipywidgets 8.
        found = f"an old extension hides the installed one: {extension.parent}"
        return Check("sliders", False, found, f"delete the folder {extension.parent}")
    switched_off = _switched_off()
    if switched_off:
        return Check("sliders", False, f"JupyterLab's extension is switched off in {switched_off}", _switch_on(switched_off))
    return Check("sliders", True, f"ipywidgets {ours}, jupyterlab_widgets {there.found}, switched on")


def install_widgets() -> str:
    """The command that puts JupyterLab's extension for widgets there again."""
    return pip("--force-reinstall", "--no-deps", str(_widgets_of_jupyterlab()))


def kernel() -> Check:
    """The ``python3`` kernel, in which the notebooks run, starts this very Python."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from jupyter_core.paths import prefer_environment_over_user

    where = "--sys-prefix" if prefer_environment_over_user() else "--user"
    mend = f"{_interpreter()} -m ipykernel install --name python3 {where}"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Check("kernel", False, "there is no kernel python3", mend)
    program = spec.argv[0]
    ours = ("python", "python3", "python{}.{}".format(*sys.version_info))  # JupyterLab reads these as its own Python.
    if program in ours or Path(program).absolute() == Path(sys.executable).absolute():
        return Check("kernel", True, f"python3 starts this Python ({spec.resource_dir})")
    return Check("kernel", False, f"python3 starts another Python: {program}", mend)


def engine() -> Check:
    """The simulator's compiled engine runs. Compiles it, when that was not done before: some seconds."""
    from lambdacourse import Function, Sync, poisson, simulate
    from lambdacourse.engine import is_compiled

    if os.environ.get("LAMBDACOURSE_ENGINE") == "reference":
        return Check("engine", None, "the slower reference, as LAMBDACOURSE_ENGINE asks", "unset LAMBDACOURSE_ENGINE")
    install = pip("--force-reinstall", *(str(needed) for needed in _requirements(NAME) if needed.name == "numba"))
    if not is_compiled():
        return Check("engine", None, "numba is not here: the slower reference engine is used", install)
    begin = time.perf_counter()
    try:
        simulate(Sync(Function("f", duration=0.1), poisson(10)), seconds=1)
    except Exception as error:
        return Check("engine", False, f"the compiled engine fails: {type(error).__name__}: {error}", install)
    return Check("engine", True, f"compiled, ready in {time.perf_counter() - begin:.1f} s")


def engine_unstarted() -> Check:
    """Which engine would run, without starting it."""
    from lambdacourse.engine import is_compiled

    return Check("engine", is_compiled() or None, "compiled engine" if is_compiled() else "slower reference engine")


def local_lambda() -> Check:
    """What can run the local Lambda of lesson 03: AWS's native client, the course's stand-in under AWS's bootstrap, or nothing."""
    import importlib.util

    from lambdacourse.runtime.local import check_platform

    try:
        check_platform()
    except CourseError as problem:
        return Check("local Lambda", None, "cannot run here", str(problem))
    if importlib.util.find_spec("runtime_client") is None:
        found = "runs with the course's client under AWS's bootstrap: AWS's own has no native part here"
        return Check("local Lambda", True, found)
    return Check("local Lambda", True, "runs with AWS's native client")


def folders() -> list[Check]:
    """The folders for what is compiled, and for the learner's progress, can be written."""
    mend = "set LAMBDACOURSE_HOME to a folder that can be written"
    cache, data = cache_folder(), data_folder()
    is_lasting = not (cache.name.startswith(f"{NAME}-") and cache.parent == Path(tempfile.gettempdir()))
    is_kept = is_writable(data)
    return [
        Check("cache", is_lasting or None, str(cache) if is_lasting else f"{cache}, as the usual one cannot be written", mend),
        Check("progress", is_kept, str(data) if is_kept else f"{data} cannot be written", mend),
    ]


def text() -> Check:
    """Text is UTF-8 by default. The course does not need it; a learner's own code may."""
    encoding = locale.getencoding()
    ok = True if sys.flags.utf8_mode or encoding.lower().replace("-", "") == "utf8" else None
    return Check("text encoding", ok, "UTF-8" if ok else encoding, "set PYTHONUTF8=1")


def browser() -> Check:
    """A browser that can be opened from here."""
    try:
        return Check("browser", True, getattr(webbrowser.get(), "name", "the system's"))
    except webbrowser.Error:
        found = "none that can be opened from here: JupyterLab prints the address to open elsewhere"
        return Check("browser", None, found, "lambdacourse lab --no-browser")


def disk() -> Check:
    """Room in the current folder."""
    free = shutil.disk_usage(Path.cwd()).free / 1e6
    return Check("disk", free >= NEEDED_MB, f"{free:,.0f} MB free in {Path.cwd()}", f"make room: {NEEDED_MB} MB are enough")


EVERYTHING = (python, packages, widgets, kernel, engine, local_lambda, folders, text, browser, disk)
BEFORE_LAB = (python, packages, widgets, kernel, folders, disk)
IN_KERNEL = (python, packages, widgets, engine_unstarted, folders)


def pip(*arguments: str) -> str:
    """The pip command that installs into the environment of this Python."""
    quoted = (f'"{argument}"' if set(argument) & set("<>~!=; ") else argument for argument in arguments)
    return f"{_interpreter()} -m pip install {' '.join(quoted)}"


def _interpreter() -> str:
    return f'"{sys.executable}"' if " " in sys.executable else sys.executable


def _requirements(package: str) -> list[Requirement]:
    """What ``package`` needs here, without its extras."""
    found = [Requirement(line) for line in metadata.requires(package) or []]
    return [needed for needed in found if needed.marker is None or needed.marker.evaluate({"extra": ""})]


def _package(needed: Requirement) -> Check:
    mend = pip(str(needed).split(";")[0].strip())
    try:
        version = metadata.version(needed.name)
    except metadata.PackageNotFoundError:
        return Check(needed.name, False, "not installed", mend)
    if needed.specifier.contains(version, prereleases=True):
        return Check(needed.name, True, version)
    return Check(needed.name, False, f"{version}, and {needed.specifier} is needed", mend)


def _widgets_of_jupyterlab() -> Requirement:
    """Which jupyterlab_widgets, the server's half, goes with the kernel's ipywidgets; ipywidgets says so itself."""
    return next(needed for needed in _requirements("ipywidgets") if needed.name == "jupyterlab_widgets")


def _labextension() -> Path | None:
    """The ``package.json`` of the widgets' extension that JupyterLab loads: the first on its path."""
    from jupyter_core.paths import jupyter_path

    files = (Path(folder, WIDGETS, "package.json") for folder in jupyter_path("labextensions"))
    return next((file for file in files if file.is_file()), None)


def _switched_off() -> Path | None:
    """The file in which JupyterLab's extension for widgets is disabled."""
    from jupyter_core.paths import jupyter_config_path

    for folder in jupyter_config_path():
        file = Path(folder, "labconfig", "page_config.json")
        disabled = json.loads(file.read_text(encoding="utf-8")).get("disabledExtensions", {}) if file.is_file() else {}
        says = [disabled[key] for key in (WIDGETS, f"{WIDGETS}:plugin") if key in disabled]
        if says:  # The first file that names it decides.
            return file if any(says) else None
    return None


def _switch_on(file: Path) -> str:
    """What takes the extension out of ``file``: JupyterLab's own command where it writes such files, an editor elsewhere."""
    from jupyter_core.paths import ENV_CONFIG_PATH, SYSTEM_CONFIG_PATH, jupyter_config_dir

    folders = {"user": [jupyter_config_dir()], "sys_prefix": ENV_CONFIG_PATH, "system": SYSTEM_CONFIG_PATH}
    level = next((level for level, known in folders.items() if str(file.parent.parent) in known), None)
    if level is None:
        return f"take {WIDGETS} out of {file}"
    return f"{_interpreter()} -m jupyter labextension enable {WIDGETS} --level={level}"

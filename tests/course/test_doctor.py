"""The doctor finds what is wrong, names the command that mends it, and never breaks itself."""

import importlib.metadata
import importlib.util
import json
import sys
import webbrowser

import pytest

from lambdacourse import cli
from lambdacourse.course import check_environment, doctor
from lambdacourse.course.doctor import BEFORE_LAB, IN_KERNEL, Check, examine, report


def wrong(checks):
    return {check.name: check for check in checks if check.ok is False}


@pytest.fixture
def versions(monkeypatch):
    """Pretend other versions of installed packages: ``versions["numba"] = "0.1"``; None is not installed."""
    real, pretended = importlib.metadata.version, {}

    def version(name):
        found = pretended.get(name, real(name))
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)
    return pretended


@pytest.fixture
def page_config(tmp_path, monkeypatch):
    """Write a ``page_config.json`` that JupyterLab reads before all others."""

    def write(disabled):
        file = tmp_path / "labconfig" / "page_config.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"disabledExtensions": disabled}), encoding="utf-8")
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
        return file

    return write


def test_all_is_well_here(monkeypatch):
    """The environment in which the tests run is one in which the course works."""
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("firefox"))
    checks = examine()
    assert not wrong(checks), report(checks)
    assert report(checks).endswith("All is well.")
    assert {"Python", "numba", "ipywidgets", "sliders", "kernel", "engine", "cache", "disk"} <= {check.name for check in checks}


def test_a_package_outside_its_range(versions):
    """Its version, the range, and the command for this very Python."""
    versions["ipywidgets"] = "7.8.1"
    check = wrong(examine(doctor.packages))["ipywidgets"]
    assert check.found.startswith("7.8.1, and ") and "needed" in check.found
    assert check.mend == f'{sys.executable} -m pip install "ipywidgets<9,>=8.1"'


def test_a_package_that_is_missing(versions):
    """It is named, and the others are still looked at."""
    versions["numba"] = None
    checks = examine(doctor.packages)
    assert wrong(checks)["numba"].found == "not installed" and len(checks) > 5


@pytest.mark.parametrize("found", [None, "1.1.11", "4.0.0"])
def test_widgets_of_kernel_and_server_that_do_not_go_together(versions, found):
    """ipywidgets says itself which jupyterlab_widgets it needs."""
    versions["jupyterlab_widgets"] = found
    check = doctor.widgets()
    assert check.ok is False and "needs jupyterlab_widgets" in check.found and "pip install" in check.mend


def test_widgets_that_are_switched_off(page_config):
    """The file that says so, and how to switch them on; the first file that names them decides."""
    file = page_config({doctor.WIDGETS: True})
    check = doctor.widgets()
    assert check.ok is False and str(file) in check.found and check.mend == f"take {doctor.WIDGETS} out of {file}"
    page_config({doctor.WIDGETS: False})
    assert doctor.widgets().ok


@pytest.mark.parametrize("level", ["user", "sys_prefix", "system"])
def test_the_command_that_switches_widgets_on(page_config, monkeypatch, level):
    """JupyterLab's own command, for the folder in which it stands."""
    file = page_config({doctor.WIDGETS: True})
    folder, ours = str(file.parent.parent), {"sys_prefix": "ENV_CONFIG_PATH", "system": "SYSTEM_CONFIG_PATH"}
    if level == "user":
        monkeypatch.setenv("JUPYTER_CONFIG_DIR", folder)
    else:
        monkeypatch.setattr(f"jupyter_core.paths.{ours[level]}", [folder])
    enable = f"{sys.executable} -m jupyter labextension enable {doctor.WIDGETS} --level={level}"
    assert doctor.widgets().mend == enable


def test_widgets_without_their_extension(monkeypatch, tmp_path):
    """The package is installed, but JupyterLab finds no extension of it; or one that is too old hides it."""
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(tmp_path)])
    assert "not there" in doctor.widgets().found
    folder = tmp_path / doctor.WIDGETS
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "3.1.11"}', encoding="utf-8")
    check = doctor.widgets()
    assert check.ok is False and str(folder) in check.mend


def test_a_kernel_of_another_python(monkeypatch, tmp_path):
    """A ``python3`` kernel that starts another Python is wrong; one that starts this one is not."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for program, ok in ((sys.executable, True), ("python", True), ("/opt/other/bin/python", False)):
        spec = {"argv": [program, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3"}
        (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        check = doctor.kernel()
        assert check.ok is ok and (ok or ("/opt/other" in check.found and "ipykernel install" in check.mend))


def test_an_old_python(monkeypatch):
    """The version that is needed is named."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    check = doctor.python()
    assert check.ok is False and "3.9.1, and lambdacourse needs >=3.11" in check.found


def test_no_compiled_engine(monkeypatch):
    """The course works with the slower reference engine: not wrong, but said."""
    monkeypatch.setenv("LAMBDACOURSE_ENGINE", "reference")
    assert doctor.engine().ok is None
    monkeypatch.delenv("LAMBDACOURSE_ENGINE")
    monkeypatch.setattr("lambdacourse.engine.is_compiled", lambda: False)
    check = doctor.engine()
    assert check.ok is None and "numba" in check.mend


def test_an_engine_that_fails(monkeypatch):
    """numba is there and does not work: that is wrong."""

    def broken(*_, **__):
        raise OSError("no libllvmlite")

    monkeypatch.setattr("lambdacourse.engine.run", broken)
    check = doctor.engine()
    assert check.ok is False and "no libllvmlite" in check.found


def test_what_runs_the_local_lambda(monkeypatch):
    """AWS's native client, the stand-in where it is hidden, and on Windows nothing, which is a note with what to do."""
    assert doctor.local_lambda() == Check("local Lambda", True, "runs with AWS's native client")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "runtime_client" else real(name))
    assert doctor.local_lambda().ok and "the course's client" in doctor.local_lambda().found
    monkeypatch.setattr("lambdacourse.runtime.local.os.name", "nt")
    nothing = doctor.local_lambda()
    monkeypatch.undo()
    assert nothing.ok is None and "WSL" in nothing.mend


def test_folders_that_cannot_be_written(monkeypatch):
    """Progress that cannot be kept is wrong; what is compiled may go to a temporary folder."""
    monkeypatch.setattr(doctor, "is_writable", lambda folder: False)
    monkeypatch.setattr(doctor, "cache_folder", lambda: doctor.Path(doctor.tempfile.gettempdir(), "lambdacourse-abc"))
    cache, progress = doctor.folders()
    assert cache.ok is None and progress.ok is False
    assert "LAMBDACOURSE_HOME" in cache.mend and "LAMBDACOURSE_HOME" in progress.mend


def test_no_browser(monkeypatch):
    """JupyterLab works without one on this machine."""

    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert doctor.browser().ok is None


def test_little_room(monkeypatch):
    """Less than what is needed is wrong."""
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: doctor.shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    check = doctor.disk()
    assert check.ok is False and check.found.startswith("1 MB")


def test_text_that_is_not_utf_8(monkeypatch):
    """Only worth a note."""
    monkeypatch.setattr(doctor.locale, "getencoding", lambda: "cp1252")
    monkeypatch.setattr(sys, "flags", type("flags", (), {"utf8_mode": 0}))
    assert doctor.text().ok is None


def test_a_check_that_breaks_is_a_finding():
    """A broken installation can break a check, and the rest is still told."""

    def some_check():
        raise RuntimeError("torn file")

    first, second = examine(some_check, doctor.disk)
    assert first.ok is False and "torn file" in first.found and first.name == "some check"
    assert second.ok


def test_the_report_is_a_list():
    """A mark, a name, what was found, and below what is wrong the command."""
    checks = [Check("one", True, "1.0"), Check("two", False, "none", "get two"), Check("three", None, "old", "renew")]
    lines = report(checks).splitlines()
    assert lines[0].split() == ["ok", "one", "1.0"]
    assert lines[1].split() == ["WRONG", "two", "none"] and lines[2].strip() == "to mend it: get two"
    assert lines[-1] == "1 thing is wrong."


# The command


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 1)])
def test_exit_code(monkeypatch, capsys, ok, code):
    """1 when something is wrong; a note is not."""
    monkeypatch.setattr(doctor, "EVERYTHING", (lambda: Check("it", ok, "so", "mend"),))
    assert cli.main(["doctor"]) == code
    assert cli.main(["doctor", "--json"]) == code
    text = capsys.readouterr().out
    assert json.loads(text[text.index("[") :]) == [{"name": "it", "ok": ok, "found": "so", "mend": "mend"}]


# The first cell of a notebook


def test_ready():
    """One line with the versions; looked at quickly, without starting the engine."""
    assert repr(check_environment()).startswith("Ready: lambdacourse ")
    assert doctor.engine not in IN_KERNEL and doctor.engine not in BEFORE_LAB


def test_not_ready(versions):
    """What is wrong, with its command."""
    versions["jupyterlab_widgets"] = None
    environment = check_environment()
    assert [check.name for check in environment.wrong] == ["sliders"]
    assert "pip install" in repr(environment) and "Ready" not in repr(environment)


def test_what_the_cell_shows(versions, monkeypatch):
    """When well, a widget and the warning that it hides; when not, the list of what is wrong and no widget."""
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, raw=False: shown.append(data if raw else {"text/html": data.data})
    )
    check_environment()._ipython_display_()
    widget, warning = shown
    assert "application/vnd.jupyter.widget-view+json" in widget and widget["text/plain"].startswith("lambdacourse ")
    assert "cannot show sliders" in warning["text/html"] and "pip install" in warning["text/html"]
    shown.clear()
    versions["numpy"] = "1.26"
    check_environment()._ipython_display_()
    assert [set(data) for data in shown] == [{"text/html", "text/plain"}] and "Not ready" in shown[0]["text/html"]

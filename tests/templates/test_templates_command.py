"""``lambdacourse check-template``, as people type it: what it prints, and how it ends."""

from pathlib import Path

import pytest

from lambdacourse.cli import main

HERE = Path(__file__).parent
API = str(HERE / "samples" / "api.yaml")


def test_clean_template(capsys):
    """Nothing found is said, and is a success."""
    assert main(["check-template", API]) == 0
    assert capsys.readouterr().out == f"{API}: nothing found.\n"


@pytest.mark.parametrize(("name", "code"), [("visibility-timeout", 0), ("scalable-dimension", 1), ("throttles-pass-unseen", 0)])
def test_only_errors_fail(name, code, capsys):
    """Each finding is printed; the exit code is 1 for errors, 0 for warnings and notes."""
    assert main(["check-template", str(HERE / "rules" / f"{name}.yaml")]) == code
    assert name in capsys.readouterr().out


def test_template_is_simulated_under_traffic(capsys):
    """With traffic and a duration, the figures of a short simulation follow; parameters and the account's limit are heeded."""
    arguments = ["--traffic", "Catalogue=50", "--duration", "Catalogue=0.2", "--seconds", "60", "--parameter", "Stage=test"]
    assert main(["check-template", *arguments, API]) == 0
    out = capsys.readouterr().out
    assert "Simulated for 60 s" in out and "Catalogue" in out and "throttle rate" in out
    assert main(["check-template", API, "--limit", "250"]) == 1
    assert "reserved-too-high" in capsys.readouterr().out


def test_a_name_that_is_said_twice(capsys):
    """Of two rates for one function neither is taken: the option and the name are said."""
    assert main(["check-template", API, "--traffic", "Catalogue=50", "--traffic", "Catalogue=60"]) == 1
    assert "--traffic names 'Catalogue' 2 times" in capsys.readouterr().err


def test_errors_stand_before_a_simulation(capsys):
    """What has errors is not simulated."""
    assert main(["check-template", str(HERE / "rules" / "scalable-dimension.yaml"), "--traffic", "Worker=1"]) == 1
    assert "Not simulated: mend the errors first." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.yaml"], "missing.yaml: the file cannot be read"),
        ([API, "--traffic", "Catalogue=50"], "give the duration of Catalogue"),
        ([API, "--traffic", "Nobody=50"], "traffic='Nobody'"),
        ([API, "--parameter", "Stge=test"], "no such parameter"),
    ],
)
def test_what_a_user_can_mend_is_a_sentence(arguments, words, capsys):
    """A wrong name or file is one sentence on stderr, without a traceback."""
    assert main(["check-template", *arguments]) == 1
    err = capsys.readouterr().err
    assert words in err and err.startswith("lambdacourse: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--traffic", "Orders"], ["--traffic", "Orders=x"], ["--limit", "0"], ["--seconds", "-1"]]
)
def test_bad_arguments_are_refused_with_their_rule(arguments, capsys):
    """An argument that is none is refused by the parser, with the rule."""
    with pytest.raises(SystemExit) as caught:
        main(["check-template", API, *arguments])
    assert caught.value.code == 2 and "must be" in capsys.readouterr().err

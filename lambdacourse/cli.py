"""The command ``lambdacourse``. Each subcommand is a few lines that call a room below; what it needs is imported there."""

from __future__ import annotations

import argparse
import datetime
import io
import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from lambdacourse import __version__
from lambdacourse.errors import CourseError
from lambdacourse.files import told_plainly

EXAMPLES = """examples:
  lambdacourse                               make or update lambda-at-scale/ and open it in JupyterLab
  lambdacourse lab my-course --port 8890     the same in another folder, with arguments for JupyterLab
  lambdacourse grade 01-concurrency          points for each task of your exercise, and why some were lost
  lambdacourse reset exercises/01-concurrency
  lambdacourse check-template template.yaml --traffic Orders=100 --duration Worker=0.4
  lambdacourse review template.yaml --metrics metrics.csv --logs logs.txt
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; the exit code. What a user can mend is told in a sentence, without a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # A console that lacks a character shows another one.
    parser = _parser()
    try:
        if _is_for_lab(arguments):
            return lab(arguments[arguments[:1] == ["lab"] :])
        parsed = parser.parse_args(arguments)
        return parsed.run(parsed)
    except CourseError as error:
        print(f"lambdacourse: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `lambdacourse facts | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def lab(arguments: list[str]) -> int:
    from lambdacourse.course.lab import split_lab_arguments, start

    start(*split_lab_arguments(arguments))
    return 0


def doctor(parsed: argparse.Namespace) -> int:
    from lambdacourse.course.doctor import examine, report, report_json

    checks = examine()
    print(report_json(checks) if parsed.json else report(checks))
    return int(any(check.ok is False for check in checks))


def reset(parsed: argparse.Namespace) -> int:
    from lambdacourse.course.workspace import reset

    print(reset(parsed.name, parsed.folder))
    return 0


def grade(parsed: argparse.Namespace) -> int:
    from lambdacourse import workshop
    from lambdacourse.course.workspace import exercises
    from lambdacourse.folders import content

    print("Running your own work as you, without a sandbox. For other people's, this is not the command.", file=sys.stderr)
    graded = workshop.grade(content() / "solutions", exercises(parsed.assignments, parsed.folder))
    print(workshop.as_json(graded) if parsed.json else workshop.as_text(graded))
    return 0


def submit(parsed: argparse.Namespace) -> int:
    from lambdacourse import learner
    from lambdacourse.course.workspace import exercises
    from lambdacourse.workshop.submissions import submit

    for name, notebook in exercises([parsed.assignment], parsed.folder).items():
        print(f"Made {submit(name, notebook, Path.cwd())} of {notebook}. Hand it to your instructor.")
    if learner.is_guest(who := learner.current()):
        print(
            f'The id {who.id} was made up for you. Has your class another for you? Run i_am("your-id") in the exercise, then its '
            "cells from the top, save, and submit again.",
            file=sys.stderr,
        )
    return 0


def workshop(parsed: argparse.Namespace) -> int:
    from tqdm import tqdm

    from lambdacourse.workshop import classroom, collecting, outcomes, pool, reports

    if parsed.what == "init":
        made = classroom.init(parsed.CLASS, parsed.roster)
        print(f"Made {made}. Next: lambdacourse workshop release {shlex.quote(str(made))}")
    elif parsed.what == "release":
        made = classroom.release(parsed.CLASS)
        print(f"Made {made}: give it to your learners, who unpack it into a folder and start `lambdacourse lab FOLDER`.")
    elif parsed.what == "feedback":
        pages = len(reports.feedback(parsed.CLASS, parsed.assignments))
        print(f"Made {pages} {'page' if pages == 1 else 'pages'} in {parsed.CLASS / 'feedback'}.")
        return _told_of_outdated(parsed.CLASS)
    elif parsed.what == "grades":
        with told_plainly(f"{parsed.csv} could not be written"):
            reports.grades(parsed.CLASS, parsed.csv)
        print(f"Made {parsed.csv}.")
        return _told_of_outdated(parsed.CLASS)
    else:
        if parsed.what == "collect":
            found = collecting.collect(parsed.CLASS, parsed.source, _by_name(parsed.owner, "--owner"))
        elif parsed.what == "autograde":
            with tqdm(desc="graded", unit="submission", disable=None, file=sys.stderr) as bar:

                def tell(done: int, of: int) -> None:
                    bar.total = of
                    bar.update(done - bar.n)

                found = pool.autograde(parsed.CLASS, parsed.assignments, parsed.jobs, not parsed.no_sandbox, tell)
        else:
            found = reports.status(parsed.CLASS)
        show = outcomes.as_table if parsed.what == "status" else outcomes.as_text
        print(outcomes.as_json(found) if parsed.json else show(found))
        return int(any(outcome.state == "fault" for outcome in found))
    return 0


def _told_of_outdated(folder: Path) -> int:
    from lambdacourse.workshop import outcomes, reports

    found = reports.outdated(folder)
    if found:
        how = f"`lambdacourse workshop autograde {shlex.quote(str(folder))}` grades what can be graded:"
        print(f"These scores are of what was handed in before; {how}\n{outcomes.as_text(found)}", file=sys.stderr)
    return int(bool(found))


def facts(parsed: argparse.Namespace) -> int:
    from lambdacourse.facts import Facts, older_than, search

    found = search(" ".join(parsed.words))
    if parsed.older_than is not None:
        old = older_than(parsed.older_than)
        found = Facts(fact for fact in found if fact in old)
    print(found or "There is no such fact.")
    return 0


def export(parsed: argparse.Namespace) -> int:
    from lambdacourse.course.edition import export

    print(f"Wrote {export(parsed.folder)} pages. Open {parsed.folder / 'index.html'} in a browser.")
    return 0


def check_template(parsed: argparse.Namespace) -> int:
    from lambdacourse import Account, poisson
    from lambdacourse.templates import check, read

    account, parameters = Account(concurrency_limit=parsed.limit), _by_name(parsed.parameter, "--parameter")
    report = check(parsed.file, account=account, parameters=parameters)
    print(report)
    if parsed.traffic and not report.ok:
        print("Not simulated: mend the errors first.")
    elif parsed.traffic:
        traffic = {name: poisson(rate) for name, rate in _by_name(parsed.traffic, "--traffic").items()}
        deployment = read(parsed.file, traffic, _by_name(parsed.duration, "--duration"), parameters=parameters)
        print(
            f"\nSimulated for {parsed.seconds:g} s:\n{deployment.simulate(account=account, seconds=parsed.seconds).summary()}"
        )
        for sentence in deployment.left_out:
            print(f"Left out: {sentence}")
    return int(not report.ok)


def review(parsed: argparse.Namespace) -> int:
    from lambdacourse import Account, poisson
    from lambdacourse.review import review

    page = review(
        parsed.file,
        metrics=parsed.metrics,
        logs=parsed.logs,
        function=parsed.function,
        deployed_as=parsed.deployed_as,
        traffic={name: poisson(rate) for name, rate in _by_name(parsed.traffic, "--traffic").items()},
        durations=_by_name(parsed.duration, "--duration"),
        parameters=_by_name(parsed.parameter, "--parameter"),
        account=Account(concurrency_limit=parsed.limit),
        seconds=parsed.seconds,
    )
    print(page)
    if parsed.html:
        parsed.html.write_text(page.html, encoding="utf-8")
        print(f"\nMade {parsed.html}.")
    return int(not page.findings.ok)


def bench(parsed: argparse.Namespace) -> int:
    import json

    from lambdacourse import bench

    data = bench.report(with_labs=parsed.labs, with_grading=parsed.grading)
    print(json.dumps(data, indent=1) if parsed.json else bench.as_text(data))
    if parsed.plot:
        bench.plot(data).savefig(parsed.plot)
        print(f"Made {parsed.plot}.", file=sys.stderr)
    return 0


def refresh(parsed: argparse.Namespace) -> int:
    from lambdacourse.course import lessons
    from lambdacourse.facts import assumptions_page
    from lambdacourse.workshop import release_all

    root = Path.cwd()
    if not all((root / part).is_dir() for part in ("lessons", "solutions", "exercises")):
        raise CourseError(f"{root} is no checkout of the course: there is no lessons/, solutions/ and exercises/ in it.")

    took = []

    def tell(name: str, seconds: float) -> None:
        took.append(seconds)
        print(f"{name:32} run in {seconds:5.1f} s", flush=True)

    stale = lessons.refresh(root, parsed.names, not parsed.check, tell)
    if len(took) > 1:
        print(f"{'all of them':32} run in {sum(took):5.1f} s")
    stale += release_all(root, keep=not parsed.check)
    page = root / "lambdacourse" / "ASSUMPTIONS.md"
    if page.exists() and page.read_text(encoding="utf-8") != assumptions_page():
        stale.append("lambdacourse/ASSUMPTIONS.md")
        if not parsed.check:
            page.write_text(assumptions_page(), encoding="utf-8", newline="\n")
    print("\n".join(f"{'out of date' if parsed.check else 'made again'}: {name}" for name in stale) or "All is up to date.")
    return int(bool(stale) and parsed.check)


def drill(parsed: argparse.Namespace) -> int:
    if parsed.export:
        from lambdacourse import learner
        from lambdacourse.drill import bank
        from lambdacourse.drill.export import export

        print(f"{export(bank.load().about(parsed.topic), learner.current(), parsed.export)} cards are in {parsed.export}.")
    elif parsed.statistics:
        from lambdacourse.drill.bank import load
        from lambdacourse.drill.statistics import as_text, statistics

        print(as_text(statistics(load().about(parsed.topic))))
    elif parsed.resting_on:
        from lambdacourse.drill import bank
        from lambdacourse.drill.interview import scenario
        from lambdacourse.facts import fact

        try:
            for name in parsed.resting_on:
                fact(name)
        except KeyError as problem:
            raise CourseError(problem.args[0]) from None
        found = [f"{each.id}: {each.text}" for each in bank.load().resting_on(*parsed.resting_on)]
        found += [f"{each.id}: a mock interview" for each in scenario.load().values() if {*each.facts} & {*parsed.resting_on}]
        print("\n".join(found) or "No question rests on that.")
    else:
        from lambdacourse.drill.session import Session
        from lambdacourse.drill.terminal import drill

        drill(Session(parsed.topic, parsed.minutes))
    return 0


def pretest(parsed: argparse.Namespace) -> int:
    from lambdacourse.drill.pretest import Pretest
    from lambdacourse.drill.terminal import drill

    drill(Pretest())
    return 0


def progress(parsed: argparse.Namespace) -> int:
    import json

    from rich.console import Console

    from lambdacourse.progress import progress_map

    found = progress_map()
    if parsed.json:
        print(json.dumps(found.as_data(), indent=1, ensure_ascii=False))
        return 0
    Console().print(found.table())
    print("\n".join([found.closing, *found.notices]))
    return 0


def interview(parsed: argparse.Namespace) -> int:
    asked = parsed.level, parsed.minutes, parsed.seed, parsed.scenario
    if parsed.sheet:
        from lambdacourse.drill.interview.interview import prepare
        from lambdacourse.drill.interview.sheet import sheet

        print(sheet(prepare(*asked)), end="")
    else:
        from lambdacourse.drill.interview.terminal import run

        run(*asked)
    return 0


def plan(parsed: argparse.Namespace) -> int:
    from lambdacourse.course.workspace import content
    from lambdacourse.drill import bank, history
    from lambdacourse.drill.plan import plan, remember, remembered
    from lambdacourse.grading.exercises import MODULES, exercise

    today = datetime.date.today()
    if parsed.date:
        remember(parsed.date, parsed.hours, today)
    lessons = sorted(path.stem for path in (content() / "lessons").glob("0[1-9]-*.ipynb"))
    tasks = {name: [task.name for task in exercise(name).tasks] for name in MODULES}
    print(plan(bank.load(), history.read()[0], lessons, tasks, *remembered(today), today))
    return 0


def _parser() -> argparse.ArgumentParser:
    about = "AWS Lambda at scale, learned by doing, in JupyterLab. Needs no AWS account and no network."
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("lambdacourse", description=about, epilog=EXAMPLES, formatter_class=plain)
    parser.add_argument("--version", action="version", version=f"lambdacourse {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = _add(commands, "lab", "open the course in JupyterLab; what runs without any command", None)
    command.usage = "lambdacourse lab [FOLDER] [arguments for JupyterLab ...]"
    command.add_argument("FOLDER", nargs="?", help="where the course is or shall be (default: lambda-at-scale, here)")
    command.epilog = "Further arguments go to JupyterLab, such as --no-browser or --port 8890; `jupyter lab --help` lists them."

    command = _add(commands, "doctor", "check this machine; say what is wrong and what mends it", doctor)
    command.add_argument("--json", action="store_true", help="for machines")

    command = _add(commands, "grade", "grade your exercises, with cases that the notebooks do not show", grade)
    command.add_argument("assignments", metavar="ASSIGNMENT", nargs="*", help="such as 01-concurrency (default: all)")
    command.add_argument("--json", action="store_true", help="for machines")
    command.add_argument("--folder", type=Path, help="the course folder, when it is not here")
    command.epilog = "Runs the real nbgrader in a throw-away folder, on your own work as yourself: without a sandbox."

    command = _add(commands, "submit", "pack an exercise for your instructor, as ASSIGNMENT-ID.zip", submit)
    command.add_argument("assignment", metavar="ASSIGNMENT", help="such as 01-concurrency")
    command.add_argument("--folder", type=Path, help="the course folder, when it is not here")

    _add_workshop(_add(commands, "workshop", "for instructors: a class, from its roster to its grades", workshop))

    command = _add(commands, "drill", "interview questions, until they stick: those that are due first", drill)
    command.add_argument("--topic", default="", help="such as limits, or a lesson, such as 01 (default: all)")
    command.add_argument("--minutes", type=_number, default=10, help="how long (default: %(default)s)")
    what = "write the questions as flashcards instead: CSV when FILE ends in .csv, else text for Anki"
    command.add_argument("--export", type=Path, metavar="FILE", help=what)
    command.add_argument(
        "--statistics", action="store_true", help="show instead what you know, by topic, and how well you judge it"
    )
    command.add_argument("--resting-on", nargs="+", metavar="FACT", help="for authors: list the questions that rest on a fact")

    _add(commands, "pretest", "what you know already: one question a lesson, before you begin", pretest)

    command = _add(commands, "progress", "how far you are in lessons, exercises and cards, and what comes next", progress)
    command.add_argument("--json", action="store_true", help="for machines")
    command = _add(commands, "interview", "a mock interview against the clock, and its scorecard", interview)
    command.add_argument("--level", choices=("junior", "senior", "staff"), default="senior", help="(default: %(default)s)")
    command.add_argument("--minutes", type=_number, default=45, help="how long (default: %(default)s)")
    command.add_argument("--seed", type=_count, metavar="N", help="the same scenario and numbers for everybody")
    command.add_argument("--scenario", default="", metavar="NAME", help="which (default: one that you had least often)")
    what = "print the interviewer's sheet instead, for two people: what to say, rubrics, follow-ups"
    command.add_argument("--sheet", action="store_true", help=what)
    command.epilog = "Ctrl-C stops it and its clock; the same command goes on from there."

    command = _add(commands, "plan", "each day's lessons, tasks, cards and mock interviews, until the interview", plan)
    command.add_argument("--date", type=_date, metavar="YYYY-MM-DD", help="the day of the interview; kept for the next time")
    command.add_argument("--hours", type=_number, default=1, help="how many hours a day (default: %(default)s)")
    command.epilog = "Run it again at any time: what you have done is left out, and days that you missed are planned again."

    command = _add(commands, "reset", "put one notebook back, keeping yours beside it", reset)
    command.add_argument("name", metavar="NAME", help="such as 00-welcome, lessons/01-concurrency or exercises/01-concurrency")
    command.add_argument("--folder", type=Path, help="the course folder, when it is not here")

    command = _add(commands, "facts", "the figures of the course, with their sources and dates", facts)
    command.add_argument("words", metavar="WORDS", nargs="*", help="all of which the fact has (default: every fact)")
    command.add_argument("--older-than", type=_days, metavar="DAYS", help="those to check again: last checked before DAYS days")

    command = _add(commands, "export", "write the course as pages to read: offline, on a phone, without Python", export)
    command.add_argument("folder", metavar="FOLDER", type=Path, help="new, empty, or with an earlier export")

    command = _add(
        commands, "check-template", "what is wrong with a CloudFormation or SAM template, and what mends it", check_template
    )
    _add_template(command, 600, "simulate it too, with")
    command.epilog = "A NAME is the logical ID in the template. Fails when there are errors; warnings and notes are no errors."

    what = "your own function: what its template, metrics and logs say, what the simulator says, and what to change"
    command = _add(commands, "review", what, review)
    _add_template(command, 3600, "the traffic, where no metrics say it:")
    command.add_argument("--metrics", metavar="FILE", type=Path, help="what CloudWatch exported: Invocations, Throttles, …")
    command.add_argument("--logs", metavar="FILE", type=Path, help="a file with REPORT lines")
    command.add_argument("--function", metavar="NAME", help="which function, where the template has several")
    command.add_argument("--deployed-as", metavar="NAME", help="what it is called in AWS, where that is another name")
    command.add_argument("--html", metavar="FILE", type=Path, help="write the page here too, to open in a browser")
    command.epilog = "A NAME is the logical ID in the template. Nothing leaves this machine."

    command = _add(commands, "bench", "how fast the simulator is on this machine", bench)
    command.add_argument("--labs", action="store_true", help="and how fast the labs answer a slider")
    command.add_argument("--grading", action="store_true", help="and a class of 30 graded: nbgrader alone, and in sandboxes")
    command.add_argument(
        "--plot", metavar="FILE", type=Path, help="and a picture (PNG): what a request costs, here and elsewhere"
    )
    command.add_argument("--json", action="store_true", help="for machines")

    command = _add(commands, "refresh", "for authors, in a checkout: make again what is made from something else", refresh)
    command.add_argument("names", metavar="LESSON", nargs="*", help="which lessons to run (default: all)")
    command.add_argument(
        "--check", action="store_true", help="change nothing; say what is out of date, and fail if something is"
    )
    return parser


def _add(commands: argparse._SubParsersAction, name: str, what: str, run) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    command.set_defaults(run=run)
    return command


def _add_workshop(command: argparse.ArgumentParser) -> None:
    commands = command.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="what")
    for name, what in (
        ("init", "make the folder of a class"),
        ("release", "release the exercises, and pack what learners get"),
        ("collect", "put what learners handed in into the class"),
        ("autograde", "grade what is new, each submission in a sandbox"),
        ("feedback", "make the pages that learners get back"),
        ("grades", "write all scores as CSV"),
        ("status", "what is graded, what waits, what is missing, and why"),
    ):
        each = _add(commands, name, what, workshop)
        each.add_argument("CLASS", type=_folder, help="the folder of the class")
        if name == "init":
            each.add_argument("--roster", type=Path, help="a CSV file with the columns id, first_name, last_name, email")
        if name == "collect":
            each.add_argument("source", type=Path, help="an ASSIGNMENT-ID.zip, a folder of them, or nbgrader's exchange")
            each.add_argument(
                "--owner",
                type=_owner,
                action="append",
                default=[],
                metavar="FILE=ID",
                help="whose a file is, named as the notes show it",
            )
        if name in ("autograde", "feedback"):
            each.add_argument("assignments", metavar="ASSIGNMENT", nargs="*", help="such as 01-concurrency (default: all)")
        if name == "autograde":
            each.add_argument("--jobs", type=int, help="how many at a time (default: one each core)")
            each.add_argument("--no-sandbox", action="store_true", help="only where you trust everyone whose code you run")
        if name == "grades":
            each.add_argument("--csv", type=Path, required=True, help="the file to write")
        if name in ("collect", "autograde", "status"):
            each.add_argument("--json", action="store_true", help="for machines")


def _add_template(command: argparse.ArgumentParser, seconds: int, traffic: str) -> None:
    command.add_argument("file", metavar="TEMPLATE", type=Path, help="CloudFormation or SAM, YAML or JSON")
    of_each, more = {"action": "append", "default": []}, "; may be given several times"
    what = f"{traffic} so many messages or requests a second for a queue, a stream or a function{more}"
    command.add_argument("--traffic", metavar="NAME=RATE", type=_named_number, help=what, **of_each)
    what = f"how long a function runs, which no template says{more}"
    command.add_argument("--duration", metavar="NAME=SECONDS", type=_named_number, help=what, **of_each)
    command.add_argument("--seconds", type=_number, default=seconds, help="how long to simulate (default: %(default)s)")
    command.add_argument(
        "--parameter", metavar="NAME=VALUE", type=_named, help=f"of the template, over its default{more}", **of_each
    )
    command.add_argument(
        "--limit", metavar="N", type=_count, default=1_000, help="the account's concurrency (default: %(default)s)"
    )


def _owner(text: str) -> tuple[str, str]:
    name, equals, id = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} must be FILE=ID")
    return name, id


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) > 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of days from 0 to 36500")
    return int(text)


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be a day such as 2027-01-31") from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 to 1000000")
    return int(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0 and below 1,000,000,000")
    return number


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name a folder")
    return Path(text)


def _named(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not name or not found:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE")
    return name, value


def _by_name(pairs: list[tuple[str, Any]], option: str) -> dict[str, Any]:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise CourseError(f"{option} names {name!r} {count} times. Say it once.")
    return dict(pairs)


def _named_number(text: str) -> tuple[str, float]:
    name, value = _named(text)
    return name, _number(value)


def _is_for_lab(arguments: list[str]) -> bool:
    """``lambdacourse``, ``lambdacourse lab …`` and ``lambdacourse --port 8890``; but not a call for help or for the version."""
    if not arguments:
        return True
    if arguments[0] == "lab":
        return not {"-h", "--help"} & set(arguments)
    return arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")


if __name__ == "__main__":
    sys.exit(main())

"""The mock interview: its scenarios, its rounds against a clock, its scorecard, its records."""

import json
import math
import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from lambdacourse.cli import main
from lambdacourse.drill import bank, history
from lambdacourse.drill.asking import with_unit
from lambdacourse.drill.deck import Deck
from lambdacourse.drill.interview import record as records
from lambdacourse.drill.interview import scenario as scenarios
from lambdacourse.drill.interview.interview import CLARIFY, DESIGN, NOTHING, OUT_OF_TIME, begin, prepare, unfinished
from lambdacourse.drill.interview.record import Entry
from lambdacourse.drill.interview.scenario import LEVELS, ROUNDS, TalkItem
from lambdacourse.drill.interview.scorecard import finish, scorecard
from lambdacourse.drill.interview.sheet import sheet
from lambdacourse.drill.interview.systems import simulated
from lambdacourse.drill.questions import Range
from lambdacourse.errors import CourseError
from lambdacourse.facts import fact
from lambdacourse.learner import Numbers

ROOT = Path(__file__).parents[2]
QUICK = "everything-serverless"
ALL = scenarios.load()


@pytest.fixture(autouse=True)
def home(own_home, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_LEARNER", "ada")
    return own_home


class Clock:
    """A clock that tests wind."""

    def __init__(self):
        self.time = 1_000.0

    def __call__(self):
        return self.time

    def wind(self, minutes):
        self.time += 60 * minutes


@pytest.fixture
def clock():
    return Clock()


def go_to(interview, round):
    """Pass over all that comes before a round."""
    while (step := interview.step()) and step.round != round:
        interview.end(step)
    return step


# --- the scenarios


def test_scenarios_are_sound():
    """Every scenario fits the schema; its facts, places, cards, functions, values and systems exist."""
    assert [str(problem) for problem in ALL.problems] == []
    assert len(ALL) >= 4
    for each in ALL.values():
        assert scenarios.check(each, bank.load(), ROOT / "lessons") == []


@pytest.mark.parametrize("id", ALL)
def test_model_keeps_every_objective_and_the_start_does_not(id):
    """With the largest values of a scenario, its model design keeps everything; the design that the knobs start at breaks something."""
    scenario = ALL[id]
    most = {name: each.most if isinstance(each, Range) else max(each) for name, each in scenario.parameters.items()}
    values = dict(most)
    for name, figure in scenario.figures.items():
        values[name] = scenarios.work_out(figure, values)
    start = {knob.name: knob.start for knob in scenario.design.knobs}
    model, first = (simulated(scenario.design.system, values, knobs).measures for knobs in (scenario.design.model, start))
    assert [each.measure for each in scenario.design.objectives if not each.kept(model[each.measure], values)] == []
    assert [each.measure for each in scenario.design.objectives if not each.kept(first[each.measure], values)] != []


def waits(rate_in, rate_out, seconds):
    queue = 0.0
    for _ in range(round(seconds)):
        queue = max(0.0, queue + rate_in - rate_out)
    return queue


def climbs(environments):
    allowed, seconds = fact("scaling_bucket_depth").value, 0
    while allowed < environments:
        allowed, seconds = allowed + fact("scaling_rate").value / fact("scaling_period").value, seconds + 1
    return seconds


def cold_share(gap, keep):
    gaps = random.Random(3)
    return 100 * sum(gaps.expovariate(1 / gap) > keep for _ in range(200_000)) / 200_000


def busy_from_a_timeline(rate, seconds):
    """Requests of a second that come evenly: how many of them overlap in a moment long after the first."""
    moment = 10 * seconds
    return sum(1 for n in range(int(rate * moment) + 1) if n / rate <= moment < n / rate + seconds)


SECOND_WAYS = {
    ("100000-a-second", "environments"): lambda v: busy_from_a_timeline(v["rate"], v["duration_ms"] / 1_000),
    ("100000-a-second", "limit"): lambda v: next(n for n in range(10**6) if n >= v["environments"] - 1e-6 and 10 * n >= v["rate"]),
    ("100000-a-second", "climb"): lambda v: climbs(v["environments"]),
    ("100000-a-second", "calls"): lambda v: sum(1 for _ in range(0, int(v["rate"]), int(v["batch"]))),
    ("image-pipeline", "busy"): lambda v: busy_from_a_timeline(v["peak"], v["each_s"]),
    ("image-pipeline", "handled"): lambda v: sum(1 / v["each_s"] for _ in range(int(v["limit"] - v["others"]))),
    ("image-pipeline", "waiting"): lambda v: waits(v["peak"], v["handled"], 900),
    ("image-pipeline", "drained"): lambda v: next(
        m for m in range(10**5) if v["waiting"] + (v["quiet"] - v["handled"]) * 60 * m / 100 <= 0
    ) / 100,
    ("image-pipeline", "hidden_for"): lambda v: sum(5 for _ in range(6) for _ in range(int(v["batch"]))),
    ("own-lambda", "sandboxes"): lambda v: busy_from_a_timeline(v["rate"] / 100, v["mean_ms"] / 1_000) * 100,
    ("own-lambda", "workers"): lambda v: v["sandboxes"] * v["memory_mb"] * 2**20 / (v["worker_gb"] * 2**30),
    ("own-lambda", "cold"): lambda v: cold_share(v["gap_min"], v["keep_min"]),
    ("own-lambda", "rarer"): lambda v: cold_share(600, v["keep"]),
    ("everything-serverless", "requests"): lambda v: v["api_rate"] * 86_400 * (730 / 24),
    ("everything-serverless", "on_lambda"): lambda v: v["requests"] / 1e6 * (0.20 + 0.115 * 16.6667),
    ("everything-serverless", "tasks"): lambda v: next(n for n in range(1, 99) if n * v["per_task"] >= 1.5 * v["api_rate"]),
    ("everything-serverless", "on_containers"): lambda v: v["tasks"] * 730 * (0.04048 + 2 * 0.004445),
    ("everything-serverless", "crossing"): lambda v: 2 * 730 * 0.04937 / (730 * 3_600 * (0.20 + 0.115 * 16.6667) / 1e6),
}  # fmt: skip
"""Each number once more: by counting, by steps, by chance, with the price list's figures; not by the answer's own function."""


@pytest.mark.parametrize("seed", (1, 2, 3))
@pytest.mark.parametrize(("id", "number"), [(each.id, number.id) for each in ALL.values() for number in each.numbers])
def test_number_agrees_with_a_second_way(id, number, seed):
    """A number of an interview is what an independent second way gives, from the values that the candidate sees."""
    interview = begin("staff", seed=seed, scenario=id)
    interview._append("given", DESIGN, knobs=interview.scenario.design.model, measures=dict.fromkeys(("monthly",), 1.0))
    item = next(each for each in interview.scenario.numbers if each.id == number)
    assert interview.truth(item) == pytest.approx(SECOND_WAYS[id, number](interview.known()), rel=0.02)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{deadline} minutes", "{dead} minutes", "requirement wait shows {dead}, which is not known by then"),
        (
            'level = "senior"',
            'level = "principal"',
            "requirements.4.level='principal': input should be 'junior', 'senior' or 'staff'",
        ),
        ("tries = 4", "tries = 0", "design.tries=0: input should be greater than or equal to 1"),
        ("start = 1769", "start = 1770", "design.knobs.1: start=1770.0 is none of the values"),
        ('needs = ["others"]', 'needs = ["friends"]', "handled needs 'friends', which is no requirement"),
        ('id = "size"', 'id = "loss"', "the id 'loss' is used twice"),
        ("visibility = 90", "", "design: model must have a value for every knob"),
        ('heard = ["wait"', 'herd = ["wait"', "requirements.1.heard is missing"),
        ("most = 0\n", "", "design.objectives.0: it needs most or least, and not both"),
        ("[[estimates]]", "[[estimates", "not valid TOML"),
    ],
)
def test_broken_scenario_is_told_with_file_line_and_rule(tmp_path, old, new, words):
    """What is wrong is a sentence with file, line of its table (1: the whole), and rule; the other scenarios stay usable."""
    text = (scenarios.FOLDER / "image-pipeline.toml").read_text(encoding="utf-8")
    before = text[: text.index(old)]
    file = tmp_path / "image-pipeline.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = scenarios.read([file, scenarios.FOLDER / f"{QUICK}.toml"])
    assert list(found) == [QUICK]
    (problem,) = [each for each in found.problems if words in str(each)]
    heads = [before.count("\n", 0, head.start()) + 1 for head in re.finditer(r"^\[(?!design\.model)", before, re.MULTILINE)]
    line = heads[-1] if re.match(r"\w+\.\d|design", words) else before.count("\n") + 1 if "TOML" in words else 1
    assert (problem.file, problem.line) == (file.name, line)


def test_what_a_scenario_names_must_be_there():
    """A function, a card or a system that is not there is named, with the item that names it."""
    scenario = ALL[QUICK]
    wrong = scenario.model_copy(
        update={
            "estimates": (
                scenario.estimates[0].model_copy(update={"answer": "interview.nothing", "cards": ("no-such-card",)}),
            ),
            "design": scenario.design.model_copy(update={"system": "nothing"}),
        }
    )
    said = "\n".join(scenarios.check(wrong, bank.load(), ROOT / "lessons"))
    for words in ("no function interview.nothing", "no question 'no-such-card'", "no system 'nothing'"):
        assert words in said


# --- clarify


@pytest.mark.parametrize(
    ("id", "question", "heard"),
    [
        ("100000-a-second", "How long does one report take?", {"duration"}),
        ("100000-a-second", "May we lose any of them?", {"loss"}),
        ("100000-a-second", "are there bursts", {"rise"}),
        ("image-pipeline", "What is the concurrency limit of the account?", {"others"}),
        ("own-lambda", "Do customers trust each other?", {"trust"}),
        ("everything-serverless", "Why do they want that?", {"why"}),
        ("everything-serverless", "What is your favourite colour?", set()),
    ],
)
def test_question_is_heard_by_its_words(id, question, heard):
    """A question in plain words is answered with what it asks for; one about something else is not answered."""
    interview = begin(seed=4, scenario=id)
    reply = interview.ask(question)
    assert heard <= interview.asked and (not heard) == (reply == NOTHING)


def test_what_was_never_asked_counts(clock):
    """Each requirement of the level that was not asked for costs its point; those that were misheard can be claimed after the clock."""
    interview = begin("junior", seed=1, scenario=QUICK, now=clock)
    expected = [each.id for each in interview.scenario.requirements if each.level == "junior"]
    assert interview.ask("why?") != NOTHING
    assert interview.ask("gibberish") == NOTHING
    assert {each.id for each in interview.unasked()} == set(expected) - {"why"}
    assert interview.misheard() == ["gibberish"]
    interview.also_asked(("latency",))
    assert interview.misheard() == []
    requirements = [line for line in scorecard(interview).of("clarify") if line.what.startswith("asks ") and line.checked]
    assert (sum(line.had for line in requirements), len(requirements)) == (2, len(expected))


# --- estimate


def test_estimate_is_carried_on_right_or_wrong():
    """The next number is worked out from the candidate's own, with a note that says so once; the true number is right too."""
    interview = begin("senior", seed=1, scenario=QUICK)
    step = go_to(interview, "estimate")
    right = interview.truth(step.item)
    interview.answer(step, 2 * right)
    step = interview.step()
    assert step.id == "on_lambda"
    assert interview.notes(step.item) == [f"I go on with your {2 * right:,.0f} requests; it is {right:,.0f} requests."]
    mark = interview.answer(step, 2e-6 * right * (0.20 + 0.115 * 16.6667))
    assert (mark.share, mark.says) == (1.0, "Right.")
    assert "I go on" not in "".join(interview.notes(interview.step().item))
    interview = begin("senior", seed=1, scenario=QUICK)
    step = go_to(interview, "estimate")
    right = interview.truth(step.item)
    interview.answer(step, 10 * right)
    mark = interview.answer(interview.step(), 1e-6 * right * (0.20 + 0.115 * 16.6667))
    assert (mark.share, mark.says) == (1.0, "Right, from the true numbers.")


def test_note_on_a_carried_number_is_said_once():
    """The candidate's number is named where it is first gone on with; what nobody asked for is told where it is first needed."""
    interview = begin("senior", seed=1, scenario="100000-a-second")
    step = go_to(interview, "estimate")
    assert [note for note in interview.notes(step.item) if note.startswith("You have not asked how long")] != []
    interview.answer(step, 5 * interview.truth(step.item))
    first = interview.step()
    assert [note[:9] for note in interview.notes(first.item)] == ["I go on w"]
    interview.answer(first, interview.truth(first.item))
    assert [note[:9] for note in interview.notes(interview.step().item)] == ["You have "]
    interview.ask("how does it rise?")
    assert interview.notes(interview.step().item) == []


def test_estimate_of_the_right_size_is_half_right():
    """Within the tolerance an estimate is right, within a factor of two half right, and a misconception is named as such."""
    interview = begin("senior", seed=1, scenario="image-pipeline")
    step = go_to(interview, "estimate")
    right = interview.truth(step.item)
    marks = [
        interview._mark(step.item, value) for value in (1.05 * right, 1.6 * right, 5 * right, interview.record.values["peak"])
    ]
    assert [mark.share for mark in marks] == [1.0, 0.5, 0.0, 0.0]
    assert "only for requests of one second" in marks[3].says


def test_number_that_leads_nowhere_is_replaced():
    """Where nothing follows from the candidate's number, the interviewer says so and goes on with the true one."""
    interview = begin("senior", seed=1, scenario="image-pipeline")
    go_to(interview, "estimate")
    for value in (2_000, 50, 1e6):
        interview.answer(interview.step(), value)
    step = interview.step()
    assert step.id == "drained"
    assert any("With your 50 images/s there is no answer" in note for note in interview.notes(step.item))
    assert math.isfinite(interview.truth(step.item)) and interview.truth(step.item) > 0


# --- design


def test_objective_nobody_asked_for_is_hidden_and_counts():
    """An objective is shown when its requirement was asked for; after the first try all are; a broken one costs its point in any case."""
    interview = begin("senior", seed=1, scenario=QUICK)
    interview.ask("what may it cost?")
    step = go_to(interview, "design")
    assert [each.measure for each in interview.shown()] == ["monthly"]
    start = {knob.name: knob.start for knob in step.item.knobs}
    attempt = interview.try_design(start)
    assert {objective.measure: kept for objective, _, kept in attempt.judged} == {
        "cut": False,
        "slow": True,
        "late": True,
        "monthly": False,
    }
    assert len(interview.shown()) == 4
    interview.end(interview.step())
    lines = {
        line.what.partition(":")[0]: line
        for line in scorecard(interview).expected
        if "of the report" in line.what or "month" in line.what
    }
    cut = next(line for what, line in lines.items() if what.startswith("Minutes"))
    assert cut.had == 0 and "Nobody asked for it." in cut.says


def test_last_try_is_the_design_and_the_next_question_builds_on_it():
    """After the last try the round is over; the deep dive asks about the knobs of the last try."""
    interview = begin("senior", seed=1, scenario="image-pipeline")
    step = go_to(interview, "design")

    def measured(knobs):
        lost = 0.0 if knobs["batch"] == 5 else 9.0
        return type("Outcome", (), {"measures": {"lost": lost, "minutes": 1.0, "twice": 0.0, "left": 300.0, "million": 60.0}})

    interview._simulate = measured
    for batch in (1, 5, 10, 5):
        interview.try_design({**step.item.model, "batch": batch})
    step = interview.step()
    assert step.id == "hidden_for" and "batches of up to 5" in interview.text(step)
    assert interview.truth(step.item) == 150
    assert [line.says for line in scorecard(interview).of("design") if "given up" in line.what] == [
        "0 images. Nobody asked for it."
    ]


def test_without_a_design_the_interviewers_is_taken():
    """A round without a try leaves the model design for what builds on it, and says so."""
    interview = begin("senior", seed=1, scenario=QUICK)
    step = go_to(interview, "deep dive")
    assert interview.record.of("given")[0].knobs == interview.scenario.design.model
    assert "Your design costs $" in interview.text(step)
    assert scorecard(interview).of("cost")[0].says == "left out"


# --- talk


def test_follow_up_asks_for_what_was_not_said():
    """The interviewer asks next about what an answer did not mention; a spoken answer gets the first; the level says how many."""
    interview = begin("staff", seed=1, scenario="100000-a-second")
    interview._simulate = lambda knobs: type(
        "Outcome", (), {"measures": dict.fromkeys(("lost", "late", "connections", "hourly"), 1.0)}
    )
    interview.end(go_to(interview, "deep dive"))
    step = interview.step()
    assert step.id == "poison"
    interview.say(step, "The iterator age grows.")
    assert interview.follow_up(step).text.startswith("The rest of the batch")
    interview.say(interview.step(), "")
    assert interview.follow_up(step).text.startswith("Who looks")
    interview.say(interview.step(), "Me.")
    assert interview.step().id == "neighbours"
    interview.say(interview.step(), "")
    assert interview.follow_up(interview.step()).text == "Why not just raise the limit?"


@pytest.mark.parametrize("id", ALL)
def test_levels_ask_and_expect_more(id):
    """Whatever is asked of a junior is asked of a senior, and more; points above the level count for it and never against it."""
    asked, expected = [], []
    for level in LEVELS:
        interview = begin(level, seed=1, scenario=id)
        asked.append({step.id for step in interview.steps})
        expected.append({line.what for line in scorecard(interview).expected})
    assert asked[0] < asked[1] <= asked[2] and expected[0] < expected[1] < expected[2]
    junior = begin("junior", seed=1, scenario=id)
    talk = next(
        each for each in junior.scenario.talks if each.level == "junior" and any(p.level != "junior" for p in each.rubric)
    )
    junior._append("said", talk.id)
    junior.score(talk, (True,) * len(talk.rubric))
    with_it = scorecard(junior)
    assert len(with_it.beyond) == sum(point.level != "junior" for point in talk.rubric)
    assert all(line.had for line in with_it.expected if line.what in {p.point for p in talk.rubric})


# --- the clock


def test_rounds_end_when_their_time_is_over(clock):
    """A round's part of the time ends it, what was not reached is kept as that, and no round takes the next one's part."""
    interview = begin("senior", 50, seed=1, scenario=QUICK, now=clock)
    assert sum(ROUNDS.values()) == pytest.approx(1)
    assert interview.left("clarify") == "6:00 left of this round, 50:00 in all"
    clock.wind(5.9)
    assert interview.step().id == CLARIFY
    interview.ask("why")
    clock.wind(0.2)
    step = interview.step()
    assert step.round == "estimate" and interview.record.of("closed", item=CLARIFY)[0].says == OUT_OF_TIME
    clock.wind(20)  # an answer that was begun in time counts, however long it took
    assert interview.answer(step, interview.truth(step.item)).share == 1
    step = interview.step()
    assert step.id == DESIGN
    assert {each.item for each in interview.record.of("closed")} == {CLARIFY, "on_lambda", "tasks", "on_containers"}
    assert "not reached in time" in {line.says for line in scorecard(interview).of("estimate")}
    clock.wind(100)
    assert interview.step() is None
    taken = scorecard(interview).times
    assert taken["clarify"] == (6.0, pytest.approx(6.1, abs=0.01))
    assert taken["estimate"][1] == pytest.approx(20, abs=0.1)


def test_clock_stands_still_in_a_pause_and_while_simulating(clock, monkeypatch):
    """Time between stopping and going on, and time of the simulator, is nobody's."""
    interview = begin("senior", 45, seed=1, scenario=QUICK, now=clock)
    clock.wind(3)
    interview.pause()
    clock.wind(600)
    again = unfinished(clock)
    assert again.elapsed == pytest.approx(180) and again.record.pauses == 1
    clock.wind(1)
    assert again.elapsed == pytest.approx(240)
    go_to(again, "design")

    def slowly(*_):
        clock.wind(30)
        return simulated(*_)

    monkeypatch.setattr("lambdacourse.drill.interview.systems.simulated", slowly)
    again.try_design(again.scenario.design.model)
    assert again.elapsed == pytest.approx(240)


# --- the scorecard and the records


def whole(interview, points=True):
    """An interview in which everything is said, right; every point of every rubric is ticked, or none."""
    for each in interview.scenario.requirements:
        interview.ask(each.heard[0])
    while step := interview.step():
        match step.item:
            case None:
                interview.end(step)
            case TalkItem():
                interview.say(step, "aloud" if points else "")
            case _ if step.id == DESIGN:
                interview.try_design(step.item.model)
                interview.end(step)
            case item:
                interview.answer(step, interview.truth(item) if points else 0.001 * interview.truth(item), "typed")
    for item in interview.to_score():
        interview.score(item, (points,) * len(item.rubric))
    return interview


def test_scorecard_recomputed_by_hand():
    """The points by competence are counted from the scenario by hand; their sum is the share; what failed most is to be studied first."""
    interview = whole(begin("senior", seed=1, scenario=QUICK), points=False)
    card, scenario = scorecard(interview), interview.scenario
    rubric = [point for talk in scenario.talks for point in talk.rubric if point.level != "staff"]
    requirements = sum(each.level != "staff" for each in scenario.requirements)
    assert card.points["clarify"] == (requirements, requirements + sum(point.competence == "clarify" for point in rubric))
    assert card.points["estimate"] == (0, 5 + sum(point.competence == "estimate" for point in rubric))
    assert card.points["cost"] == (1, 1 + sum(point.competence == "cost" for point in rubric))
    assert card.points["design"] == (3, 3 + sum(point.competence == "design" for point in rubric))
    total = requirements + 5 + 4 + len(rubric)
    assert card.share == pytest.approx((requirements + 4) / total)
    failed = [line.place for line in card.expected if line.had < 0.6]
    assert failed.count(card.study[0]) == max(failed.count(place) for place in failed)
    perfect = scorecard(whole(begin("senior", seed=1, scenario=QUICK)))
    assert perfect.share == 1 and perfect.study == []


def test_record_is_read_back_as_json_and_markdown(home):
    """The record has all that was said; a second interview of the day has a file of its own, and no page is written over."""
    interview = whole(begin("senior", seed=1, scenario=QUICK), points=False)
    card, page = finish(interview)
    back = records.read(interview.file)
    assert back == interview.record and back.state == "done"
    data = json.loads(interview.file.read_text(encoding="utf-8"))
    assert data["scorecard"]["points"] == {name: list(pair) for name, pair in card.points.items()}
    text = page.read_text(encoding="utf-8")
    assert f"{card.share:.0%} of what is expected" in text
    had, of = card.points["clarify"]
    assert f"| clarify | {had:g} | {of} |" in text
    for line in card.expected:
        assert line.what in text
    page.write_text("mine", encoding="utf-8")
    finish(interview)
    assert page.read_text(encoding="utf-8") == "mine"
    other = begin("senior", seed=1, scenario=QUICK)
    assert other.file.name == interview.file.name.replace(".json", "-2.json")


def test_broken_record_is_told_about_and_stays(home):
    """A record that cannot be read is a sentence; its file stays, and the others can be gone on with."""
    interview = begin("senior", seed=1, scenario=QUICK)
    broken = records.folder() / "2026-01-01-broken.json"
    for text in ("{", '{"version": 2}', "[]", "\x00"):
        broken.write_text(text, encoding="utf-8")
        found, complaints = records.kept()
        assert list(found) == [interview.file]
        assert len(complaints) == 1 and "broken.json" in complaints[0] and "stays as it is" in complaints[0]
        assert broken.read_text(encoding="utf-8") == text
    assert unfinished().file == interview.file


def test_failed_points_come_back_as_cards():
    """What failed is kept for the drill, once, as a mock answer, and is due at once; a right number counts too, a ticked point does not."""
    interview = whole(begin("senior", seed=1, scenario=QUICK), points=False)
    card, _ = finish(interview)
    finish(interview)
    reviews, _ = history.read()
    kept = sorted((each.id, each.share, each.source) for each in reviews)
    assert kept == sorted((id, round(share, 3), "mock") for id, share in card.cards)
    assert "open-everything-serverless" in {each.id for each in reviews if each.share == 0}
    deck = Deck(bank.load(), reviews)
    later = reviews[-1].at.replace(year=reviews[-1].at.year + 1)
    assert {each.id for each in reviews} == {question.id for question in deck.waiting(later)}
    right = {id for id, share in scorecard(whole(begin("senior", seed=1, scenario=QUICK))).cards if share == 1}
    assert right == {card for number in interview.scenario.numbers for card in number.cards}


def test_same_seed_is_the_same_interview_for_everybody(monkeypatch):
    """A seed gives everybody one scenario and one set of numbers; without one they are the learner's own, and every scenario has its turn."""
    seen = []
    for who in ("ada", "grace"):
        monkeypatch.setenv("LAMBDACOURSE_LEARNER", who)
        seen.append({seed: (each.record.scenario, each.record.values) for seed in range(1, 9) for each in [begin(seed=seed)]})
    assert seen[0] == seen[1]
    assert len({scenario for scenario, _ in seen[0].values()}) > 1
    for file in records.folder().glob("*.json"):
        file.unlink()
    own = [begin().record for _ in ALL]
    assert {each.scenario for each in own} == set(ALL) and len({each.seed for each in own}) == len(ALL)
    assert all(each.values == ALL[each.scenario].values(Numbers(f"interview\0{each.seed}")) for each in own)


def test_record_of_an_older_scenario_is_not_offered():
    """A record whose items, values or knobs the scenario no longer has stays as it is, and cannot be gone on with."""
    interview = begin("senior", seed=1, scenario=QUICK)
    assert unfinished() is not None
    for change in (
        {"values": {"api_rate": 300.0}},
        {"entries": (Entry(kind="number", item="gone", at=1.0),)},
        {"entries": (Entry(kind="try", item=DESIGN, at=1.0, knobs={"gone": 1.0}, measures={"monthly": 1.0}),)},
    ):
        records.write(interview.record.model_copy(update=change), interview.file)
        assert unfinished() is None
    assert interview.file.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "principal"}, "one of junior, senior, staff"),
        ({"minutes": 1}, "from 5 to 240"),
        ({"scenario": "bananas"}, "no scenario 'bananas'; there are: 100000-a-second"),
    ],
)
def test_bad_options_are_sentences(options, words):
    """What an interview cannot be is said in a sentence."""
    with pytest.raises(CourseError, match=words):
        begin(**options)


def test_nothing_is_kept_while_a_notebook_is_graded(monkeypatch, home):
    """Under nbgrader an interview leaves no file."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    interview = begin("senior", seed=1, scenario=QUICK)
    interview.ask("why")
    finish(interview)
    assert {each.name for each in home.iterdir()} <= {"cache"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=strategies.data())
def test_whatever_a_candidate_does_there_is_a_scorecard(data):
    """Any questions, numbers, designs, answers and waits end in a scorecard between nothing and all, and in a record that says the same."""
    wait = Clock()
    interview = begin(data.draw(strategies.sampled_from(LEVELS)), 45, data.draw(strategies.integers(1, 99)), QUICK, wait)
    words, numbers = strategies.text(max_size=12), strategies.floats(allow_nan=False, allow_infinity=False)
    for _ in range(60):
        wait.wind(data.draw(strategies.sampled_from((0, 0, 1, 7))))
        if (step := interview.step()) is None:
            break
        if data.draw(strategies.integers(0, 5)) == 0:
            interview.end(step)
        elif step.item is None:
            interview.ask(data.draw(words))
        elif isinstance(step.item, TalkItem):
            interview.say(step, data.draw(words))
        elif step.id == DESIGN:
            interview.try_design({knob.name: data.draw(strategies.sampled_from(knob.options)) for knob in step.item.knobs})
        else:
            said = [*interview.notes(step.item), interview.text(step), interview.after(step.item)]
            assert all("{" not in each for each in said)
            interview.answer(step, data.draw(strategies.none() | numbers))
    while step := interview.step():
        interview.end(step)
    for item in interview.to_score():
        interview.score(item, tuple(data.draw(strategies.booleans()) for _ in item.rubric))
    card, page = finish(interview)
    assert 0 <= card.share <= 1 and all(0 <= line.had <= 1 for line in card.lines)
    assert records.read(interview.file) == interview.record and page.exists()


def test_commands_that_print(capsys):
    """``interview --sheet`` prints the sheet; ``drill --resting-on`` names the interviews that rest on a fact beside the questions."""
    assert main(["interview", "--sheet", "--seed", "3", "--scenario", QUICK, "--level", "staff"]) == 0
    assert capsys.readouterr().out == sheet(prepare("staff", 45, 3, QUICK))
    assert main(["drill", "--resting-on", "timeout_maximum"]) == 0
    assert f"{QUICK}: a mock interview" in capsys.readouterr().out


# --- the interviewer's sheet


@pytest.mark.parametrize("level", LEVELS)
def test_sheet_has_what_an_interviewer_needs(level):
    """The sheet has every requirement with its answer, each number of the level with its answer, all rubrics and follow-ups, and the points."""
    text = sheet(prepare(level, 45, 3, QUICK))
    interview = begin(level, 45, 3, QUICK)
    scenario = interview.scenario
    for requirement in scenario.requirements:
        assert f"asks {requirement.asks}" in text and interview.told(requirement.answer) in text
    for number in scenario.estimates:
        assert (f"**{with_unit(interview.truth(number), number.unit)}**" in text) == number.expected(level)
    for talk in scenario.talks:
        assert (talk.senior in text) == talk.expected(level)
        for part in (*talk.rubric, *talk.follow_ups):
            assert (getattr(part, "point", "") or part.text) in text or not talk.expected(level)
    rows = dict(re.findall(r"\| (\w+) \| \| (\d+) \|", text))
    assert rows == {name: str(of) for name, (_, of) in scorecard(interview).points.items()}
    assert f"--level {level} --minutes 45 --seed 3 --scenario {QUICK}" in text
    assert "| wrap up | 40:30 | 45:00 |" in text


def test_sheet_is_the_candidates_interview_and_leaves_no_record():
    """The same seed gives the sheet and the candidate's program the same numbers; printing it begins no interview."""
    text = sheet(prepare("senior", 45, 5, "image-pipeline"))
    assert list(records.folder().glob("*")) == []
    interview = begin("senior", 45, 5, "image-pipeline")
    assert interview.opening in text
    assert f"{interview.record.values['others']:g} of it at any time" in text

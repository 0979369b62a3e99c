"""The lab of lesson 08: what it shows is what ``simulate`` and ``Alarm`` give."""

import pytest

import lambdacourse
from lambdacourse.labs import operating, operating_lab
from lambdacourse.labs.operating import CHOICES, PRESETS, START, alarm_states, first_minute, look, simulate_trouble


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def lab():
    return operating_lab()


def settings(name):
    return {**START, **PRESETS.get(name, {"trouble": name})}


def loud(name, **more):
    """The alarms that go off, by the first word of their names."""
    mine = {**settings(name), **more}
    return {
        alarm.split(",")[0] for alarm, states in alarm_states(simulate_trouble(**mine), mine["via"]).items() if states.any()
    }


def test_who_sees_the_throttles():
    """Throttles are no Errors; an edge that answers with 502 or 500 has no 429s to count."""
    assert loud("throttles") == {"Throttles", "429s that clients get", "ConcurrentExecutions"}
    for via in ("alb", "api_gateway_rest"):
        assert loud("throttles", via=via) == {"Throttles", "ConcurrentExecutions"}


def test_who_sees_the_rest():
    """The mean hides a slow hundredth; failures are no throttles; a full queue shows in its age alone."""
    mine = settings("the tail")
    states = alarm_states(simulate_trouble(**mine), mine["via"])
    assert [name for name, each in states.items() if each.any()] == ["Duration, p99 above 1 s"]
    assert loud("errors") == {"Errors"}
    assert loud("nobody sees") == {"ApproximateAgeOfOldestMessage"}


def test_storm_and_cure():
    """Retries at once multiply the traffic and leave fewer answered; three attempts with waits and a quota do neither."""
    storm, cure = (simulate_trouble(**settings(name))["api"].callers for name in ("retry storm", "the cure"))
    once = simulate_trouble(**{**settings("retry storm"), "attempts": 1})["api"].callers
    assert storm.attempts_per_request > 4 > 1.2 > cure.attempts_per_request
    assert storm.succeeded < 0.8 * once.succeeded and cure.succeeded > 0.95 * once.succeeded


def test_an_sdk_leaves_function_errors_alone():
    """Through Invoke a function error has status 200 and is not tried again; another client's 502 is."""
    run = simulate_trouble(**settings("errors"))["api"].callers
    assert run.retries == 0 and run.success_rate == pytest.approx(0.8, abs=0.02)
    again = simulate_trouble(**{**settings("errors"), "via": "alb", "quota": False})["api"].callers
    assert again.success_rate == pytest.approx(1 - 0.2**3, abs=0.005)


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_code_gives_the_same_run(name):
    """What the lab shows as code is what it simulated, and its figures are that run's."""
    names = {each: getattr(lambdacourse, each) for each in lambdacourse.__all__}
    view = look(**settings(name))
    exec("\n".join(view.code.splitlines()[:-1]), names)
    mine, run = names["run"], simulate_trouble(**settings(name))
    assert mine.summary().equals(run.summary())
    numbers = {number.label: number for number in view.numbers}
    if not run.queues:
        assert numbers["answered well"].simulated == f"{mine['api'].callers.success_rate:.1%}"
        table = view.table
        assert table["wanted (requests/s)"].sum() * operating.STEP == pytest.approx(mine["api"].callers.requests)
        assert table["sent (requests/s)"].sum() * operating.STEP == pytest.approx(mine["api"].callers.attempts)


def test_each_control_moves_the_picture(lab):
    """Every control, moved alone, changes what is shown."""
    lab.set(**START)
    for choice in CHOICES:
        before = lab.view.numbers, lab.view.sentence
        control = lab.controls[choice.name]
        control.value = choice.values[(list(choice.values).index(START[choice.name]) + 1) % len(choice.values)]
        assert (lab.view.numbers, lab.view.sentence) != before, choice.name
        control.value = START[choice.name]
        assert (lab.view.numbers, lab.view.sentence) == before, choice.name


def test_the_sentence_names_the_alarms(lab):
    """The sentence says which alarms go off, and after how many minutes; the still twin reads the same."""
    still = lab.static(trouble="tail")
    assert "Duration, p99 above 1 s (after 1 min)" in str(still) and "Errors" not in str(still)
    assert still.light != still.dark
    assert first_minute(alarm_states(simulate_trouble(**START), "invoke")["Throttles, above 0"]) == operating.PEAK_AT // 60 + 1

"""The lab of lesson 05: what it shows is what the formulas and the simulation say."""

import pytest

from lambdacourse.labs import queues


def test_capacity_backlog_and_drain():
    """Without trouble, the formulas predict what the simulation gives, within chance and the pollers' ramp."""
    view = queues.look(rate=20, each=1, most=10, batch=1, trouble="none")
    fast, backlog, empty = view.numbers[:3]
    assert float(fast.simulated) == pytest.approx(float(fast.predicted), rel=0.02)
    assert float(backlog.simulated.replace(",", "")) == pytest.approx(float(backlog.predicted.replace(",", "")), rel=0.1)
    assert float(empty.simulated.split()[0]) == pytest.approx(float(empty.predicted.split()[0]), rel=0.1)


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        (
            {"rate": 1_000},
            "by the end, 600 s after the peak, and never will be: after the peak too, no less is sent than can be handled.",
        ),
        (
            {"most": 2},
            "by the end, 600 s after the peak, and never will be: after the peak too, no less is sent than can be handled.",
        ),
        ({"each": 2}, "by the end, 600 s after the peak."),  # 1,200 s, says the formula
        ({"each": 0.2}, "after the peak."),
    ],
)
def test_a_queue_that_is_not_empty_by_the_end(changes, ends):
    """It is said to be empty again only if it is within the run; never, where after the peak too as much comes as goes."""
    view = queues.look(**{**queues.START, **changes})
    assert view.sentence.endswith(ends)
    assert ("never" in view.sentence) == (view.numbers[2].predicted == "never")
    assert ("is empty again" in view.sentence) == (not view.numbers[2].simulated.startswith("over"))


@pytest.mark.parametrize("trouble", queues.TROUBLES)
def test_every_trouble_has_a_sentence(trouble):
    """Each trouble shows what it is about: duplicates, dead letters, or messages that come back."""
    run = queues.simulate_peak(10, 1, 20, 5, trouble)["orders"]
    said = queues.look(10, 1, 20, 5, trouble).sentence
    assert "messages per second in the peak" in said
    if trouble != "throttled":  # where a batch may be kept so long that it runs out of its visibility timeout
        assert (run.late > 0) == (trouble == "late")
    assert (run.dead_lettered > 0) == (trouble in ("redrive", "partial", "throttled"))


def test_the_code_gives_the_same_run():
    """What the lab shows as code is what it simulated."""
    import lambdacourse

    names = {name: getattr(lambdacourse, name) for name in lambdacourse.__all__}
    code = queues.look(10, 0.5, 5, 2, "partial").code
    lines = code.splitlines()
    exec("\n".join(lines[:-1]), names)
    run = names["simulate"](names["mapping"], seconds=queues.SECONDS, seed=1)
    assert run["orders"].figures() == queues.simulate_peak(10, 0.5, 5, 2, "partial")["orders"].figures()

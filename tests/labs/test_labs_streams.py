"""The lab of lesson 06 shows what a simulation gives, for every trouble and every preset."""

import pytest

from lambdacourse.labs import streams_lab
from lambdacourse.labs.streams import PRESETS, SECONDS, START, TROUBLES, capacity, look, simulate_minutes


def settings(**changes):
    return {**START, **changes}


def said(view, label):
    return next(number for number in view.numbers if number.label == label)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_show_what_was_simulated(name):
    """The table's records per second are the run's, and the sentence has the run's figures."""
    run, view = simulate_minutes(**PRESETS[name]), look(**PRESETS[name])
    clicks = run["clicks"]
    assert view.table["sent (records/s)"].sum() == clicks.sent
    assert view.table["processed (records/s)"].sum() == clicks.processed
    assert f"{clicks.pending:,} records wait" in view.sentence
    assert said(view, "handed over again").simulated == f"{clicks.repeated:,}"


def test_capacity_is_what_is_processed():
    """Too slow: what the formula predicts is what the run processes, and the age is the fluid's."""
    view = look(**PRESETS["too slow"])
    most = capacity(4, 1, 100, 0.005)
    assert most == pytest.approx(4 * 100 / 0.52)
    assert simulate_minutes(**PRESETS["too slow"])["clicks"].processed / SECONDS == pytest.approx(most, rel=0.02)
    assert said(view, "records/s processed").predicted == f"{most:,.0f}"
    assert float(said(view, "iterator age at the end").predicted.removesuffix(" s")) == pytest.approx(
        float(said(view, "iterator age at the end").simulated.removesuffix(" s")), rel=0.15
    )


def test_factor_2_is_enough():
    """The preset's answer to a slow function: the age stays below a second or so."""
    assert simulate_minutes(**PRESETS["factor 2"])["clicks"].peak_iterator_age < 2


@pytest.mark.parametrize(
    ("changes", "processed", "age"),
    [({}, 100 / 0.12 * 4, 20), ({"shards": 1, "factor": 10}, 1_000, 0), ({"shards": 8, "factor": 10}, 5_000, 0)],
)
def test_a_shard_takes_in_a_thousand_a_second(changes, processed, age):
    """Of 5,000/s each shard takes in 1,000/s, and refuses the rest: the formulas reckon with what is taken in, as the run does."""
    view = look(**settings(rate=5_000, **changes))
    predicted = said(view, "records/s processed"), said(view, "iterator age at the end")
    assert [each.predicted for each in predicted] == [f"{processed:,.0f}", f"{age} s"]
    assert float(predicted[0].simulated.replace(",", "")) == pytest.approx(processed, rel=0.02)
    assert float(predicted[1].simulated.removesuffix(" s")) == pytest.approx(age, abs=2)
    assert ("They fall behind" in view.sentence) == (age > 0)


@pytest.mark.parametrize("trouble", ["none", "default", "both"])
def test_an_age_though_no_batch_begins(trouble):
    """Batches of minutes: at the end hardly a record has been read, so the oldest that waits is nearly as old as the run."""
    view = look(**settings(batch=10_000, per_record=0.05, trouble=trouble))
    assert 100 < float(said(view, "iterator age at the end").simulated.removesuffix(" s")) < SECONDS
    assert "nan" not in view.sentence and "for good" not in view.sentence and "free again" not in view.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"per_record": 0.05, "trouble": "default"}, "does not get as far as the poison record"),
        ({"per_record": 0.05, "batch": 1, "trouble": "bisect"}, "does not get as far as the poison record"),
        ({"batch": 10_000, "per_record": 0.05, "trouble": "default"}, "The first batch with the poison record at second 30 has not ended"),
        ({"rate": 5_000, "shards": 1, "factor": 10, "trouble": "partial"}, "The poison record at second 30 is one of them."),
        ({"rate": 5_000, "shards": 1, "factor": 10, "trouble": "default"}, "The poison record at second 30 is one of them."),
    ],
)  # fmt: skip
def test_a_poison_record_that_nobody_met(changes, words):
    """What was refused, or lies behind what was not read yet, blocks no lane, and frees none."""
    view = look(**settings(**changes))
    assert words in view.sentence and said(view, "handed over again").simulated == "0"
    assert "for good" not in view.sentence and "free again" not in view.sentence
    if "rate" in changes:
        assert said(view, "iterator age at the end").predicted == "0 s"


def test_one_lane_has_no_others():
    """Other lanes do not notice a poison record, where there are any."""
    for shards in (1, 4):
        assert ("other lanes" in look(**settings(trouble="default", shards=shards)).sentence) == (shards > 1)


@pytest.mark.parametrize(("trouble", "lost"), [("none", 0), ("default", 0), ("bisect", 1), ("both", 1)])
def test_what_each_trouble_loses(trouble, lost):
    """Bisect gives up the poison record alone; without limits nothing is given up, and a shard is blocked."""
    clicks = simulate_minutes(**settings(trouble=trouble))["clicks"]
    assert clicks.dropped == lost
    assert (clicks.peak_iterator_age > 80) == (trouble == "default")


def test_retries_lose_more_than_the_poison_record():
    """Without bisect, good records go with it: the whole batch, or what was behind it."""
    whole, rest = (simulate_minutes(**settings(trouble=each))["clicks"].dropped for each in ("retries", "partial"))
    assert whole == 100 > rest > 1


@pytest.mark.parametrize(
    "changes", [{"trouble": each} for each in TROUBLES] + [{"shards": 32, "factor": 10}, {"rate": 10, "shards": 1}]
)
def test_every_setting_draws(changes):
    """Each trouble, many lanes and a nearly empty stream: a picture, a sentence, code that says the settings."""
    still = streams_lab().static(**changes)
    assert still.light != still.dark and still.view.sentence.endswith(".")
    assert f"shards={settings(**changes)['shards']}" in still.view.code


def test_controls_move_the_picture():
    """A slider's move draws another picture, and Reset the first one again."""
    lab = streams_lab()
    first = lab.picture.png
    lab.controls["factor"].value = 5
    assert lab.picture.png != first and lab.settings["factor"] == 5
    lab.set(**START)
    assert lab.picture.png == first


def test_the_code_runs():
    """What the lab shows as its code is code."""
    import lambdacourse

    code = look(**settings(trouble="both")).code
    assert code.startswith("worker = Function") and "bisect_batch_on_function_error=True" in code
    exec(code, {name: getattr(lambdacourse, name) for name in lambdacourse.__all__})

"""Labs are moved through their controls, as a learner moves them, and show what ``simulate`` gives."""

import asyncio
import io

import numpy as np
import pytest

from lambdacourse import learner
from lambdacourse.labs import (
    choose,
    concurrency_lab,
    cost_lab,
    lab,
    predict,
    provisioned_lab,
    queues_lab,
    streams_lab,
)
from lambdacourse.labs.concurrency import CHOICES, PRESETS, START, look, predicted_rate, simulate_minute
from lambdacourse.quantities import written


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMBDACOURSE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def concurrency():
    return concurrency_lab()


@pytest.mark.parametrize("setting", [{}, *PRESETS.values(), {"rate": 20, "duration": 0.7, "limit": 10, "via": "alb"}])
def test_lab_shows_the_simulation(concurrency, setting):
    """Figures, table and sentence are those of ``simulate`` with the same arguments, also of the code that the lab shows."""
    concurrency.set(**{**START, **setting})
    settings, view = concurrency.settings, concurrency.view
    run = simulate_minute(**settings)["api"]
    numbers = {number.label: number for number in view.numbers}
    assert numbers["environments needed"].simulated == f"{written(run.mean_concurrency)} busy"
    assert numbers["throttled"].simulated == f"{run.throttle_rate:.1%}"
    assert numbers["cold starts"].simulated == f"{run.cold_starts:,}"
    table = view.table
    assert table["throttled (requests/s)"].sum() == pytest.approx(run.throttles)
    assert (table["warm (requests/s)"] + table["cold (requests/s)"]).sum() == pytest.approx(run.invocations)
    assert table["concurrency (mean)"].mean() == pytest.approx(run.mean_concurrency)
    assert ("nothing is throttled" in view.sentence) == (run.throttles == 0)
    namespace: dict = {}
    imports = "from lambdacourse import Account, Function, Sync, exponential, poisson, simulate\n"
    exec(imports + view.code.replace("run.summary()", ""), namespace)
    assert namespace["run"]["api"].throttles == run.throttles


def test_formula_and_simulation_agree_where_they_should():
    """In the long run the served rate is what the formula predicts: within 3 % for steady loads far from any limit."""
    for rate, duration, limit in ((100, 0.5, 1_000), (1_000, 0.5, 1_000), (5_000, 2, 1_000), (50_000, 0.02, 1_000)):
        served = simulate_minute(rate, duration, limit)["api"].invocations / 60
        assert served == pytest.approx(predicted_rate(rate, duration, limit), rel=0.03)


def test_a_few_throttles_are_not_none():
    """One request of 6,000 is throttled: that is few, not 0.0%."""
    setting = {**START, "rate": 100, "duration": 0.3, "limit": 50}
    assert 0 < simulate_minute(**setting)["api"].throttles < 3
    assert "Less than 0.1% of the requests are throttled" in look(**setting).sentence


def test_each_control_moves_the_picture(concurrency):
    """Every control, moved alone, changes what is shown."""
    concurrency.set(**{**START, "rate": 1_000, "limit": 200})
    for choice in CHOICES:
        before = concurrency.view.sentence
        control = concurrency.controls[choice.name]
        start = control.value
        control.value = choice.values[(list(choice.values).index(start) + 2) % len(choice.values)]
        assert concurrency.view.sentence != before, choice.name
        control.value = start
        assert concurrency.view.sentence == before, choice.name


def test_every_value_can_be_drawn(concurrency):
    """No setting of the sliders breaks the picture: both ends of each, with both ends of the others."""
    rates, durations, limits = (choice.values for choice in CHOICES[:3])
    for rate in (rates[0], rates[12], rates[-1]):
        for duration in (durations[0], durations[-1]):
            for limit in (limits[0], limits[-1]):
                view = look(rate, duration, limit, "invoke")
                assert view.sentence and len(view.table) == 60


@pytest.mark.parametrize(
    ("made", "setting"),
    [
        (concurrency_lab, {"rate": 100, "duration": 30}),
        (concurrency_lab, {"rate": 100_000, "duration": 30, "limit": 100_000}),
        (cost_lab, {"memory": 1024, "cpu": 5000, "wait": 0}),
        (cost_lab, {"memory": 128, "cpu": 2000}),
        (queues_lab, {"rate": 20}),
        (streams_lab, {"rate": 50}),
        (provisioned_lab, {"burst": 800}),
    ],
)
def test_labels_stay_in_their_panels(made, setting):
    """The words beside an axis, however wide its ticks, lie in the part of the figure that is drawn with their panel."""
    drawn = made()
    drawn.static(**setting)
    board = next(iter(drawn._boards.values()))
    width = board.figure.bbox.width
    for axes, (left, _, right, _) in board.panels:
        box = axes.get_tightbbox()
        assert left * width < box.x0 and box.x1 < right * width, axes.get_title()


def test_picture_is_a_png_of_the_data(concurrency):
    """The picture is a PNG; light and dark differ in the paper; the still twin is the live picture."""
    from PIL import Image

    concurrency.set(**START)
    still = concurrency.static()
    assert still.light == concurrency.picture.png
    corners = [Image.open(io.BytesIO(png)).convert("RGB").getpixel((2, 2)) for png in (still.light, still.dark)]
    assert corners == [(255, 255, 255), (17, 17, 17)]
    concurrency.picture.dark = True
    assert concurrency.picture.png == still.dark
    concurrency.picture.dark = False


def test_lab_reads_without_a_kernel(concurrency):
    """Beside the widget a cell keeps the still picture, with words for those who do not see it."""
    data, _ = concurrency._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "10 requests per second" in data["text/plain"]
    assert 'alt="10 requests per second' in data["text/html"]


def test_newest_setting_wins():
    """In a running kernel a slider that moves fast is drawn for where it is, not for each place it passed."""
    moved = concurrency_lab()
    drawn = []
    put = moved._put
    moved._put = lambda setting, png: (drawn.append(setting.view.sentence), put(setting, png))

    async def drag():
        for rate in (20, 30, 50, 70, 100, 200, 300):
            moved.controls["rate"].value = rate
            await asyncio.sleep(0)
        await moved._task

    asyncio.run(drag())
    assert drawn[-1].startswith("300 requests")
    assert len(drawn) <= 3


def test_announcement_waits_until_the_slider_rests(monkeypatch):
    """A screen reader hears one sentence, when the control has come to rest."""
    monkeypatch.setattr(lab, "QUIET_SECONDS", 0.05)
    moved = concurrency_lab()
    before = moved._sentence.value

    async def drag():
        for rate in (20, 50):
            moved.controls["rate"].value = rate
            await moved._task
            assert moved._sentence.value == before
        await asyncio.sleep(0.2)

    asyncio.run(drag())
    assert "50 requests per second" in moved._sentence.value and 'role="status"' in moved._sentence.value
    assert moved.picture.alt.startswith("50 requests")


def test_unknown_settings_are_refused():
    """A control that is not there, or a value that it has not, is named with what there is."""
    with pytest.raises(TypeError, match="no control 'speed'; it has: rate, duration, limit, via"):
        concurrency_lab(speed=1)
    with pytest.raises(ValueError, match=r"rate=11: the control 'rate' of this lab has the values 1, 2, 3"):
        concurrency_lab(rate=11)
    with pytest.raises(ValueError, match=r"rate=11: the control 'rate'"):
        concurrency_lab().set(rate=11)
    with pytest.raises(TypeError, match="no control 'speed'"):
        concurrency_lab().set(speed=1)
    with pytest.raises(TypeError, match="compare=3 must be"):
        concurrency_lab().static(compare=3)
    with pytest.raises(ValueError, match="via='sms'"):
        concurrency_lab().static(via="sms")


class TestPredictions:
    def test_number(self):
        """A committed number is set beside what happens, kept, and there again when the cell is run anew."""
        asked = predict("x", "How many?", 500, "environments", then="Rate times duration.")
        assert asked.result.value == ""
        asked.control.value = "1,000"
        asked.commit.click()
        assert "You said 1,000, 2 times too much: it is 500 environments. Rate times duration." in asked.result.value
        again = predict("x", "How many?", 500, "environments")
        assert again.control.value == "1,000" and "You said 1,000" in again.result.value

    @pytest.mark.parametrize(
        "answer, said",
        [
            ("500", "which is right"),
            ("505", "which is right"),
            ("400", "20% too little"),
            ("100", "5 times too little"),
            ("0.5k", "which is right"),
        ],
    )
    def test_how_far_off(self, answer, said):
        """The distance is said in words that fit its size."""
        asked = predict("y", "How many?", 500)
        asked.control.value = answer
        asked.commit.click()
        assert said in asked.result.value

    def test_nothing_happens(self):
        """Where nothing is right, nothing is called right."""
        asked = predict("zero", "How many?", 0)
        for typed, said in (("0", "You said 0, which is right"), ("5", "You said 5: it is 0")):
            asked.control.value = typed
            asked.commit.click()
            assert said in asked.result.value

    def test_no_number(self):
        """What is no number, or could be two, is asked about, and not kept."""
        for typed, asks in (("many", "I see no number"), ("1,5", "1.5 or 15"), ("50 %", "Which number do you mean?")):
            asked = predict("z", "How many?", 500)
            asked.control.value = typed
            asked.commit.click()
            assert asks in asked.result.value
            assert predict("z", "How many?", 500).result.value == ""

    def test_an_answer_to_another_question(self):
        """What was kept under a name that now asks for something else is no answer: the question is asked anew."""
        learner.remember("a", "predictions", "w")
        assert choose("w", "Which?", ["b", "c"], right="b").result.value == ""
        assert predict("w", "How many?", 500).result.value == ""

    def test_show_me(self):
        """``Show me`` tells without an answer, and keeps that it did."""
        asked = choose("c", "Which?", ["a", "b"], right="b", then="Because.")
        asked.show_me.click()
        assert "b. Because." in asked.result.value
        assert choose("c", "Which?", ["a", "b"], right="b").result.value == ""
        assert learner.recall("shown", "c") is True and learner.recall("predictions", "c") is None

    def test_choice(self):
        """A wrong choice is told apart from a right one."""
        asked = choose("d", "Which?", ["a", "b"], right="b")
        for answer, said in (("a", "You said a. It is b"), ("b", "You said b. Yes: b")):
            asked.control.value = answer
            asked.commit.click()
            assert said in asked.result.value
        with pytest.raises(ValueError, match="right='c'"):
            choose("d", "Which?", ["a", "b"], right="c")

    def test_presenter_sees_everything(self, monkeypatch):
        """Presenter mode opens every answer."""
        monkeypatch.setenv("LAMBDACOURSE_PRESENTER", "1")
        assert "500" in predict("p", "How many?", 500).result.value

    def test_question_reads_without_a_kernel(self):
        """Without a kernel the question is there, with the answer folded up."""
        data, _ = predict("q", "How many < 3?", 2)._repr_mimebundle_()
        assert "How many &lt; 3?" in data["text/html"] and "<details>" in data["text/html"]


def test_written():
    """Figures are written as one reads them."""
    shown = [written(number) for number in (0, 0.1234, 4.886, 99.96, 499.6, 1_000, 50_000, np.float64(1e6))]
    assert shown == ["0", "0.123", "4.89", "100", "500", "1,000", "50,000", "1,000,000"]

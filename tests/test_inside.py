"""The picture of an invocation: every part stands by itself and is told in words, and every step leads from one to another."""

import itertools

from matplotlib.text import Text

from lambdacourse.inside import COLD, LEGEND, PLACES, WARM, plot_invocation
from lambdacourse.network.picture import HEIGHT, SIZE, WIDTH
from lambdacourse.plots import DARK, LIGHT


def test_parts_stand_apart():
    """No box covers another, and all are on the sheet."""
    for (x, y), (right, top) in itertools.combinations(PLACES.values(), 2):
        assert abs(x - right) > SIZE[0] or abs(y - top) > SIZE[1]
    for x, y in PLACES.values():
        assert SIZE[0] / 2 <= x <= WIDTH - SIZE[0] / 2 and SIZE[1] / 2 <= y <= HEIGHT - SIZE[1] / 2


def test_steps_lead_from_part_to_part():
    """Steps go straight, along a row or a column, and every part but the neighbours' microVMs is on the way."""
    for start, end, _ in WARM + COLD:
        (x, y), (right, top) = PLACES[start], PLACES[end]
        assert (x == right) != (y == top)
    assert set(PLACES) - {part for step in WARM + COLD for part in step[:2]} == {"B", "C"}


def test_words_are_seen_in_light_and_dark():
    """Each part's name and each step's words stand in the picture, in the ink of its paper, and the alternative text tells them."""
    shown = plot_invocation()
    for theme in (LIGHT, DARK):
        texts = {text.get_text(): text.get_color() for text in shown.draw(theme).findobj(Text) if text.get_text()}
        for words in [LEGEND, *(words for _, _, words in WARM + COLD if words)]:
            assert texts[words] == theme.ink
        for part in PLACES:
            assert any(part in words for words in texts), part
    for part in ("front end", "assignment", "placement", "worker", "zone's cache", "Amazon S3"):
        assert part in shown.alt

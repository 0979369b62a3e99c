"""The diagram shows what ``reach`` says: every hop of the call, in order, and a cross where it ends."""

import io
from itertools import product

import pytest
from PIL import Image

from lambdacourse.network import DATABASE, DESTINATIONS, PARTNER, S3, Resource, SecurityGroup, designs, reach, vpc_config
from lambdacourse.network.picture import HEIGHT, WIDTH, describe, picture, scene
from lambdacourse.plots import DARK, LIGHT


@pytest.mark.parametrize(("design", "what"), list(product(designs(), DESTINATIONS)))
def test_the_line_passes_every_hop(design, what):
    """The line goes through the boxes of the hops in their order; a call that does not arrive ends at a cross."""
    place = designs()[design]
    answer = reach(place, DESTINATIONS[what])
    shown = scene(place, answer)
    boxes = {box.kind: box for box in shown.boxes}
    hops = [hop.kind for hop in answer.path.hops if hop.kind != "internet"]
    stations = [point for point in shown.line if any(box.at == point for box in shown.boxes)]
    assert stations[: len(hops)] == [boxes[kind].at for kind in hops]
    assert {kind for kind, box in boxes.items() if box.state == "passed"} == set(hops)
    assert (shown.cross is None) == answer.reaches
    assert {kind for kind, box in boxes.items() if box.state == "missing"} <= {"NAT gateway", "egress-only gateway"}
    if shown.cross:
        assert shown.line[-1] == shown.cross and answer.missing in shown.caption


@pytest.mark.parametrize("design", designs())
def test_nothing_stands_on_something_else(design):
    """Boxes keep apart and inside the sheet, whatever is called."""
    for destination in DESTINATIONS.values():
        boxes = scene(designs()[design], reach(designs()[design], destination)).boxes
        for number, box in enumerate(boxes):
            assert 6 <= box.at[0] <= WIDTH - 6 and 4 <= box.at[1] <= HEIGHT - 4
            for other in boxes[:number]:
                apart = abs(box.at[0] - other.at[0]) >= 13 or abs(box.at[1] - other.at[1]) >= 6.2
                assert apart, (box.kind, other.kind)


def test_the_missing_piece_is_marked():
    """Where the NAT gateway would stand, a dashed one is asked for."""
    shown = scene(vpc_config(), reach(vpc_config(), PARTNER))
    assert [box.words for box in shown.boxes if box.state == "missing"] == ["NAT gateway?"]


def test_alternative_text_says_the_answer():
    """Who does not see the picture hears the way, or what is missing and what is seen."""
    assert picture(None, S3).alt == "From a function to s3: the call arrives: function → service s3."
    words = describe(reach(vpc_config(), PARTNER))
    assert "What is seen: a time-out. Missing: a route from subnet private-a to a NAT gateway" in words
    refused = Resource("db", 1, (SecurityGroup("db"),), listens=2)
    assert "lets the function in on port 1" in describe(reach(vpc_config(), refused))


def test_light_and_dark():
    """The picture is drawn on both papers."""
    shown = picture(None, DATABASE)
    corners = []
    for theme in (LIGHT, DARK):
        buffer = io.BytesIO()
        shown.draw(theme).savefig(buffer, format="png")
        corners.append(Image.open(buffer).convert("RGB").getpixel((2, 2)))
    assert corners == [(255, 255, 255), (17, 17, 17)]

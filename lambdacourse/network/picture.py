"""The diagram of a network and of a call through it: where each thing stands, the way hop by hop, the missing piece marked.

``scene`` says what is where; ``draw`` puts it on axes; ``picture`` makes a picture of its own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lambdacourse.network.reach import Answer, Observed, Path, reach
from lambdacourse.network.vpc import Destination, InternetGateway, NatGateway, RdsProxy, Resource, Service, VpcConfig, VpcLink
from lambdacourse.plots import LIGHT, Frame, Picture, Theme

WIDTH, HEIGHT = 100, 56
"""The sheet on which things stand, in its own units."""

Point = tuple[float, float]

PLACES: dict[str, Point] = {
    "function": (9, 30),
    "NAT gateway": (51, 42),
    "internet gateway": (73, 42),
    "egress-only gateway": (73, 32),
    "gateway endpoint": (73, 8),
    "interface endpoint": (57, 11.5),
    "RDS Proxy": (46, 20.5),
    "database": (63, 20.5),
    "cache": (61, 20.5),
    "load balancer": (57, 20.5),
    "VPC link": (73, 20.5),
    "host": (91, 42),
    "service": (91, 15),
    "API Gateway": (91, 15),
}
"""Where each kind of hop stands."""

IN_SUBNET = {"public": (31, 42), "private": (31, 17), "isolated": (31, 17)}
BORDER = (22.5, 30)
BESIDE = 80
SIZE = (13, 6.2)


@dataclass(frozen=True)
class Box:
    """A thing with words in it. state: ``"there"``, ``"passed"`` by the call, or ``"missing"``."""

    kind: str
    words: str
    at: Point
    state: str = "there"


@dataclass(frozen=True)
class Region:
    """An area with a title at its top or bottom: left, bottom, width, height; faint where the function is not attached."""

    title: str
    area: tuple[float, float, float, float]
    faint: bool = False
    below: bool = False


@dataclass(frozen=True)
class Scene:
    """A network and a call through it: what stands where, the line of the call, where it ends in a cross, and a sentence."""

    regions: tuple[Region, ...]
    boxes: tuple[Box, ...]
    line: tuple[Point, ...]
    cross: Point | None
    caption: str


@dataclass(frozen=True)
class Sheet(Frame):
    """The frame of a diagram: a title and no axes."""

    @staticmethod
    def titled(title: str) -> Sheet:
        return Sheet(title, "", "", (0, WIDTH), (0, HEIGHT))

    def put_on(self, axes: Axes, theme: Theme = LIGHT) -> None:
        axes.set(xlim=self.x_range, ylim=self.y_range)
        axes.set_title(self.title)
        axes.set_axis_off()


def picture(place: VpcConfig | None, destination: Destination) -> Picture:
    """The network of a function at ``place``, and its call to ``destination`` as ``reach`` answers it."""
    answer = reach(place, destination)
    drawn = scene(place, answer)

    def figure(theme: Theme) -> Figure:
        with matplotlib.rc_context(theme.style):
            sheet = Figure(figsize=(9.6, 4.8), layout="constrained")
            FigureCanvasAgg(sheet)
            axes = sheet.subplots()
            Sheet.titled(f"From a function to {destination.name}").put_on(axes, theme)
            draw(axes, drawn, theme)
        return sheet

    return Picture(figure, f"From a function to {destination.name}: {describe(answer)}")


def describe(answer: Answer) -> str:
    """An answer as a sentence: the way of the call, or what stops it."""
    path = answer.path
    way = " → ".join(map(str, path.hops))
    if path.arrives:
        return f"the call arrives: {way}."
    some = f"from subnet {path.start} " if answer.sometimes else ""
    return f"{some}the call gets no further than the {path.hops[-1]}. What is seen: {path.observed}. Missing: {path.missing}."


def scene(place: VpcConfig | None, answer: Answer) -> Scene:
    """What stands where when a function at ``place`` makes this call."""
    path = answer.path
    entry = BORDER if place is None else IN_SUBNET[place.vpc.subnet(path.start or place.subnets[0]).kind]
    passed = {hop.kind for hop in path.hops}
    boxes = {box.kind: box for box in _boxes(place, answer.destination, entry)}
    boxes |= {kind: Box(kind, box.words, box.at, "passed") for kind, box in boxes.items() if kind in passed}
    line = tuple(boxes[hop.kind].at for hop in path.hops if hop.kind in boxes)
    cross = None
    if path.arrives and place is None and not isinstance(answer.destination, Resource):
        line = _around(line)
    elif not path.arrives:
        wanted = _wanted(place, path, answer.destination)
        ahead = boxes[wanted].at if wanted in boxes else PLACES.get(wanted, BORDER)
        if wanted in PLACES and wanted not in boxes:
            boxes[wanted] = Box(wanted, f"{wanted}?", ahead, "missing")
        (x, y), (right, top) = line[-1], ahead
        cross = ahead if ahead == BORDER else (x + 0.55 * (right - x), y + 0.55 * (top - y))
        line = (*line, cross)
    return Scene(tuple(_regions(place)), tuple(boxes.values()), line, cross, _caption(answer))


def _caption(answer: Answer) -> str:
    if answer.reaches:
        return "✓ an answer"
    some = f"in subnet {answer.path.start}: " if answer.sometimes else ""
    return f"✗ {some}{answer.observed}. Missing: {answer.missing}"


def _regions(place: VpcConfig | None) -> Iterator[Region]:
    yield Region("Lambda's VPC", (1, 8, 16, 44))
    yield Region("your VPC", (22.5, 3, 50.5, 49), faint=place is None)
    subnets = place.vpc.subnets if place else ()
    kinds = {kind: [subnet for subnet in subnets if subnet.kind == kind] for kind in ("public", "private", "isolated")}
    below = "private" if kinds["private"] else "isolated"
    for kind, area in (("public", (24, 36, 47, 12.5)), (below, (24, 5, 47, 23))):
        if kinds[kind]:
            zones = ", ".join(dict.fromkeys(subnet.zone for subnet in kinds[kind]))
            yield Region(f"{kind} subnets (zones {zones})", area, below=kind != "public")
    yield Region("internet", (82, 35, 17, 16))
    yield Region("AWS services", (82, 6, 17, 18), below=True)


def _boxes(place: VpcConfig | None, destination: Destination, entry: Point) -> Iterator[Box]:
    """Everything that stands in the picture, whether the call passes it or not."""
    yield Box("function", "function", PLACES["function"])
    if place is not None:
        yield from _of_vpc(place, entry)
    match destination:
        case RdsProxy(database=database):
            yield _box("RDS Proxy", f"RDS Proxy\n{destination.name}")
            yield _box("database", f"database\n{database.name}")
        case VpcLink(target=target):
            yield _box("API Gateway", "API Gateway")
            yield _box("VPC link", f"VPC link\n{destination.name}")
            yield _box("load balancer", f"load balancer\n{target.name}")
        case Resource():
            yield _box(destination.kind, f"{destination.kind}\n{destination.name}")
        case _:
            kind = type(destination).__name__.lower()
            yield _box(kind, destination.name)


def _of_vpc(place: VpcConfig, entry: Point) -> Iterator[Box]:
    vpc = place.vpc
    yield Box("network interface", "network\ninterface", entry)
    nats = [subnet.routes.ipv4 for subnet in vpc.subnets if isinstance(subnet.routes.ipv4, NatGateway)]
    if nats:
        each = (
            "in each zone" if len({nat.name for nat in nats}) > 1 else "regional" if nats[0].subnet is None else "one for all"
        )
        yield _box("NAT gateway", f"NAT gateway\n{each}")
    if any(isinstance(subnet.routes.ipv4, InternetGateway) for subnet in vpc.subnets) or nats:
        yield _box("internet gateway", "internet\ngateway")
    if any(subnet.routes.ipv6 for subnet in vpc.subnets):
        yield _box("egress-only gateway", "egress-only\ngateway")
    gateways = sorted(frozenset().union(*(subnet.routes.endpoints for subnet in vpc.subnets)))
    if gateways:
        yield _box("gateway endpoint", f"gateway endpoint\n{', '.join(gateways)}")
    if vpc.endpoints:
        yield _box("interface endpoint", f"interface endpoint\n{', '.join(endpoint.service for endpoint in vpc.endpoints)}")


def _box(kind: str, words: str) -> Box:
    return Box(kind, words, PLACES[kind])


def _wanted(place: VpcConfig | None, path: Path, destination: Destination) -> str:
    """The kind of the next hop, which the call does not make."""
    last = path.hops[-1].kind
    if place is None and last == "function":
        return "border"
    if path.observed in (Observed.ENI_LIMIT, Observed.NO_ADDRESS):
        return "network interface"
    if path.observed == Observed.NO_IPV6:
        return "egress-only gateway"
    if "endpoint for" in path.missing and path.missing.startswith("a rule"):
        return "interface endpoint"
    if last == "NAT gateway":
        return "internet gateway"
    if last in ("API Gateway", "VPC link"):
        return {"API Gateway": "VPC link", "VPC link": "load balancer"}[last]
    match destination:
        case RdsProxy():
            return "database" if last == "RDS Proxy" else "RDS Proxy"
        case Resource():
            return destination.kind
    if last == "internet gateway":
        return {Service: "service", VpcLink: "API Gateway"}.get(type(destination), "host")
    return "NAT gateway"


def _around(line: tuple[Point, ...]) -> tuple[Point, ...]:
    """From a function without a VPC the call passes by the VPC, above it to the internet and below it to the services."""
    (x, y), called, *rest = line
    edge = HEIGHT - 1.5 if called[1] > y else 1.0
    return ((x, y), (x, edge), (BESIDE, edge), (BESIDE, called[1]), called, *rest)


def draw(axes: Axes, shown: Scene, theme: Theme = LIGHT) -> list[Artist]:
    """Put a scene on axes with the frame of a ``Sheet``; gives what was drawn."""
    drawn: list[Artist] = [artist for region in shown.regions for artist in _region(axes, region, theme)]
    drawn += _line(axes, shown, theme)
    drawn += [artist for box in shown.boxes for artist in _box_artists(axes, box, theme)]
    if shown.cross:
        drawn += axes.plot(*shown.cross, marker="X", markersize=13, color=theme.missing, markeredgecolor=theme.paper, zorder=6)
    colour = theme.missing if shown.cross else theme.reached
    words = textwrap.fill(shown.caption, 96)
    text = axes.text(50, -1.2, words, ha="center", va="top", color=colour, fontsize=10, zorder=5, clip_on=False)
    return [*drawn, text]


def _region(axes: Axes, region: Region, theme: Theme) -> list[Artist]:
    left, bottom, width, height = region.area
    dashes = (0, (4, 3)) if "subnets" in region.title else "solid"
    edge, ink = (theme.grid, theme.axis) if region.faint else (theme.axis, theme.ink)
    frame = FancyBboxPatch(
        (left, bottom), width, height, "round,pad=0,rounding_size=1.2", facecolor="none", edgecolor=edge, linestyle=dashes
    )
    axes.add_patch(frame)
    y, va = (bottom + 0.9, "bottom") if region.below else (bottom + height - 0.9, "top")
    title = axes.text(left + 1, y, region.title, va=va, color=ink, fontsize=8.5, zorder=4)
    return [frame, title]


def _box_artists(axes: Axes, box: Box, theme: Theme) -> list[Artist]:
    colour = {"there": theme.axis, "passed": theme.reached, "missing": theme.missing}[box.state]
    (x, y), (width, height) = box.at, SIZE
    frame = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        "round,pad=0,rounding_size=0.8",
        facecolor=theme.paper,
        edgecolor=colour,
        linewidth=2.2 if box.state == "passed" else 1.2,
        linestyle=(0, (3, 2)) if box.state == "missing" else "solid",
        zorder=3,
    )
    axes.add_patch(frame)
    ink = theme.ink if box.state != "missing" else colour
    words = axes.text(x, y, box.words, ha="center", va="center", color=ink, fontsize=8, linespacing=1.15, zorder=4)
    return [frame, words]


def _line(axes: Axes, shown: Scene, theme: Theme) -> list[Artist]:
    """The call as a line from the function on; an arrow before each thing that it passes."""
    drawn: list[Artist] = []
    for start, end in zip(shown.line, shown.line[1:]):
        drawn += axes.plot(*zip(start, end), color=theme.reached, linewidth=2.6, solid_capstyle="round", zorder=2)
    for start, end in zip(shown.line, shown.line[1:]):
        if end == shown.cross or not any(box.at == end for box in shown.boxes):
            continue
        drawn.append(_arrow(axes, start, end, theme))
    return drawn


def _arrow(axes: Axes, start: Point, end: Point, theme: Theme) -> Artist:
    """An arrow's head where the line from ``start`` meets the box at ``end``."""
    (x, y), (right, top) = start, end
    run, rise = right - x, top - y
    share = min(SIZE[0] / 2 / abs(run) if run else 1, SIZE[1] / 2 / abs(rise) if rise else 1)
    tip = (right - share * run, top - share * rise)
    tail = (tip[0] - 0.02 * run, tip[1] - 0.02 * rise)
    style = {
        "arrowstyle": "-|>,head_width=0.35,head_length=0.6",
        "color": theme.reached,
        "linewidth": 2.2,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    return axes.annotate("", tip, tail, arrowprops=style, zorder=4)

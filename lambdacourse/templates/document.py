"""A template's text as a tree in which everything knows its line and column. Nothing in the file is ever executed.

The tree is built from PyYAML's events, one after the other, and within bounds: of size, of depth, and of what YAML aliases
may grow into. JSON is read the same way, since it is YAML. A short form such as ``!Ref Queue`` becomes its long form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lambdacourse.errors import CourseError
from lambdacourse.facts import fact

MOST_LEVELS = 60
MOST_VALUES = 200_000
"""Values in a file, each alias counted with all that it stands for."""

_STANDARD = "tag:yaml.org,2002:"
_PLAIN = {"Ref", "Condition"}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a file; both count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class TemplateError(CourseError):
    """A file that cannot be read as a template: what is wrong in a sentence, and where."""

    def __init__(self, sentence: str, place: Place | None = None, file: str = ""):
        self.sentence, self.place, self.file = sentence, place, file
        super().__init__(": ".join([*filter(None, (file, place and str(place))), sentence]))


@dataclass(frozen=True, eq=False)
class Value:
    """Something in a template: a text, a number, a truth, nothing, a list of values, or a table of named values.

    ``place`` is where it stands, ``name_place`` where its name stands when it is in a table.
    """

    data: Any
    place: Place
    name_place: Place | None = None

    def __getitem__(self, name: str) -> Value | None:
        """The value called ``name``, when this is a table that has it."""
        return self.data.get(name) if isinstance(self.data, dict) else None

    def at(self, path: str) -> Value | None:
        """The value at a path such as ``"ScalingConfig.MaximumConcurrency"``; ``None`` where there is none."""
        found: Value | None = self
        for name in path.split("."):
            found = found[name] if found else None
        return found


def load(file: str | Path) -> str:
    """The text of ``file``; a ``TemplateError`` when it cannot be a template: missing, too big, not UTF-8."""
    path, most = Path(file), fact("template_size_maximum").value
    try:
        if path.exists() and not path.is_file():
            raise TemplateError("this is not a file.", file=str(path))
        with path.open("rb") as opened:
            raw = opened.read(most + 1)
    except OSError as error:
        raise TemplateError(f"the file cannot be read: {error.strerror or error}.", file=str(path)) from None
    if len(raw) > most:
        size = f"{path.stat().st_size:,} bytes are more than the {most:,} that CloudFormation takes"
        raise TemplateError(f"{size}; split the template into several stacks.", file=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        sentence = f"byte 0x{raw[error.start]:02X} is not UTF-8, in which templates are written; save the file as UTF-8."
        raise TemplateError(sentence, place, str(path)) from None


def parse(text: str, file: str = "") -> Value:
    """The tree of ``text``, which is YAML or JSON; a ``TemplateError`` with line and column when it is neither."""
    if text.lstrip().startswith(("{", "[")):
        text = text.replace("\t", " ")  # JSON allows tabs between its tokens, YAML does not; the columns stay.
    try:
        return _Builder().build(yaml.parse(text, Loader=_Loader))
    except TemplateError as error:
        raise TemplateError(error.sentence, error.place, file) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        sentence = (
            f"this is not YAML: {error.problem}{context}. (Is a quote, a bracket or an indentation wrong, here or above?)"
        )
        raise TemplateError(sentence, _place(mark) if mark else None, file) from None
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise TemplateError(f"the character U+{code:04X} has no place in YAML.", _place_of(text, chr(code)), file) from None


@dataclass
class _Open:
    """A list or a table that is being filled."""

    data: list | dict
    place: Place
    tag: str | None
    anchor: str | None
    size: int = 1
    height: int = 1
    name: str | None = None
    name_place: Place | None = None
    merged: list[dict] = field(default_factory=list)

    def add(self, value: Value, size: int, height: int) -> None:
        self.size += size
        self.height = max(self.height, height + 1)
        if isinstance(self.data, list):
            self.data.append(value)
        elif self.name is None:
            if not isinstance(value.data, str | int | float | bool | None):
                raise TemplateError("a name in a table must be a text, not a list or a table.", value.place)
            self.name, self.name_place = str(value.data), value.place
        else:
            name, self.name = self.name, None
            if name == "<<":
                self._merge(value)
            elif name in self.data:
                first = self.data[name].name_place
                sentence = f"{name!r} stands twice in this table, first in line {first.line}; a name may stand only once."
                raise TemplateError(sentence, self.name_place)
            else:
                self.data[name] = Value(value.data, value.place, self.name_place)

    def _merge(self, value: Value) -> None:
        tables = value.data if isinstance(value.data, list) else [value]
        if not all(isinstance(table.data, dict) for table in tables):
            raise TemplateError("'<<' merges tables, and this is none.", value.place)
        self.merged.extend(table.data for table in tables)

    def close(self) -> Value:
        for table in self.merged:
            for name, value in table.items():
                self.data.setdefault(name, value)
        return _tagged(self.tag, self.data, self.place)


class _Builder:
    def __init__(self) -> None:
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Value, int, int] | None] = {}
        self.root: Value | None = None

    def build(self, events) -> Value:
        for event in events:
            place = _place(event.start_mark)
            if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                raise TemplateError("a second YAML document begins here ('---'); a template is a single one.", place)
            if isinstance(event, yaml.CollectionStartEvent):
                self._start(event, place)
            elif isinstance(event, yaml.CollectionEndEvent):
                closed = self.open.pop()
                self._add(closed.close(), closed.size, closed.height, closed.anchor)
            elif isinstance(event, yaml.ScalarEvent):
                self._add(_scalar(event, place, self._is_name()), 1, 1, event.anchor)
            elif isinstance(event, yaml.AliasEvent):
                self._add_alias(event.anchor, place)
        return self.root or Value(None, Place(1, 1))

    def _is_name(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].data, dict) and self.open[-1].name is None

    def _start(self, event: yaml.CollectionStartEvent, place: Place) -> None:
        if len(self.open) >= MOST_LEVELS:
            raise TemplateError(f"this is nested more than {MOST_LEVELS} levels deep; no template needs that.", place)
        data = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        self.open.append(_Open(data, place, None if event.implicit else event.tag, event.anchor))
        if event.anchor:
            self.anchors[event.anchor] = None  # Until it is closed, an alias of it is a circle.

    def _add(self, value: Value, size: int, height: int, anchor: str | None = None) -> None:
        if anchor:
            self.anchors[anchor] = (value, size, height)
        if not self.open:
            self.root = value
            return
        self.open[-1].add(value, size, height)
        if self.open[-1].size > MOST_VALUES:
            raise TemplateError(
                f"this has more than {MOST_VALUES:,} values, with its aliases; no template needs that.", value.place
            )

    def _add_alias(self, name: str, place: Place) -> None:
        if name not in self.anchors:
            raise TemplateError(f"the alias *{name} has no anchor &{name} above it.", place)
        if self.anchors[name] is None:
            raise TemplateError(f"the alias *{name} stands inside of what it stands for: a circle.", place)
        value, size, height = self.anchors[name]
        if len(self.open) + height > MOST_LEVELS:
            raise TemplateError(f"with its aliases this is nested more than {MOST_LEVELS} levels deep.", place)
        self._add(value, size, height)


def _tagged(tag: str | None, data: Any, place: Place) -> Value:
    """A value, or the intrinsic function that a tag such as ``!Ref`` stands for."""
    if tag in (None, "!") or (
        tag.startswith(_STANDARD) and isinstance(data, list | dict) and tag[len(_STANDARD) :] in ("seq", "map")
    ):
        return Value(data, place)
    if not re.fullmatch(r"![A-Za-z]\w*(::\w+)*", tag):
        shown = tag.replace(_STANDARD, "!!")
        raise TemplateError(f"the tag {shown} is not one that CloudFormation knows; nothing of it was run.", place)
    name = tag[1:] if tag[1:] in _PLAIN else f"Fn::{tag[1:]}"
    if name == "Fn::GetAtt" and isinstance(data, str):
        data = [Value(part, place) for part in data.split(".", 1)]
    return Value({name: Value(data, place)}, place)


def _scalar(event: yaml.ScalarEvent, place: Place, is_name: bool) -> Value:
    if is_name:
        return Value(event.value, place)
    tag = event.tag or ""
    if tag.startswith(_STANDARD) and tag[len(_STANDARD) :] in ("str", "int", "float", "bool", "null"):
        return Value(_constructed(tag, event.value), place)
    if event.tag not in (None, "!"):
        return _tagged(event.tag, event.value, place)
    plain = event.implicit[0]
    return Value(_constructed(_RESOLVER.resolve(yaml.ScalarNode, event.value, (plain, not plain)), event.value), place)


_RESOLVER = yaml.resolver.Resolver()
_CONSTRUCT = yaml.constructor.SafeConstructor()


def _constructed(tag: str, text: str) -> Any:
    """``text`` as YAML 1.1 understands it; dates stay texts, as in CloudFormation."""
    construct = {
        f"{_STANDARD}int": _CONSTRUCT.construct_yaml_int,
        f"{_STANDARD}float": _CONSTRUCT.construct_yaml_float,
        f"{_STANDARD}bool": _CONSTRUCT.construct_yaml_bool,
        f"{_STANDARD}null": _CONSTRUCT.construct_yaml_null,
    }.get(tag)
    if construct is None:
        return text
    try:
        return construct(yaml.ScalarNode(tag, text))
    except (ValueError, KeyError):  # "!!int x", or more digits than Python reads
        return text


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _place_of(text: str, character: str) -> Place | None:
    before, found, _ = text.partition(character)
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n")) if found else None

"""A template with its parameters, conditions and intrinsic functions worked out, as far as the file alone says.

What stands for another resource stays a ``Reference``; what only AWS knows (an import, a macro's output, a parameter without
a default) is ``Unknown``, with the reason. Rules and readers pass over both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdacourse.facts import fact
from lambdacourse.templates.document import MOST_LEVELS, Place, TemplateError, Value

MOST_RESOLVED = 5_000_000
"""Characters that ``Fn::Sub``, ``Fn::Join`` and references to parameters may write in all."""

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": fact("price_region").value,
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/stack/0",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
SAM = "AWS::Serverless-2016-10-31"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"


@dataclass(frozen=True)
class Reference:
    """A resource, by its logical ID, as ``Ref`` (``attribute`` is ``None``) or ``Fn::GetAtt`` names it."""

    name: str
    attribute: str | None = None


@dataclass(frozen=True)
class Unknown:
    """What the file does not say, and why."""

    why: str


@dataclass(frozen=True)
class Text:
    """A text with gaps: what ``Fn::Sub`` and ``Fn::Join`` make of references."""

    parts: tuple[str | Reference | Unknown, ...]


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource: its logical ID, its type, and its properties, worked out."""

    name: str
    type: str
    properties: Value
    place: Place

    def at(self, path: str) -> Value | None:
        """The property at a path such as ``"ScalingConfig.MaximumConcurrency"``."""
        return self.properties.at(path)

    def data(self, path: str, default: Any = None) -> Any:
        """What stands at ``path``; ``default`` when nothing does."""
        value = self.at(path)
        return default if value is None else value.data

    def number(self, path: str, default: float | None = None) -> float | None:
        """The number at ``path``; ``default`` when nothing stands there, ``None`` when the file does not say which."""
        value = self.at(path)
        return default if value is None else as_number(value.data)

    def items(self, path: str) -> list[Value]:
        """The values of the list at ``path``; none when there is no list."""
        data = self.data(path)
        return data if isinstance(data, list) else []

    def place_of(self, path: str) -> Place:
        """Where ``path`` stands, or else where the resource does."""
        value = self.at(path)
        return self.place if value is None else value.place


def as_number(data: Any) -> float | None:
    """``data`` as a number: CloudFormation takes ``"30"`` for 30."""
    if isinstance(data, str):
        try:
            data = float(data) if set(data) - set("0123456789") else int(data)
        except ValueError:
            return None
    return data if isinstance(data, int | float) and not isinstance(data, bool) and data == data else None


@dataclass(eq=False)
class Template:
    """A whole template. ``notes`` has what could not be worked out and is worth saying: (place, sentence)."""

    root: Value
    given: Mapping[str, Any]
    notes: list[tuple[Place, str]] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    """What SAM lets a template say for a resource that it generates: ``Function.Alias``."""

    def __post_init__(self) -> None:
        self._deciding: list[str] = []
        self._decided: dict[str, bool | None] = {}
        self._worked_out: dict[int, tuple[Value, Value]] = {}
        self._written = 0
        unknown = sorted(set(self.given) - set(self._table("Parameters")))
        if unknown:
            raise TemplateError(f"parameters={unknown[0]!r}: the template has no such parameter.")

    @property
    def transforms(self) -> list[str]:
        value = self.root["Transform"]
        names = value.data if value and isinstance(value.data, list) else [value] if value else []
        return [name.data if isinstance(name.data, str) else "AWS::Include" for name in names]

    def _table(self, section: str) -> dict[str, Value]:
        value = self.root[section]
        return value.data if value and isinstance(value.data, dict) else {}

    def resources(self) -> list[Resource]:
        """The resources whose condition holds, or may hold, with their properties worked out."""
        found = []
        for name, value in self._table("Resources").items():
            kind = value["Type"]
            if not isinstance(value.data, dict) or kind is None or not isinstance(kind.data, str):
                continue  # cfn-lint says so.
            condition = value["Condition"]
            if condition and isinstance(condition.data, str) and self.holds(condition.data, condition.place) is False:
                continue
            properties = self.resolve(value["Properties"] or Value({}, value.place))
            if not isinstance(properties.data, dict):
                properties = Value({}, properties.place)
            found.append(Resource(name, kind.data, properties, value.name_place or value.place))
        return found

    def holds(self, name: str, place: Place) -> bool | None:
        """Whether the condition called ``name`` holds; ``None`` when the file does not say."""
        if name in self._deciding:
            circle = " → ".join([*self._deciding[self._deciding.index(name) :], name])
            raise TemplateError(f"conditions that refer to each other in a circle: {circle}.", place)
        if len(self._deciding) >= MOST_LEVELS:
            raise TemplateError(f"a condition that stands on more than {MOST_LEVELS} others; no template needs that.", place)
        if name not in self._decided:
            value = self._table("Conditions").get(name)
            self._deciding.append(name)
            self._decided[name] = self._truth(value) if value else None
            self._deciding.pop()
        return self._decided[name]

    def _truth(self, value: Value) -> bool | None:
        name, argument = _function(value)
        if name == "Condition" and isinstance(argument.data, str):
            return self.holds(argument.data, argument.place)
        if name == "Fn::Equals" and isinstance(argument.data, list) and len(argument.data) == 2:
            one, other = (self.resolve(side).data for side in argument.data)
            plain = str | int | float | bool
            if isinstance(one, plain) and isinstance(other, plain):
                return _as_text(one) == _as_text(other)
            return None
        if name in ("Fn::And", "Fn::Or", "Fn::Not") and isinstance(argument.data, list) and argument.data:
            truths = [self._truth(part) for part in argument.data]
            if name == "Fn::Not":
                return None if truths[0] is None else not truths[0]
            decisive = name == "Fn::Or"
            return decisive if decisive in truths else None if None in truths else not decisive
        return None

    def resolve(self, value: Value) -> Value:
        """``value`` with its intrinsic functions worked out; it keeps its place."""
        key = id(value.data)
        if not isinstance(value.data, dict | list):
            return self._scalar(value)
        if key not in self._worked_out:
            self._worked_out[key] = (value, self._resolve(value))  # The value too, so that its id is not given to another.
        return Value(self._worked_out[key][1].data, value.place, value.name_place)

    def _resolve(self, value: Value) -> Value:
        if isinstance(value.data, list):
            items = [self.resolve(item) for item in value.data]
            return Value([item for item in items if item.data is not _ABSENT], value.place)
        name, argument = _function(value)
        if name and name != "Condition":
            return Value(self._call(name, argument, value.place), value.place)
        table = {name: self.resolve(item) for name, item in value.data.items()}
        return Value({name: item for name, item in table.items() if item.data is not _ABSENT}, value.place)

    def _scalar(self, value: Value) -> Value:
        if isinstance(value.data, str) and "{{resolve:" in value.data:
            return Value(Unknown("a dynamic reference, which AWS looks up"), value.place, value.name_place)
        return value

    def _call(self, name: str, argument: Value, place: Place) -> Any:
        if name == "Ref":
            return self._ref(argument.data, place)
        call = getattr(self, "_fn_" + name.removeprefix("Fn::").lower(), None) if name in _WORKED_OUT else None
        if call is None:
            if name not in _NOT_WORKED_OUT and not name.startswith("Fn::ForEach::"):
                self.notes.append(
                    (place, f"CloudFormation has no intrinsic function {name}; what it stands for was passed over.")
                )
            elif name == "Fn::Transform":
                self.notes.append((place, "a macro (Fn::Transform) writes this part when AWS deploys it; it was passed over."))
            return Unknown(f"{name}, which AWS works out")
        parts = argument.data if isinstance(argument.data, list) else [argument]
        try:
            return call(*parts)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            return Unknown(f"{name} with arguments that it does not take")  # cfn-lint says which.

    def _ref(self, name: Any, place: Place) -> Any:
        if not isinstance(name, str):
            return Unknown("a Ref of what is no name")
        if name == "AWS::NoValue":
            return _ABSENT
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._table("Parameters"):
            return self._parameter(name, self._table("Parameters")[name], place)
        if name.startswith("AWS::"):
            return Unknown(f"the pseudo parameter {name}")
        return Reference(self.renamed.get(name, name))

    def _parameter(self, name: str, declared: Value, place: Place) -> Any:
        kind = declared["Type"].data if declared["Type"] else "String"
        if name in self.given:
            data = self.given[name]
        elif declared["Default"] is None or declared["Default"].data is None:
            return Unknown(f"the parameter {name}, which has no default")
        elif str(kind).startswith("AWS::SSM::"):
            return Unknown(f"the parameter {name}, which AWS looks up in Parameter Store")
        else:
            data = declared["Default"].data
        if kind == "Number":
            return as_number(data)
        if kind == "CommaDelimitedList" or str(kind).startswith("List<"):
            parts = data if isinstance(data, list) else str(data).split(",")
            return [Value(part.strip() if isinstance(part, str) else part, place) for part in parts]
        return data if isinstance(data, list) else self._write(_as_text(data))

    def _write(self, text: str) -> str | Unknown:
        self._written += len(text)
        return text if self._written <= MOST_RESOLVED else Unknown("a text that grows without bounds")

    def _text(self, parts: list[Any]) -> Any:
        """``parts`` as one text; a ``Text`` when some of them stay open."""
        joined: list[Any] = []
        for part in parts:
            for piece in part.parts if isinstance(part, Text) else (part,):
                if isinstance(piece, str | int | float | bool):
                    if joined and isinstance(joined[-1], str):
                        joined[-1] += _as_text(piece)
                    elif piece != "":
                        joined.append(_as_text(piece))
                elif isinstance(piece, Reference | Unknown):
                    joined.append(piece)
                else:
                    joined.append(Unknown("a list or a table within a text"))
        if len(joined) == 1 and isinstance(joined[0], Reference):
            return joined[0]
        if all(isinstance(piece, str) for piece in joined):
            return self._write("".join(joined))
        self._written += sum(len(piece) for piece in joined if isinstance(piece, str))
        return Text(tuple(joined))

    def _fn_getatt(self, resource: Value, *attribute: Value) -> Any:
        whole = ".".join(str(self.resolve(part).data) for part in (resource, *attribute))
        for said, name in self.renamed.items():  # "Function.Alias" and "Function.Alias.AliasArn", as SAM allows them
            if whole == said or whole.startswith(f"{said}."):
                return Reference(name, whole[len(said) + 1 :] or None)
        name, _, path = whole.partition(".")
        return Reference(name, path or None)

    def _fn_sub(self, pattern: Value, variables: Value | None = None) -> Any:
        own = variables.data if variables else {}
        parts: list[Any] = []
        rest = str(pattern.data)
        while "${" in rest:
            before, _, rest = rest.partition("${")
            name, closed, rest = rest.partition("}")
            parts.append(before)
            if not closed or name.startswith("!"):
                parts.append(f"${{{name[1:]}}}" if closed else f"${{{name}")
            elif name.strip() in own:
                parts.append(self.resolve(own[name.strip()]).data)
            else:
                whole = Value(name.strip(), pattern.place)
                parts.append(self._fn_getatt(whole) if "." in whole.data else self._ref(whole.data, pattern.place))
        return self._text([*parts, rest])

    def _fn_join(self, delimiter: Value, items: Value) -> Any:
        parts: list[Any] = []
        found = self.resolve(items).data
        if not isinstance(found, list):
            return Unknown("Fn::Join of a list that AWS works out")
        for item in found:
            parts += [delimiter.data, item.data]
        return self._text(parts[1:])

    def _fn_split(self, delimiter: Value, text: Value) -> Any:
        whole = self.resolve(text).data
        if not isinstance(whole, str):
            return Unknown("Fn::Split of a text that AWS works out")
        return [Value(part, text.place) for part in whole.split(delimiter.data)]

    def _fn_select(self, index: Value, items: Value) -> Any:
        found, number = self.resolve(items).data, as_number(self.resolve(index).data)
        if not isinstance(found, list):
            return Unknown("Fn::Select from a list that AWS works out")
        return found[int(number)].data if number >= 0 else Unknown("Fn::Select with an index below 0")

    def _fn_findinmap(self, table: Value, first: Value, second: Value, *_: Value) -> Any:
        names = [self.resolve(part).data for part in (table, first, second)]
        found = self.root.at("Mappings")
        for name in names:
            found = found[name] if found and isinstance(name, str) else None
        return found.data if found else Unknown("a place in a mapping that the template does not have")

    def _fn_if(self, condition: Value, then: Value, otherwise: Value) -> Any:
        truth = self.holds(condition.data, condition.place)
        if truth is None:
            return Unknown(f"the condition {condition.data}, which depends on what the file does not say")
        return self.resolve(then if truth else otherwise).data

    def _fn_base64(self, value: Value) -> Any:
        return self.resolve(value).data

    def _fn_length(self, *items: Value) -> Any:
        return len(items)


_ABSENT = Reference("AWS::NoValue")
_WORKED_OUT = {f"Fn::{name}" for name in ("Base64", "FindInMap", "GetAtt", "If", "Join", "Length", "Select", "Split", "Sub")}
_NOT_WORKED_OUT = {
    f"Fn::{name}"
    for name in (
        "And", "Cidr", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "GetAZs", "ImportValue", "Not", "Or", "RefAll",
        "ToJsonString", "Transform", "ValueOf", "ValueOfAll",
    )
}  # fmt: skip


def _function(value: Value) -> tuple[str | None, Value]:
    """The intrinsic function that ``value`` calls and its argument; ``None`` when it calls none."""
    if isinstance(value.data, dict) and len(value.data) == 1:
        name, argument = next(iter(value.data.items()))
        if name in ("Ref", "Condition") or name.startswith("Fn::"):
            return name, argument
    return None, value


def _as_text(data: Any) -> str:
    return str(data).lower() if isinstance(data, bool) else str(data)

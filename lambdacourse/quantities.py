"""Numbers as people read them, and as they type them: ``2,500/s``, ``1.5 million``, ``3×10^6``, ``1/8``, ``12.5 %``, ``$0.20``, ``90 s``, ``5000*0.2``.

What can be read in one way is read so; what can be read in two is asked about. And what a wrong one looks like: slips of unit and
magnitude. Predictions, the drill and the checkers of exercises all read and compare numbers with this.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS = {"ceil": math.ceil, "floor": math.floor, "sqrt": math.sqrt, "min": min, "max": max, "round": round}
_LONGEST = 200

FAMILIES: tuple[dict[str, float], ...] = (
    {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3_600.0, "day": 86_400.0, "week": 604_800.0},
    {"KB": 1 / 1_024, "MB": 1.0, "GB": 1_024.0, "TB": 1_024.0**2},
    {"requests/s": 1.0, "requests/min": 1 / 60, "requests/h": 1 / 3_600, "requests/day": 1 / 86_400},
    {"USD": 1.0, "cents": 0.01},
    {"share": 1.0, "%": 0.01},
)
"""Units that one can be written in another: how much of the family's first measure each is."""
_SPELLINGS = {
    "ms": "ms millisecond milliseconds millis msec",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "day days d",
    "week": "week weeks",
    "KB": "kb kib",
    "MB": "mb mib",
    "GB": "gb gib",
    "TB": "tb tib",
    "requests/s": "/s rps req/s requests/s r/s requests/second tps /sec /second persecond requestspersecond requestspers",
    "requests/min": "/min requests/min rpm req/min perminute requestsperminute requests/minute",
    "requests/h": "/h requests/h perhour requestsperhour requests/hour",
    "requests/day": "/day requests/day perday requestsperday",
    "USD": "$ usd dollar dollars",
    "cents": "cent cents ¢",
    "%": "% percent pct",
    "share": "share",
}
_UNITS = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_PER_SECOND = re.compile(r"\s*(?:/|\bper\b|\ba\b)\s*s(?:ec|econd)?$")
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "bn": 1e9, "billion": 1e9}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_NUMBER = r"(?:\d[\d_,.'\u2019]*|\.\d+)(?:e[+-]?\d+)?"

SLIPS = (
    (1_000.0, "1,000 times too large: are there milliseconds where seconds should be?"),
    (1 / 1_000.0, "1,000 times too small: are there seconds where milliseconds should be?"),
    (100.0, "100 times too large: is that percent where a share (0 to 1) is asked for?"),
    (1 / 100.0, "100 times too small: is that a share where percent is asked for?"),
    (60.0, "60 times too large: minutes and seconds?"),
    (1 / 60.0, "60 times too small: minutes and seconds?"),
    (3_600.0, "3,600 times too large: hours and seconds?"),
    (1 / 3_600.0, "3,600 times too small: hours and seconds?"),
    (10.0, "10 times too large."),
    (0.1, "10 times too small."),
    (-1.0, "the right size, with the wrong sign."),
)
"""What a factor between an answer and the truth usually means."""


class Unclear(ValueError):
    """A number that cannot be read, or in more than one way: its text asks the learner what they mean."""


def written(number: float, digits: int = 3) -> str:
    """A figure as one reads it: so many digits where it is small, no decimals where it is large."""
    return f"{number:,.0f}" if abs(number) >= 10 ** (digits - 1) else f"{number:.{digits}g}"


def calculate(expression: str, names: Mapping[str, float] | None = None) -> float:
    """The value of an arithmetic ``expression`` (``+ - * / **``, brackets, ceil, floor, sqrt, min, max, round) over ``names``.

    Raises ``Unclear`` for anything else, and for what has no finite value.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        value = float(_value(tree, names or {}))
    except (SyntaxError, TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as problem:
        raise problem if isinstance(problem, Unclear) else Unclear(f"{expression!r} cannot be worked out.") from None
    if not math.isfinite(value):
        raise Unclear(f"{expression!r} is not a finite number.")
    return value


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, names)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            first, second = _value(left, names), _value(right, names)
            if isinstance(op, ast.Pow):  # as floats: 9**9**9 as whole numbers would never end
                first, second = float(first), float(second)
            result = _OPERATORS[type(op)](first, second)
            if isinstance(result, complex):
                raise Unclear("The root of a negative number is not a number here.")
            return result
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(each, names) for each in arguments))
    raise Unclear(f"{ast.unparse(node)!r} is not a number.")


def read_number(typed: str, unit: str = "") -> float:
    """What ``typed`` means, in ``unit``. Raises ``Unclear``, with a question to the learner, where that is not plain."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: "^" + found[0].translate(_SUPERSCRIPTS), typed.strip())
    if not text:
        raise Unclear("Type a number.")
    if len(text) > _LONGEST:
        raise Unclear(f"That is {len(text)} characters long. Type a number.")
    text = re.sub(r"^(?:about|around|approximately|approx\.?|roughly|circa|ca\.?|~|≈|=)\s*", "", text.lower()).rstrip("?!")
    text = text.replace("×", "*").replace("·", "*").replace("−", "-").replace("–", "-").replace("÷", "/").replace("^", "**")
    text = re.sub(r"(?<=\d)[\s\u00a0\u202f](?=\d{3}(?!\d))", ",", text)
    text = re.sub(r"(?<=[\d)])\s*x\s*(?=[\d(])", "*", text)
    dollars = text.startswith("$")
    body = text.lstrip("$").strip()
    expression, words = _split(body)
    if not expression:
        raise Unclear(f"I see no number in {typed.strip()!r}. Type one, such as 250, 1/8 or 12.5 %.")
    expression = re.sub(_NUMBER, lambda found: _plain(found[0], typed), expression)
    value = calculate(expression)
    if re.fullmatch(r"[\d.]+\s*-\s*[\d.]+", expression) and value < 0:
        raise Unclear(f"{typed.strip()!r} looks like a range. Commit to one number.")
    scale, said = _scale_and_unit(words, typed, unit)
    of_unit = _SCALES.get(unit.partition(" ")[0], 1.0)  # 5.8 million are 5.8 where millions are asked for
    if scale != 1:
        scale /= of_unit
    elif not words and of_unit > 1 and abs(value) >= of_unit:
        raise Unclear(f"Do you mean {value / of_unit:g} or {value:,.12g} {unit}? Write the unit, too.")
    return _convert(value * scale, "USD" if dollars and not said else said, unit, typed)


def _split(text: str) -> tuple[str, str]:
    """The arithmetic at the beginning of ``text``, and the words after it."""
    piece = rf"[-+(\s]*{_NUMBER}[)\s]*"
    found = re.match(rf"{piece}(?:(?:\*\*|[-+*/]){piece})*", text)
    return (found[0].strip(), text[found.end() :].strip()) if found else ("", text)


def _plain(number: str, typed: str) -> str:
    """A number without its thousands separators."""
    digits, e, exponent = number.partition("e")
    digits = digits.rstrip(",.'’_") if not digits.endswith(".") else digits[:-1]
    digits = re.sub(r"(?<=\d)['’_](?=\d{3})", "", digits)
    if re.fullmatch(r"[1-9]\d{0,2}\.\d\d0", digits):
        raise Unclear(
            f"Do you mean {float(digits):g} or {int(digits.replace('.', '')):,}? Leave the zeros at the end, or the point, out."
        )
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits) or re.fullmatch(r"\d*\.?\d+", digits):
        plain = digits.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(\.\d{3}){2,}(,\d+)?", digits) or re.fullmatch(r"\d{1,3}(\.\d{3})+,\d+", digits):
        plain = digits.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d+,\d+", digits):
        raise Unclear(
            f"Do you mean {digits.replace(',', '.')} or {digits.replace(',', '')}? Write the decimal point as a point."
        )
    else:
        raise Unclear(f"I cannot read {number!r} in {typed.strip()!r}. Write it as in 1,250.5.")
    return (plain.lstrip("0") or "0" if "." not in plain else plain) + e + exponent


def _scale_and_unit(words: str, typed: str, unit: str) -> tuple[float, str]:
    """The factor and the unit in the words after a number."""
    rest, scale = words.strip().rstrip("."), 1.0
    if rest in (unit.lower(), unit.lower().rstrip("s")):
        return scale, ""
    first = re.match(r"[a-z]+", rest)
    if first and first[0] in _SCALES and not (first[0] == "m" and unit in FAMILIES[0] | FAMILIES[1]):
        scale, rest = _SCALES[first[0]], rest[first.end() :].strip()
    elif first and first[0] == "m":
        raise Unclear(f"What is m in {typed.strip()!r}: minutes (min), milliseconds (ms), megabytes (MB) or millions?")
    if not rest or rest in (unit.lower(), unit.lower().rstrip("s")):
        return scale, ""
    compact = rest.replace(" ", "").replace("per", "/") if " " in rest else rest
    known = _UNITS.get(rest) or _UNITS.get(compact) or _UNITS.get(compact.replace("/", "per"))
    if known is None and unit == "times" and rest in ("x", "*", "fold", "-fold"):
        return scale, ""
    if known is None and unit and not _family(unit):
        counted, said = (_PER_SECOND.sub("", words) for words in (unit.lower(), rest))
        first_word = re.match(r"[a-z]+", counted)
        if first_word and said.split()[0].rstrip("s") == first_word[0].rstrip("s"):
            return scale, ""
    if known is None:
        wanted = f"The answer is wanted in {unit}." if unit else "The answer is a plain number."
        raise Unclear(f"I do not know the unit {rest!r}. {wanted}")
    return scale, known


def _family(unit: str) -> dict[str, float] | None:
    return next((family for family in FAMILIES if _UNITS.get(unit.lower(), unit) in family), None)


def _convert(value: float, said: str, unit: str, typed: str) -> float:
    """``value`` from the unit it was ``said`` in to ``unit``."""
    if not said or said == unit:
        return value
    family = _family(unit)
    if said == "requests/s" and family is None and _PER_SECOND.search(unit):
        return value
    if family is None or said not in family:
        wanted = f"in {unit}" if unit else "as a plain number"
        raise Unclear(f"{typed.strip()!r} is in {said}, and the answer is wanted {wanted}. Which number do you mean?")
    return value * family[said] / family[_UNITS.get(unit.lower(), unit)]


def name_slip(value: float, expected: float, tolerance: float = 1e-3) -> str:
    """What kind of slip leads from ``expected`` to ``value``, if a usual one does."""
    if not expected or not value:
        return ""
    return next((f"It is {words}" for factor, words in SLIPS if math.isclose(value / expected, factor, rel_tol=tolerance)), "")

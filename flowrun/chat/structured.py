"""response_format: read a reply as data, say what is wrong with it.

The problems are written for the model that gets them back, and short enough for a console.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NoReturn, assert_never

from flowrun.chat.messages import ChatReply, ResponseFormat
from flowrun.chat.schema import compile_schema
from flowrun.digest import MOST_VALUES, JsonValue, canonical, is_crowded
from flowrun.errors import ReplyError

__all__ = ["DEEPEST", "compile_schema", "judge", "parse", "read"]

DEEPEST = 200
"""How many levels of lists and objects a reply may have."""

_LONGEST_EXCERPT = 40
_LONGEST_LINE = 200
_SPACE = re.compile(r"[\s\ufeff]*")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_BRACKET = re.compile(r"[][{}]")


def judge(reply: ChatReply, *, wants_image: bool) -> None:
    """Passes a reply that is whole and holds what was asked for.

    Raises: ReplyError for one that was refused, filtered or cut, that calls a tool although none
    was offered, or that lacks the text or the image.
    """
    if reply.refusal:
        _fail(reply, f"the model refused: {_line(reply.refusal)}", repairable=False)
    match reply.finish_reason:
        case "content_filter":
            _fail(reply, "the provider's content filter stopped the reply", repairable=False)
        case "length":
            _fail(reply, "the reply was cut off at the limit on output tokens: be shorter")
        case "tool_calls":
            _fail(reply, "the reply calls a tool, and none was offered")
        case "stop":
            pass
        case _:
            assert_never(reply.finish_reason)
    if wants_image and not reply.images:
        said = f'; it says "{_line(reply.text)}"' if reply.text.strip() else ""
        _fail(reply, f"the reply holds no image{said}")
    if not wants_image and not reply.text.strip():
        _fail(reply, "the reply is empty")


def read(reply: ChatReply, form: ResponseFormat) -> JsonValue:
    """A reply's text, or its data where `form` asks for JSON.

    Raises: ReplyError, which can be repaired, if it is not JSON or does not fit the schema.
    """
    try:
        text = _whole(reply.text)
        if form.kind == "text":
            return text
        value = parse(text)
    except ValueError as error:
        _fail(reply, f"the reply is not valid {_kind(form)}: {error}", error)
    if form.kind == "json_object" and not isinstance(value, Mapping):
        _fail(reply, "the reply is JSON, but no object")
    if form.schema is not None and (problems := compile_schema(form.schema).problems(value)):
        _fail(reply, f'the reply does not fit the schema "{form.name}": {"; ".join(problems)}')
    return value


def parse(text: str, *, is_exact: bool = False) -> JsonValue:
    """The one JSON value in `text`.

    Taken are strict JSON, one fenced block of it, and one object or array with prose round it
    that has no brackets. Anything else could be read in two ways. `is_exact` takes strict JSON
    only. Raises: ValueError that says what is wrong and where.
    """
    if is_crowded(text):
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    try:
        value = _only(text, 0, len(text)) if is_exact else _found(text)
    except _Fault as fault:
        raise ValueError(fault.placed_in(text)) from fault
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    if _is_deep(text, value):
        raise ValueError(_TOO_DEEP)
    if "\\u" in text:
        try:
            canonical(value)
        except UnicodeEncodeError as error:
            raise ValueError("an escape such as \\ud83d is half of a character") from error
    return value


_TOO_DEEP = f"it has more than {DEEPEST} levels"


class _Fault(ValueError):
    """What is wrong, and the offset at which it shows, None where nobody knows."""

    def __init__(self, problem: str, offset: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset

    def placed_in(self, text: str) -> str:
        if self.offset is None:
            return self.problem
        line = text.count("\n", 0, self.offset) + 1
        column = self.offset - text.rfind("\n", 0, self.offset)
        excerpt = _line(text[self.offset : self.offset + _LONGEST_EXCERPT].split("\n")[0])
        near = f', near "{excerpt}"' if excerpt else ""
        return f"{self.problem} at line {line}, column {column}{near}"


def _found(text: str) -> JsonValue:
    try:
        return _only(text, 0, len(text))
    except _Fault as fault:
        strict = fault
    fences = list(_FENCE.finditer(text))
    if len(fences) == 2:
        return _only(text, fences[0].end(), fences[1].start())
    first = _BRACKET.search(text)
    if first is None:
        raise strict
    value, end = _value(text, first.start())
    if more := _BRACKET.search(text, end):
        raise _Fault("there is more than one JSON value", more.start())
    return value


def _only(text: str, start: int, end: int) -> JsonValue:
    value, stop = _value(text, _after_space(text, start))
    stop = _after_space(text, stop)
    if stop < end:
        raise _Fault("there is more after the JSON value", stop)
    return value


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _value(text: str, start: int) -> tuple[JsonValue, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        problem = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
        raise _Fault(problem, error.pos) from error
    except _Fault:
        raise
    except ValueError as error:
        raise _Fault("a number has too many digits") from error
    return value, end


def _no_constant(name: str) -> NoReturn:
    raise _Fault(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Fault(f"the number {_line(digits)} is too large")
    return value


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise _Fault(f'the key "{_line(twice)}" stands twice in one object')
    return value


_DECODER = json.JSONDecoder(
    parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique
)


def _is_deep(text: str, value: JsonValue) -> bool:
    """Whether a value has too many levels; walks it only if its text has enough brackets."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    level, depth = [value], 0
    while inner := [each for each in level if isinstance(each, list | dict)]:
        depth += 1
        if depth > DEEPEST:
            return True
        level = [child for each in inner for child in _children(each)]
    return False


def _children(value: list[JsonValue] | dict[str, JsonValue]) -> Iterable[JsonValue]:
    return value.values() if isinstance(value, dict) else value


def _whole(text: str) -> str:
    """Joins the halves of characters that came in two pieces. Raises: ValueError for one half."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            raise ValueError("it holds half of a character") from error
    return text


def _kind(form: ResponseFormat) -> str:
    return "text" if form.kind == "text" else "JSON"


def _line(text: str) -> str:
    """What a model said, fit for one line of a message."""
    cut = text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"
    return " ".join("".join(each if each.isprintable() else " " for each in cut).split())


def _fail(
    reply: ChatReply, problem: str, cause: Exception | None = None, *, repairable: bool = True
) -> NoReturn:
    raise ReplyError(problem, text=reply.text, repairable=repairable) from cause

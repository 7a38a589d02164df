"""What a run is given: texts, files and JSON read as the declared inputs want them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

from flowrun.chat.images import Image
from flowrun.chat.structured import compile_schema
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.source import load_value
from flowrun.document.task import Input
from flowrun.errors import FlowrunError, UsageError, did_you_mean
from flowrun.folder import read_regular
from flowrun.run.outputs import plain

_LIMIT_BYTES = 64 * 1024 * 1024
ReadBytes = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Given:
    """One `-i`: text as typed, a file's path, or JSON."""

    form: Literal["text", "file", "json"]
    text: str


def parse(words: Sequence[str]) -> dict[str, Given]:
    """Reads `name=text`, `name=@file` and `name:=json`. Raises: UsageError for other words."""
    found: dict[str, Given] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip(":").strip():
            raise UsageError(f'"-i {word}" has no value: write name=text, name=@file or name:=json')
        if name.endswith(":"):
            name, given = name[:-1], Given("json", text)
        elif text.startswith("@"):
            given = Given("file", text[1:])
        else:
            given = Given("text", text)
        if name in found:
            raise UsageError(f'input "{name}" is given twice')
        found[name] = given
    return found


def _anywhere(name: str) -> bytes:
    return read_regular(Path(name), limit_bytes=_LIMIT_BYTES)


def bind(
    declared: Sequence[Input],
    given: Mapping[str, object],
    *,
    read_default: ReadBytes,
    read_given: ReadBytes | None = _anywhere,
) -> dict[str, object]:
    """The value of every input, checked against its schema.

    `given` holds Given values (from a command line) or plain ones (from Python).
    `read_default` reads a file under the pipeline's folder, for defaults that name one;
    `read_given` the files that plain values name, None if these are never paths but contents.

    Raises: UsageError that names every fault at once.
    """
    problems: list[str] = []
    names = [each.name for each in declared]
    for name in given:
        if name not in names:
            mend = did_you_mean(name, names) or (f"inputs: {', '.join(names)}" if names else "")
            problems.append(f'no input is called "{name}"' + (f"; {mend}" if mend else ""))
    values: dict[str, object] = {}
    for each in declared:
        try:
            values[each.name] = _value(each, given, read_default, read_given)
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return values


def _value(
    declared: Input,
    given: Mapping[str, object],
    read_default: ReadBytes,
    read_given: ReadBytes | None,
) -> object:
    name = declared.name
    if name not in given:
        if declared.is_required:
            hint = f" ({declared.description})" if declared.description else ""
            mend = f": give it with -i {name}=…" if read_given else ""
            raise UsageError(f'input "{name}" is required{hint}{mend}')
        value = declared.default
        if declared.kind != "data" and isinstance(value, str):
            return _file(declared, value, read_default)
        return _checked(declared, value)
    value = given[name]
    if isinstance(value, Given):
        return _from_words(declared, value)
    if read_given is None:
        if declared.kind == "image" and not isinstance(value, Image):
            raise UsageError(f'input "{name}" must be an image')
    elif declared.kind != "data" and isinstance(value, str | Path):
        return _file(declared, str(value), read_given)
    return _checked(declared, value)


def _from_words(declared: Input, given: Given) -> object:
    name = declared.name
    if given.form == "json":
        if declared.kind == "image":
            raise UsageError(f'input "{name}" is an image: give it with -i {name}=@picture.png')
        return _checked(declared, _json(name, given.text))
    if given.form == "file" or declared.kind != "data":
        return _file(declared, given.text, _anywhere)
    return _checked(declared, _typed(declared, given.text))


def _typed(declared: Input, text: str) -> object:
    """Text for an input that is declared as another plain type is read as JSON."""
    kind = declared.schema.get("type")
    if kind not in ("integer", "number", "boolean", "array", "object", "null"):
        return text
    try:
        return _json(declared.name, text)
    except UsageError as error:
        example = {"array": """, such as '["a", "b"]'""", "object": """, such as '{"a": "b"}'"""}
        wanted = f'must be of type "{kind}"{example.get(kind, "")}'
        raise UsageError(f'input "{declared.name}" {wanted}, not "{text:.60}"') from error


def _json(name: str, text: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f'input "{name}" is not JSON: {error}') from error
    return found


def _file(declared: Input, name: str, read: ReadBytes) -> object:
    return _checked(declared, _content(declared, name, read(name)))


def _content(declared: Input, name: str, data: bytes) -> object:
    """A file's content as the input wants it: an image, text, or data by the file's suffix."""
    suffix = Path(name).suffix.lower()
    if declared.kind == "image" or (declared.kind == "data" and suffix in _PICTURES):
        try:
            return Image.from_bytes(data)
        except ValueError as error:
            raise UsageError(f'"{name}" is no image: {error}') from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f'"{name}" is not UTF-8 text: byte {error.start} is wrong') from error
    try:
        return _parsed(text, suffix, name)
    except (ValueError, RecursionError, csv.Error) as error:
        raise UsageError(f'"{name}" cannot be read as {suffix[1:]}: {error}') from error
    except FlowrunError as error:
        raise UsageError(str(error)) from error


def _parsed(text: str, suffix: str, name: str) -> object:
    match suffix:
        case ".json":
            return json.loads(text)
        case ".jsonl":
            return [_line(number, each) for number, each in _lines(text)]
        case ".yaml" | ".yml":
            return load_value(text, name).data
        case ".csv":
            return _rows(text)
        case _:
            return text


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers; only a line feed ends one."""
    return [(number, each) for number, each in enumerate(text.split("\n"), 1) if each.strip()]


def _line(number: int, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error


def _rows(text: str) -> list[dict[str, str | None]]:
    """The rows of a table whose first line names the columns; what a row lacks is null."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    names = list(reader.fieldnames or ())
    if len(set(names)) < len(names):
        raise ValueError("two columns have one name")
    rows = list(reader)
    for number, row in enumerate(rows, 1):
        if None in row:
            raise ValueError(f"row {number} has more cells than there are columns")
    return rows


_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp"))


def _checked(declared: Input, value: object) -> object:
    name = declared.name
    if declared.kind == "image":
        if isinstance(value, Image):
            return value
        raise UsageError(f'input "{name}" must be an image or the path of one')
    if isinstance(value, Image):
        raise UsageError(f'input "{name}" is not declared as an image')
    problem = _unfit(value)
    if problem:
        raise UsageError(f'input "{name}" {problem}')
    if declared.kind == "data" and declared.schema:
        problems = compile_schema(declared.schema).problems(cast(JsonValue, plain(value)))
        if problems:
            raise UsageError(f'input "{name}": {problems[0]}')
    return value


_DEEPEST = 100


def _unfit(value: object) -> str:
    """Why a value is no data that templates and requests can take; nothing if it is."""
    level, depth = [value], 0
    while level:
        if depth > _DEEPEST:
            return f"nests lists or objects more than {_DEEPEST} deep"
        inner: list[object] = []
        for each in level:
            problem = _unfit_itself(each)
            if problem:
                return problem
            if isinstance(each, Mapping):
                inner += [*each.keys(), *each.values()]
            elif isinstance(each, list | tuple):
                inner += each
        level, depth = inner, depth + 1
    return ""


def _unfit_itself(value: object) -> str:
    match value:
        case None | bool() | int() | list() | tuple() | Image():
            return ""
        case float():
            return "" if math.isfinite(value) else "holds a number that JSON does not have"
        case str():
            return _half_character(value)
        case Mapping():
            is_data = all(isinstance(key, str) for key in value)
            return "" if is_data else "has an object with a key that is no text"
        case _:
            return f"must be plain data, not {type(value).__name__}"


def _half_character(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a character, or bytes that are no UTF-8"
    return ""

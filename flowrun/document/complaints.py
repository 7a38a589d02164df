"""What pydantic finds wrong with the form of a file, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flowrun.digest import JsonValue
from flowrun.document.source import Loaded, Path
from flowrun.document.spec import (
    Asking,
    FileText,
    ImagePart,
    ImageReference,
    JsonSchemaFormat,
    MessageSpec,
    Model,
    OutputForm,
    Pipeline,
    Step,
    TextPart,
    WireFormat,
)
from flowrun.document.vocabulary import NOT_YET, NOT_YET_DEFAULTS, NOT_YET_TOP
from flowrun.errors import Diagnostic, did_you_mean


class Problem(NamedTuple):
    """What pydantic says of one place; `branch` is the last alternative or key it names."""

    kind: str
    branch: str
    context: Mapping[str, object]


KIND_ERRORS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
}
"""Errors that say only that a value is of the wrong kind, and which it should be of."""


def explained(loaded: Loaded, data: JsonValue, path: Path, found: Sequence[Problem]) -> Diagnostic:
    """The one fault of a place, of all that pydantic says of it."""
    telling = [each for each in found if each.kind not in KIND_ERRORS]
    if telling:
        match telling[0].kind:
            case "extra_forbidden":
                return _unknown_key(loaded, path, data)
            case "missing":
                return _missing_key(loaded, path, telling[0].branch)
            case _:
                value = _at(data, path)
                requirement = _requirement(telling[0], value)
                words = re.findall("'([^']+)'", str(telling[0].context.get("expected", "")))
                mend = did_you_mean(value, words) if isinstance(value, str) else ""
                return _bad_value(loaded, data, path, requirement, mend=mend)
    wanted = list(dict.fromkeys(KIND_ERRORS[each.kind] for each in found))
    if "a mapping" in wanted and any(each.branch == "FileText" for each in found):
        wanted[wanted.index("a mapping")] = "{file: …}"
    requirement = f"must be {_either(wanted)}, not {_shown(_at(data, path))}"
    return _bad_value(loaded, data, path, requirement, mend=_mend(data, path, wanted))


def _mend(data: JsonValue, path: Path, wanted: Sequence[str]) -> str:
    """How to write the value that is there so that it is of a kind that is wanted."""
    match _at(data, path), wanted:
        case str(text), ["true or false"] if text in _TRUTHS:
            return f"write {_TRUTHS[text]}"
        case str(text), [*_, "a mapping"] if _UNSPACED.match(text):
            return 'write a blank behind ":"'
        case str(text), [*_, "a list"] if "\n" not in text:
            return f"write [{text}]"
        case list(), ["text", "a mapping"] if path[-1] == "foreach":
            return "write the list as an expression, in quotes"
    return ""


_UNSPACED = re.compile(r"[\w-]+:[^\s:/]")
_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.1 took for truths, and people still write."""


_REQUIREMENTS = {
    "empty": "must not be empty",
    "greater_than_equal": "must be {ge} or more, not {value}",
    "greater_than": "must be above {gt}, not {value}",
    "less_than_equal": "must be {le} or less, not {value}",
    "literal_error": "must be {expected}, not {value}",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have {max_length} entries at most, not {actual_length}",
    "union_tag_invalid": 'must have a "type" of "text" or "image_url"',
    "union_tag_not_found": 'must have a "type" of "text" or "image_url"',
    "value_error": "{error}, not {value}",
}


def _requirement(problem: Problem, value: JsonValue) -> str:
    known = _REQUIREMENTS.get(problem.kind, "is not of the form that the language gives it")
    context = {
        name: f"{each:g}" if isinstance(each, float) else str(each)
        for name, each in problem.context.items()
    }
    if "expected" in context:
        context["expected"] = context["expected"].replace("'", '"')
    return known.format(**context, value=_shown(value))


def _bad_value(
    loaded: Loaded, data: JsonValue, path: Path, requirement: str, *, mend: str = ""
) -> Diagnostic:
    return loaded.diagnostic(
        loaded.mark(path),
        f"{_label(path)} {requirement}",
        "wrong-value",
        mend=mend,
        length=_length(_at(data, path)),
    )


def _label(path: Path) -> str:
    match path:
        case ():
            return "the file"
        case (*_, str(section), int(index)):
            return f'entry {index + 1} of "{section}"'
    return f'"{path[-1]}"'


def _at(data: JsonValue, path: Path) -> JsonValue:
    for part in path:
        data = inside(data, part)
    return data


def _shown(value: JsonValue) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
        case int() | float():
            return str(value) if abs(value) < 10**30 else "so large a number"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


def _length(value: JsonValue) -> int:
    return len(value.partition("\n")[0]) if isinstance(value, str) else len(_shown(value))


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _model_at(path: Path, data: JsonValue) -> type[Model]:
    """The part of the language whose keys stand at `path`."""
    match path:
        case ():
            return Pipeline
        case ("defaults",):
            return Asking
        case ("steps", _):
            return Step
        case ("outputs", _):
            return OutputForm
        case (*_, "response_format"):
            return WireFormat
        case (*_, "json_schema"):
            return JsonSchemaFormat
        case (*_, "messages", int()):
            return MessageSpec
        case (*_, "content", int()):
            part = _at(data, path)
            is_image = isinstance(part, Mapping) and part.get("type") == "image_url"
            return ImagePart if is_image else TextPart
        case (*_, "image_url"):
            return ImageReference
        case _:
            return FileText


def _is_not_yet(path: Path) -> bool:
    match path:
        case (str(key),):
            return key in NOT_YET_TOP
        case ("defaults", str(key)):
            return key in NOT_YET_DEFAULTS
        case ("steps", _, str(key)):
            return key in NOT_YET
        case _:
            return False


def _unknown_key(loaded: Loaded, path: Path, data: JsonValue) -> Diagnostic:
    key = str(path[-1])
    mark = loaded.key_mark(path)
    if _is_not_yet(path):
        return loaded.diagnostic(
            mark,
            f'"{key}" is not yet supported',
            "not-yet-supported",
            why="the language has this word, but this release cannot run it",
            mend="leave it out, or use a later release",
            length=len(key),
        )
    known = known_keys(_model_at(path[:-1], data))
    near = did_you_mean(key.lower().replace("-", "_"), known)
    word, blank, rest = key.partition(" ")
    if blank and word in known:
        near = f'write "{word}: {rest}"'
    return loaded.diagnostic(
        mark,
        f'unknown key "{key}"',
        "unknown-key",
        why="" if near else f"known here: {', '.join(sorted(known))}",
        mend=near or "leave it out; keys of your own start with x-",
        length=len(key),
    )


def _missing_key(loaded: Loaded, path: Path, key: str) -> Diagnostic:
    name = path[-1] if path else 0
    return loaded.diagnostic(
        loaded.key_mark(path) if path else loaded.mark(path),
        f'{_label(path)} has no "{key}"',
        "missing-key",
        mend=f'add "{key}"',
        length=len(name) if isinstance(name, str) else 1,
    )


def inside(data: JsonValue, part: str | int) -> JsonValue:
    """The part of the data that stands there."""
    if isinstance(data, Mapping):
        return data[str(part)]
    assert isinstance(data, list)
    found: JsonValue = data[int(part)]
    return found


def known_keys(model: type[Model]) -> list[str]:
    """The keys of a part of the language, as written in the file."""
    return [field.alias or name for name, field in model.model_fields.items()]

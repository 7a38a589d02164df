"""What pydantic finds wrong with the form of a file, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from flowrun.digest import JsonValue
from flowrun.document.anatomy import known_keys, model_at, place_of
from flowrun.document.mends import mend_of, mend_of_form
from flowrun.document.source import Loaded, Path
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
                keys = [each.branch for each in telling if each.kind == "missing"]
                return _missing_keys(loaded, path, keys)
            case _:
                return _ill_formed(loaded, data, path, telling[0])
    wanted = list(dict.fromkeys(KIND_ERRORS[each.kind] for each in found))
    if "a mapping" in wanted and any(each.branch == "FileText" for each in found):
        wanted[wanted.index("a mapping")] = "{file: …}"
    value = _at(data, path)
    requirement = f"must be {_either(wanted)}, not {_shown(value)}"
    return _bad_value(loaded, data, path, requirement, mend=mend_of(value, path, wanted))


def _ill_formed(loaded: Loaded, data: JsonValue, path: Path, problem: Problem) -> Diagnostic:
    value = _at(data, path)
    mend = _mend_of_form(value, problem) if isinstance(value, str) else ""
    found = _bad_value(loaded, data, path, _requirement(problem, value), mend=mend)
    if problem.kind == "header":
        return replace(found, mark=loaded.key_mark(path), length=len(str(path[-1])))
    if problem.kind == "variable" and not mend:
        # Whoever wrote a key where its variable's name belongs should not find it in a log.
        return replace(found, excerpt="", why="what is secret stands in the environment only")
    return found


def _mend_of_form(text: str, problem: Problem) -> str:
    words = re.findall("'([^']+)'", str(problem.context.get("expected", "")))
    near = (did_you_mean(each, words) for each in (text, text.lower(), text.upper()))
    return mend_of_form(text, problem.kind) or next(filter(None, near), "")


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
    "literal": "must be written out: it cannot be a template",
    "python_name": "must be MODULE:FUNCTION, not {value}",
    "variable": "must be the name of an environment variable",
    "header": "cannot be the name of a header",
    "twice": 'names "{name}" twice',
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


def _unknown_key(loaded: Loaded, path: Path, data: JsonValue) -> Diagnostic:
    key = str(path[-1])
    mark = loaded.key_mark(path)
    model = model_at(path[:-1], _at(data, path[:-1]))
    known = known_keys(model)
    near = did_you_mean(key.lower().replace("-", "_"), known)
    word, blank, rest = key.partition(" ")
    if blank and word in known:
        near = f'write "{word}: {rest}"'
    near = place_of(key, path[:-1], model) or near
    return loaded.diagnostic(
        mark,
        f'unknown key "{key}"',
        "unknown-key",
        why="" if near else f"known here: {', '.join(sorted(known))}",
        mend=near or "leave it out; keys of your own start with x-",
        length=len(key),
    )


def _missing_keys(loaded: Loaded, path: Path, keys: Sequence[str]) -> Diagnostic:
    name = path[-1] if path else 0
    missing = [f'"{key}"' for key in keys]
    adding = [f'"{key}"{_MEANINGS.get((name, key), "")}' for key in keys]
    return loaded.diagnostic(
        loaded.key_mark(path) if path else loaded.mark(path),
        f"{_label(path)} has no {' and no '.join(missing)}",
        "missing-key",
        mend=_INSTEAD.get(name, f"add {' and '.join(adding)}"),
        length=len(name) if isinstance(name, str) else 1,
    )


_MEANINGS: Mapping[tuple[str | int, str], str] = {
    ("repeat", "until"): " (the expression that ends it)",
    ("repeat", "max"): " (how many rounds there may be)",
    ("budget", "usd"): " (the most that may be spent, in US dollars)",
    ("http", "url"): " (where the request is sent)",
    ("shell", "command"): " (the program and its arguments)",
}
"""What a missing key is for, by the key that holds it."""

_INSTEAD: Mapping[str | int, str] = {
    "tool_choice": "write the tool's name alone, or {type: function, function: {name: TOOL}}",
}
"""How a mapping is written in which something is missing."""


def inside(data: JsonValue, part: str | int) -> JsonValue:
    """The part of the data that stands there."""
    if isinstance(data, Mapping):
        return data[str(part)]
    assert isinstance(data, list)
    found: JsonValue = data[int(part)]
    return found

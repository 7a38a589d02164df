"""The language's own filters, so that reshaping data needs no Python."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from flowrun.document.attributes import splitted
from flowrun.document.budget import NODE, weigh
from flowrun.document.costs import Filter, many_of, number_of, size_of
from flowrun.document.faults import Refusal, kind_of
from flowrun.document.jinja_filters import to_json
from flowrun.document.patterns import matches
from flowrun.document.printing import as_json, refusal
from flowrun.document.scope import BoundedContext
from flowrun.document.source import load_value
from flowrun.errors import PipelineError

_JSON_FACTOR = 16
_YAML_FACTOR = 256
_SPLIT = splitted("split")
_NOT_WORD = re.compile(r"[\W_]+")
_GROUP = re.compile(r"\\(\\|\d{1,2}|g<(\d{1,2})>)")


def from_json(context: BoundedContext, value: object) -> object:
    """The data that a text says in JSON."""
    text = _text(context, value, _JSON_FACTOR)
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise Refusal(
            f"cannot read JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None


def from_yaml(context: BoundedContext, value: object) -> object:
    """The data that a text says in YAML."""
    text = _text(context, value, _YAML_FACTOR)
    try:
        return load_value(text, "text").data
    except PipelineError as error:
        first = error.diagnostics[0]
        where = f"line {first.mark.line}, column {first.mark.column}"
        raise Refusal(f"cannot read YAML: {first.message} at {where}") from None


def slug(context: BoundedContext, value: object) -> str:
    """The text as part of a file name or an address: small letters, digits and hyphens."""
    text = unicodedata.normalize("NFKD", _text(context, value, 512).casefold())
    letters = "".join(char for char in text if not unicodedata.combining(char))
    return _NOT_WORD.sub("-", letters).strip("-")


def chunk(context: BoundedContext, value: object, size: int, overlap: int = 0) -> list[str]:
    """Pieces of `size` characters; each begins with the last `overlap` of the one before."""
    text = _text(context, value, 0)
    step = size_of(size) - size_of(overlap)
    if size < 1 or overlap < 0 or step < 1:
        raise Refusal("takes a size of at least 1 and an overlap below the size")
    starts = range(0, max(1, len(text) - overlap), step)
    context.budget.spend(len(starts) * (size + 4 * NODE))
    return [text[start : start + size] for start in starts]


def split(context: BoundedContext, value: object, separator: str | None = None) -> object:
    """The parts of a text between separators; without one, its words."""
    text = _text(context, value, 0)
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise refusal("takes text as its separator", separator)
    return _SPLIT(context.budget, text, separator)


def regex_search(context: BoundedContext, value: object, pattern: str) -> str | None:
    """The first place that fits: its first group if the pattern has one, or the whole."""
    text = _text(context, value, 0)
    for match in matches(context.budget, _pattern(pattern), text):
        return match.group(1 if match.groups() else 0)
    return None


def regex_replace(context: BoundedContext, value: object, pattern: str, replacement: str) -> str:
    r"""The text with what fits replaced; `\1` in the replacement stands for the first group."""
    text = _text(context, value, 0)
    if not isinstance(replacement, str):
        raise refusal(f"takes text as the replacement, not {kind_of(replacement)}", replacement)
    done, pieces = 0, []
    for match in matches(context.budget, _pattern(pattern), text):
        groups = (match.group(), *match.groups())
        context.budget.text(len(replacement) + len(groups[0] or "") * replacement.count("\\"))
        pieces += [text[done : match.start()], _expanded(replacement, groups)]
        done = match.end()
    context.budget.text(sum(map(len, pieces)) + len(text) - done)
    return "".join([*pieces, text[done:]])


def flatten(context: BoundedContext, value: object, depth: int | None = None) -> Iterator[object]:
    """The items of a list of lists in one list; `depth` says how many levels are opened."""
    for item in _list(context, value):
        if isinstance(item, (list, tuple)) and (depth is None or depth > 0):
            yield from flatten(context, item, None if depth is None else depth - 1)
        else:
            yield item


def zip_with(context: BoundedContext, value: object, *others: object) -> list[list[object]]:
    """The first items of all lists together, then the second ones, and so on."""
    lists = [_list(context, each) for each in (value, *others)]
    if len({len(each) for each in lists}) > 1:
        lengths = " and ".join(str(len(each)) for each in lists)
        raise Refusal(f"takes lists of one length, not of {lengths}")
    context.budget.spend(5 * NODE * len(lists[0]))
    return [list(each) for each in zip(*lists, strict=True)]


def product(context: BoundedContext, value: object, *others: object) -> list[list[object]]:
    """Every combination of one item from each list, the last list fastest."""
    lists = [_list(context, each) for each in (value, *others)]
    count = math.prod(len(each) for each in lists)
    context.budget.spend(count * (4 * NODE + 8 * len(lists)))
    return [list(each) for each in itertools.product(*lists)]


def group_by_key(context: BoundedContext, value: object, key: str) -> dict[str, list[object]]:
    """The items by what they have under `key`, in the order in which that first comes."""
    groups: dict[str, list[object]] = {}
    for item in _list(context, value):
        if not isinstance(item, Mapping):
            raise refusal(f"takes a list of objects, and it holds {kind_of(item)}", item)
        if key not in item:
            raise Refusal(f'takes objects with the field "{key}", and one has none')
        name = item[key] if isinstance(item[key], str) else as_json(context.budget, item[key])
        groups.setdefault(name, []).append(item)
        context.budget.spend(2 * NODE)
    return groups


def mean(context: BoundedContext, value: object) -> float:
    """The sum of the numbers divided by how many they are."""
    numbers = _numbers(context, value)
    return math.fsum(numbers) / len(numbers)


def median(context: BoundedContext, value: object) -> int | float:
    """The number in the middle; of an even count, the mean of the two there."""
    numbers = sorted(_numbers(context, value))
    middle = len(numbers) // 2
    if len(numbers) % 2:
        return numbers[middle]
    return (numbers[middle - 1] + numbers[middle]) / 2


def most_common(context: BoundedContext, value: object, n: int | None = None) -> object:
    """The value that comes most often, the first of several; with `n`, the n most frequent."""
    order = _by_frequency(context, _list(context, value))
    return order[0][0] if n is None else [each[0] for each in order[: max(0, size_of(n))]]


def _by_frequency(context: BoundedContext, items: Sequence[object]) -> list[list[object]]:
    """Equal items together, the most frequent ones first."""
    if not items:
        raise Refusal("takes a list with items, not an empty one")
    weigh(context.budget, items)
    found: dict[str, list[object]] = {}
    for item in items:
        text = as_json(context.budget, item)
        if "{" in text:  # objects are equal in whatever order their fields stand
            text = json.dumps(json.loads(text), sort_keys=True)
        found.setdefault(text, []).append(item)
    return sorted(found.values(), key=len, reverse=True)


def agreement(context: BoundedContext, value: object) -> dict[str, object]:
    """The most frequent value and its share of the list; of objects, so for every field.

    What an object does not have, and null in its place, counts against each of its fields.
    """
    items = _list(context, value)
    objects = [item for item in items if isinstance(item, Mapping)]
    if not objects or any(not isinstance(item, (Mapping, type(None))) for item in items):
        return _agreed(context, items, len(items))
    fields: dict[str, list[object]] = {}
    for item in objects:
        context.budget.many(len(item))
        for name, each in item.items():
            fields.setdefault(str(name), []).append(each)
    return {name: _agreed(context, each, len(items)) for name, each in fields.items()}


def _agreed(context: BoundedContext, values: Sequence[object], count: int) -> dict[str, object]:
    frequent = _by_frequency(context, values)[0]
    return {"value": frequent[0], "share": len(frequent) / count}


def sha256(context: BoundedContext, value: object) -> str:
    """The SHA-256 of the text's UTF-8, as 64 hex digits."""
    return hashlib.sha256(_text(context, value, 1).encode()).hexdigest()


def b64encode(context: BoundedContext, value: object) -> str:
    """The text's UTF-8 in Base64."""
    return base64.b64encode(_text(context, value, 6).encode()).decode()


FILTERS: Mapping[str, Filter] = {
    "agreement": agreement,
    "b64encode": b64encode,
    "chunk": chunk,
    "flatten": flatten,
    "from_json": from_json,
    "from_yaml": from_yaml,
    "group_by_key": group_by_key,
    "mean": mean,
    "median": median,
    "most_common": most_common,
    "product": product,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "sha256": sha256,
    "slug": slug,
    "split": split,
    "to_json": to_json,
    "zip_with": zip_with,
}
"""The filters that Jinja does not have."""


def _text(context: BoundedContext, value: object, factor: int) -> str:
    if not isinstance(value, str):
        raise refusal(f"takes text, not {kind_of(value)}", value)
    context.budget.text(len(value))
    context.budget.spend(factor * len(value))
    return str(value)


def _list(context: BoundedContext, value: object) -> Sequence[object]:
    if not isinstance(value, (list, tuple, range)):
        raise refusal(f"takes a list, not {kind_of(value)}", value)
    many_of(context, value)
    return value


def _numbers(context: BoundedContext, value: object) -> list[int | float]:
    numbers = [number_of(each) for each in _list(context, value)]
    if not numbers:
        raise Refusal("takes a list with numbers, not an empty one")
    return numbers


def _pattern(pattern: object) -> str:
    if not isinstance(pattern, str):
        raise refusal(f"takes text as its pattern, not {kind_of(pattern)}", pattern)
    return pattern


def _expanded(replacement: str, groups: tuple[str | None, ...]) -> str:
    def group(match: re.Match[str]) -> str:
        if match[1] == "\\":
            return "\\"
        number = int(match[2] or match[1])
        if number >= len(groups):
            raise Refusal(f"has no group {number} in its pattern")
        return groups[number] or ""

    return _GROUP.sub(group, replacement)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Refusal("cannot read JSON: a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise Refusal(f"cannot read JSON: {name} is no number")

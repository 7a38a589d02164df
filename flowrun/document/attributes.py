"""What a template may read of a value after a dot: fields of data, and a fixed set of methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from flowrun.chat.images import Image
from flowrun.document.budget import Budget, weigh
from flowrun.document.faults import kind_of
from flowrun.document.printing import as_text, refusal, scalar_key

Implementation: TypeAlias = Callable[..., object]
"""A method: takes the budget, the value it belongs to, and the arguments."""

IMAGE_FIELDS = frozenset(("mime_type", "width", "height", "sha256", "text"))


class Method:
    """A method of a value, not yet called."""

    __slots__ = ("implementation", "name", "subject")

    def __init__(self, name: str, implementation: Implementation, subject: object) -> None:
        self.name = name
        self.implementation = implementation
        self.subject = subject

    def call(self, budget: Budget, *args: object, **kwargs: object) -> object:
        """What the method gives.

        Raises: Refusal and TypeError for arguments that do not fit.
        """
        return self.implementation(budget, self.subject, *args, **kwargs)


def method_of(value: object, name: str) -> Method | None:
    """The method of that name, if values of this kind have it."""
    for kind, methods in METHODS.items():
        if isinstance(value, kind):
            found = methods.get(name)
            return None if found is None else Method(name, found, value)
    return None


def image_field(image: Image, name: str) -> object:
    """A field of an image; its bytes are none."""
    return getattr(image, name)


def names_of(value: object) -> tuple[str, ...]:
    """What may be read of a value after a dot, for suggestions."""
    if isinstance(value, Image):
        return tuple(sorted(IMAGE_FIELDS))
    if isinstance(value, Mapping):
        return tuple(key for key in value if isinstance(key, str))
    return tuple(
        name for kind, methods in METHODS.items() if isinstance(value, kind) for name in methods
    )


def _native(name: str) -> Implementation:
    """A method of text whose result is about as large as the text."""

    def call(budget: Budget, text: str, *args: object, **kwargs: object) -> object:
        for each in (*args, *kwargs.values()):
            if not isinstance(each, (str, int, type(None))):
                raise refusal(f"takes text or a number, not {kind_of(each)}", each)
        budget.text(len(text))
        result: object = getattr(str, name)(text, *args, **kwargs)
        return result

    return call


def _affix(name: str) -> Implementation:
    """`startswith` and `endswith`, which take one text or several."""

    def call(budget: Budget, text: str, affix: object, *bounds: int) -> object:
        budget.spend(len(text))
        several = tuple(affix) if isinstance(affix, (list, tuple)) else affix
        result: object = getattr(str, name)(text, several, *bounds)
        return result

    return call


def _padded(name: str) -> Implementation:
    """The methods that make a text as wide as they are told."""

    def call(budget: Budget, text: str, width: int, *fill: str) -> object:
        budget.text(max(len(text), int(width)))
        result: object = getattr(str, name)(text, width, *fill)
        return result

    return call


def replaced(budget: Budget, text: str, old: str, new: str, count: int = -1) -> str:
    """The text with `old` replaced, its size known before it is made."""
    budget.text(len(text))
    found = text.count(old)
    if 0 <= count < found:
        found = count
    budget.text(len(text) + found * max(0, len(new) - len(old)))
    return text.replace(old, new, count)


def joined(budget: Budget, separator: str, items: object) -> str:
    """The items as one text."""
    if isinstance(items, str) or not isinstance(items, (list, tuple, Mapping, range, str)):
        raise refusal(f"takes a list, not {kind_of(items)}", items)
    budget.many(len(items))
    texts = [as_text(budget, item) for item in items]
    budget.text(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def splitted(name: str) -> Implementation:
    """The methods that cut a text at a separator, the number of pieces known before."""

    def call(budget: Budget, text: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
        budget.text(len(text))
        pieces = text.count(sep) if sep else len(text) // 2
        if sep is None:
            pieces = len(text.split(None, 1000)) if len(text) < 1000 else pieces
        pieces = min(pieces, maxsplit) if maxsplit >= 0 else pieces
        budget.spend(60 * (pieces + 1))
        result: list[str] = getattr(str, name)(text, sep, maxsplit)
        return result

    return call


def lines(budget: Budget, text: str, keepends: bool = False) -> list[str]:
    """The lines of a text."""
    budget.text(len(text))
    budget.spend(60 * (text.count("\n") + text.count("\r") + 1))
    return text.splitlines(keepends)


def _parts(name: str) -> Implementation:
    def call(budget: Budget, text: str, sep: str) -> list[str]:
        budget.text(len(text))
        return list(getattr(str, name)(text, sep))

    return call


def _get(
    budget: Budget, data: Mapping[object, object], key: object, default: object = None
) -> object:
    budget.spend(8)
    return data.get(scalar_key(key), default)


def pairs(budget: Budget, data: Mapping[object, object]) -> list[list[object]]:
    """The keys and values of an object as pairs."""
    budget.spend(80 * len(data))
    return [[key, value] for key, value in data.items()]


def _keys(budget: Budget, data: Mapping[object, object]) -> list[object]:
    budget.many(len(data))
    return list(data)


def _values(budget: Budget, data: Mapping[object, object]) -> list[object]:
    budget.many(len(data))
    return list(data.values())


def _count(budget: Budget, items: list[object], item: object) -> int:
    weigh(budget, items, item)
    return list(items).count(item)


def _index(budget: Budget, items: list[object], item: object) -> int:
    weigh(budget, items, item)
    return list(items).index(item)


_NATIVE = (
    *("capitalize", "casefold", "count", "find", "index", "isalnum", "isalpha", "isascii"),
    *("isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace"),
    *("istitle", "isupper", "lower", "lstrip", "removeprefix", "removesuffix", "rfind", "rindex"),
    *("rstrip", "strip", "swapcase", "title", "upper"),
)
METHODS: Mapping[type, Mapping[str, Implementation]] = {
    str: {
        **{name: _native(name) for name in _NATIVE},
        **{name: _affix(name) for name in ("startswith", "endswith")},
        **{name: _padded(name) for name in ("center", "ljust", "rjust", "zfill")},
        **{name: splitted(name) for name in ("split", "rsplit")},
        **{name: _parts(name) for name in ("partition", "rpartition")},
        "join": joined,
        "replace": replaced,
        "splitlines": lines,
    },
    Mapping: {"get": _get, "items": pairs, "keys": _keys, "values": _values},
    list: {"count": _count, "index": _index},
    tuple: {"count": _count, "index": _index},
}
"""What may be called on each kind of data; nothing else of Python's is reachable."""

"""What a tool gave: made plain, as the store keeps it, and as a model is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from flowrun.chat.images import Image
from flowrun.chat.messages import Part, Text
from flowrun.chat.structured import DEEPEST
from flowrun.digest import JsonValue, canonical
from flowrun.errors import ToolError

Place: TypeAlias = tuple[str | int, ...]

_LONGEST = 200_000
"""How many characters of a result a model is told."""


def plain(value: object, mask: Callable[[str], str] | None = None) -> object:
    """The value as later steps see it: JSON data, in which pictures may stand.

    Raises: ToolError for what JSON has no word for.
    """
    found = _plain(value, mask, 0)
    try:
        canonical(pictured(found, _described))
    except ValueError as error:
        raise ToolError(f"what it gave cannot be written as JSON: {error}") from error
    return found


def _plain(value: object, mask: Callable[[str], str] | None, depth: int) -> object:
    if depth > DEEPEST:
        raise ToolError(f"what it gave has more than {DEEPEST} levels")
    match value:
        case str():
            return value if mask is None else mask(value)
        case bool() | int() | float() | None | Image():
            return value
        case Mapping():
            return {
                str(_plain(str(name), mask, depth)): _plain(each, mask, depth + 1)
                for name, each in value.items()
            }
        case list() | tuple():
            return [_plain(each, mask, depth + 1) for each in value]
        case _:
            raise ToolError(f"it gave a {type(value).__name__}, which JSON has no word for")


def pictured(value: object, show: Callable[[Image, Place], JsonValue]) -> JsonValue:
    """A plain value with something else in place of its pictures."""
    return _pictured(value, show, ())


def _pictured(value: object, show: Callable[[Image, Place], JsonValue], place: Place) -> JsonValue:
    match value:
        case Image():
            return show(value, place)
        case Mapping():
            return {name: _pictured(each, show, (*place, name)) for name, each in value.items()}
        case list():
            return [_pictured(each, show, (*place, at)) for at, each in enumerate(value)]
        case bool() | int() | float() | str() | None:
            return value
        case _:
            raise TypeError(f"a {type(value).__name__} is not plain")


def _described(image: Image, _place: Place = ()) -> JsonValue:
    return image.facts()


def to_kept(value: object) -> tuple[dict[str, JsonValue], dict[str, bytes]]:
    """A plain value as JSON, and the blobs that it names; pictures stand apart, by place."""
    images: list[JsonValue] = []
    blobs: dict[str, bytes] = {}

    def aside(image: Image, place: Place) -> JsonValue:
        images.append({"place": list(place), "sha256": image.sha256, "text": image.text})
        blobs[image.sha256] = image.data
        return None

    return {"value": pictured(value, aside), "images": images}, blobs


def from_kept(kept: Mapping[str, JsonValue], blob: Callable[[str], bytes | None]) -> object:
    """The value that `to_kept` wrote.

    Raises: LookupError if a picture of it is gone, ValueError or TypeError if it is damaged.
    """
    holder: list[object] = [kept["value"]]
    images = kept["images"]
    for each in images if isinstance(images, list) else ():
        data = blob(str(each["sha256"]))
        if data is None:
            raise LookupError(f"the picture {each['sha256']} is gone")
        _put(holder, [0, *each["place"]], Image.from_bytes(data, text=str(each["text"])))
    return holder[0]


def _put(holder: object, place: list[str | int], image: Image) -> None:
    *way, last = place
    inner = holder
    for step in way:
        inner = _inside(inner, step)
    match inner, last:
        case list(), int():
            inner[last] = image
        case dict(), str():
            inner[last] = image
        case _:
            raise TypeError("a picture stands nowhere")


def _inside(value: object, step: str | int) -> object:
    match value, step:
        case list(), int():
            return value[step]
        case dict(), str():
            return value[step]
        case _:
            raise TypeError("a picture stands nowhere")


def told(value: object, *, takes_images: bool = True) -> tuple[Part, ...]:
    """A plain value for a model: text as it is, data as JSON, then its pictures in order."""
    images: list[Image] = []

    def numbered(image: Image, _place: Place) -> JsonValue:
        images.append(image)
        return {"image": len(images), **({"text": image.text} if image.text else {})}

    data = pictured(value, numbered)
    if isinstance(value, Image):
        text = value.text
    else:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    if images and not takes_images:
        names = f"{len(images)} image{'s' * (len(images) > 1)}"
        return (Text(_cut(f"{text}\n[{names} left out: this model takes none]".strip())),)
    return (*((Text(_cut(text)),) if text or not images else ()), *images)


def _cut(text: str) -> str:
    """As much as a model is told, and how much more there was."""
    left = len(text) - _LONGEST
    return text if left <= 0 else f"{text[:_LONGEST]}\n[cut: {left:,} more characters]"

"""A request for a picture as the fields of OpenAI's images API; what it cannot say is refused.

    system, and the last user's turn   prompt
    the pictures of that turn          the pictures to edit
    image_config                       the fields of the same names
    image_config.aspect_ratio          size, the nearest one that every model has
    user                               the same

It is no conversation: turns before the last user's are not sent. `partial_images` asks for
progress, so that it is left out where nothing is streamed.
Source: developers.openai.com, API reference, Images.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.openai_images_form import FILE_TYPES

_WORDS = ("size", "quality", "background", "moderation", "output_format", "input_fidelity")
_NUMBERS: Mapping[str, int] = {"output_compression": 100, "partial_images": 3}
_FORMATS = ("png", "jpeg", "webp", "gif")
_SIZES: Mapping[str, float] = {"1024x1024": 1.0, "1536x1024": 1.5, "1024x1536": 1 / 1.5}
_RATIO = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,3})")
_MOST_PICTURES = 16


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is asked for: the fields, text and whole numbers, and the pictures to edit."""

    fields: dict[str, JsonValue]
    pictures: tuple[Image, ...]


def drawing_of(request: ChatRequest, *, stream: bool) -> Drawing:
    """The request. Raises: Unsupported for what the API cannot say, with its name as `param`."""
    _refuse_foreign(request)
    turn = _last_turn(request)
    pictures = _pictures(turn)
    fields: dict[str, JsonValue] = {"model": request.model, "prompt": _prompt(request, turn)}
    fields |= _configured(request.image_config, is_edit=bool(pictures))
    if isinstance(user := request.options.get("user"), str):
        fields["user"] = user
    if not stream:
        fields.pop("partial_images", None)
    return Drawing(fields, pictures)


def _refuse_foreign(request: ChatRequest) -> None:
    for name, is_said in (
        ("tools", bool(request.tools)),
        ("response_format", request.response_format.kind != "text"),
        ("provider", bool(request.provider)),
        ("modalities", not {"text", "image"}.issuperset(request.modalities)),
    ):
        if is_said:
            raise _refused(name, "it makes pictures and nothing else")
    for name, value in sorted(request.options.items()):
        is_taken = isinstance(value, str) if name == "user" else (name, value) == ("n", 1)
        if value is not None and not is_taken:
            raise _refused(name, "one request makes one picture" if name == "n" else "")


def _last_turn(request: ChatRequest) -> Message:
    for message in reversed(request.messages):
        if message.role == "user":
            return message
    raise _refused("messages", "there is no user's turn that says what to draw")


def _prompt(request: ChatRequest, turn: Message) -> str:
    system = [_words(each) for each in request.messages if each.role == "system"]
    words = _words(turn)
    if not words.strip():
        raise _refused("messages", "the last user's turn does not say what to draw")
    return "\n\n".join(each for each in (*system, words) if each.strip())


def _words(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def _pictures(turn: Message) -> tuple[Image, ...]:
    found: list[Image] = []
    for part in turn.parts:
        if isinstance(part, Text):
            continue
        if not isinstance(part, Image):
            raise _refused("messages", "pictures by their address are not fetched")
        if part.mime_type not in FILE_TYPES:
            raise _refused("messages", f"it edits PNG, JPEG and WebP, and not {part.mime_type}")
        found.append(part)
    if len(found) > _MOST_PICTURES:
        raise _refused("messages", f"it edits {_MOST_PICTURES} pictures at most")
    return tuple(found)


def _configured(config: Mapping[str, JsonValue], *, is_edit: bool) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for key, value in config.items():
        if value is None:
            continue
        name = f"image_config.{key}"
        if key == "aspect_ratio":
            if config.get("size") is not None:
                raise _refused(name, "not beside size")
            found["size"] = _nearest(name, value)
        elif key in _NUMBERS:
            found[key] = _number(name, value, _NUMBERS[key])
        elif key in _WORDS:
            found[key] = _word(name, value)
        elif (key, value) != ("n", 1):
            raise _refused(name)
    if found.get("output_format", "png") not in _FORMATS:
        raise _refused("image_config.output_format", f"it is none of {', '.join(_FORMATS)}")
    if "input_fidelity" in found and not is_edit:
        raise _refused("image_config.input_fidelity", "there is no picture to edit")
    return found


def _word(name: str, value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _refused(name, "it must be a text")
    return value


def _number(name: str, value: JsonValue, most: int) -> int:
    """Some clients send a whole number as 2.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _refused(name, f"it must be a whole number from 0 to {most}")
    return value


def _nearest(name: str, value: JsonValue) -> str:
    sides = _RATIO.fullmatch(value) if isinstance(value, str) else None
    if sides is None:
        raise _refused(name, "it must be like 16:9")
    ratio = math.log(int(sides[1]) / int(sides[2]))
    return min(_SIZES, key=lambda size: abs(math.log(_SIZES[size]) - ratio))


def _refused(name: str, why: str = "") -> Unsupported:
    return Unsupported(f'cannot take "{name}"{f": {why}" if why else ""}', param=name)

"""What a model can take and give, as far as it is known, and what a request asks beyond that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, ImageUrl
from flowrun.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """True, false, or None where nobody knows before asking."""

    images_in: bool | None = None
    images_out: bool | None = None
    text_out: bool | None = None
    json_schema: bool | None = None
    json_object: bool | None = None
    tools: bool | None = None

    def or_else(self, other: Capabilities) -> Capabilities:
        """What is known here, and of the rest what is known there."""
        return Capabilities(
            *(
                getattr(other, each.name) if (known := getattr(self, each.name)) is None else known
                for each in fields(self)
            )
        )


def agreed(values: Sequence[bool | None]) -> bool | None:
    """What all of them say; None where they differ, or one does not know."""
    return values[0] if values and all(each == values[0] for each in values) else None


def shows_pictures(request: ChatRequest) -> bool:
    """Whether a picture stands in one of the messages, or the address of one."""
    return any(
        isinstance(part, Image | ImageUrl) for message in request.messages for part in message.parts
    )


def lacks(able: Capabilities, request: ChatRequest) -> str | None:
    """The part of the request that the model is known not to take, by its wire name."""
    kind = request.response_format.kind
    asked = (
        ("modalities", able.images_out if request.wants_image else able.text_out),
        ("messages", able.images_in is not False or not shows_pictures(request)),
        ("tools", able.tools is not False or not request.tools),
        ("response_format", able.json_schema is not False or kind != "json_schema"),
        ("response_format", able.json_object is not False or kind != "json_object"),
    )
    return next((param for param, is_able in asked if is_able is False), None)


_UNKNOWN = Capabilities()
_OF_SCHEMA = "answer in JSON without a schema: send response_format json_schema"


def refusal(label: str, param: str, request: ChatRequest, able: Capabilities = _UNKNOWN) -> str:
    """What is said of a model of that name that `lacks` a part of the request."""
    in_json = _OF_SCHEMA if able.json_schema else "answer in JSON"
    wanted = {
        "modalities": "make pictures" if request.wants_image else "answer in text",
        "messages": "take images",
        "tools": "call tools",
        "response_format": in_json
        if request.response_format.kind == "json_object"
        else "answer in JSON of a schema",
    }
    return f'"{label}" cannot {wanted[param]}'

"""Bodies of Anthropic's protocol, checked by the types of its own Python package."""

from __future__ import annotations

from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)
from pydantic import BaseModel, TypeAdapter

_WHOLE = TypeAdapter[Any](MessageCreateParamsNonStreaming)
_STREAMED = TypeAdapter[Any](MessageCreateParamsStreaming)
_EVENT = TypeAdapter[Any](RawMessageStreamEvent)
_OLDER = ("temperature", "top_p", "top_k")
"""What version 2023-06-01 takes, and the package's own version does not."""


def valid_request(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which the package's types take as it is, with nothing left over."""
    known = {name: value for name, value in body.items() if name not in _OLDER}
    read = (_STREAMED if "stream" in body else _WHOLE).validate_python(known)
    assert _plain(read) == known
    return body


def valid_message(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is a whole reply."""
    Message.model_validate(body)
    return body


def valid_event(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is an event of a stream."""
    _EVENT.validate_python(body)
    return body


def _plain(value: Any) -> Any:
    """Reads what was validated to the end: lists are checked only while they are read."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case None | str() | int() | float():
            return value
        case BaseModel():
            return value.model_dump(exclude_unset=True)
        case _:
            return [_plain(each) for each in value]

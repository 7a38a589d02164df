"""Bodies of OpenAI's protocol, checked by the types of its own Python package."""

from __future__ import annotations

from typing import Any

from openai.types import ImageEditStreamEvent, ImageGenStreamEvent, ImagesResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.image_edit_params import ImageEditParamsBase
from openai.types.image_generate_params import (
    ImageGenerateParamsNonStreaming,
    ImageGenerateParamsStreaming,
)
from pydantic import BaseModel, TypeAdapter

_WHOLE = TypeAdapter[Any](CompletionCreateParamsNonStreaming)
_STREAMED = TypeAdapter[Any](CompletionCreateParamsStreaming)
_DRAWN = TypeAdapter[Any](ImageGenerateParamsNonStreaming)
_DRAWN_STREAMED = TypeAdapter[Any](ImageGenerateParamsStreaming)
_EDIT_FIELDS = ImageEditParamsBase.__annotations__.keys() | {"stream"}
_FRAMES = {
    "image_generation": TypeAdapter[Any](ImageGenStreamEvent),
    "image_edit": TypeAdapter[Any](ImageEditStreamEvent),
}


def valid_request(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which the package's types take as it is, with nothing left over."""
    read = (_STREAMED if "stream" in body else _WHOLE).validate_python(body)
    assert _plain(read) == body
    return body


def valid_message(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is a whole reply."""
    ChatCompletion.model_validate(body)
    return body


def valid_chunk(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is a piece of a stream."""
    ChatCompletionChunk.model_validate(body)
    return body


def valid_drawing(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which asks for a picture."""
    read = (_DRAWN_STREAMED if "stream" in body else _DRAWN).validate_python(body)
    assert _plain(read) == body
    return body


def valid_edit(fields: list[str]) -> list[str]:
    """The names of a form's parts, all of which ask for the change of a picture."""
    assert {each.removesuffix("[]") for each in fields} <= _EDIT_FIELDS
    assert {"prompt", "model", "image[]"} <= set(fields)
    return fields


def valid_picture(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is a whole reply with a picture."""
    ImagesResponse.model_validate(body)
    return body


def valid_frame(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is an event with a picture."""
    _FRAMES[body["type"].partition(".")[0]].validate_python(body)
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

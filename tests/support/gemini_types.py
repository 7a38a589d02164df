"""Bodies of Gemini's protocol, checked by the types of its own Python package."""

from __future__ import annotations

import json
from typing import Any

from google.genai import types
from pydantic import BaseModel

_LISTS: dict[str, type[BaseModel]] = {"contents": types.Content, "tools": types.Tool}
_OBJECTS: dict[str, type[BaseModel]] = {
    "systemInstruction": types.Content,
    "toolConfig": types.ToolConfig,
    "generationConfig": types.GenerateContentConfig,
}
_BYTES = str.maketrans("+/", "-_")
"""The package writes base64 in the other alphabet."""


def valid_request(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which the package's types take as it is, with nothing left over."""
    assert body.keys() <= {*_LISTS, *_OBJECTS, "serviceTier"}
    for name, kind in _LISTS.items():
        for each in body.get(name, []):
            _read(kind, each)
    for name, kind in _OBJECTS.items():
        if name in body:
            _read(kind, body[name])
    if "serviceTier" in body:
        assert types.ServiceTier(body["serviceTier"]) != types.ServiceTier.UNSPECIFIED
    return body


def valid_reply(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which is a whole reply or an event of a stream: they are of one type."""
    _read(types.GenerateContentResponse, body)
    return body


def _read(kind: type[BaseModel], value: Any) -> None:
    """Reads it strictly by the wire's names, and compares what was read."""
    read = kind.model_validate_json(json.dumps(value))
    assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == _plain(value)


def _plain(value: Any) -> Any:
    """The value with its bytes in the package's alphabet."""
    match value:
        case dict():
            return {
                name: each.translate(_BYTES)
                if name in ("data", "thoughtSignature")
                else _plain(each)
                for name, each in value.items()
            }
        case list():
            return [_plain(each) for each in value]
        case _:
            return value

"""A request as the embedded engine reads it, refused here for what the model cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flowrun.chat.messages import ChatRequest, Text
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.bounded import bounded, longest
from flowrun.providers.local_tools import Close, form, hint, offered, spoken

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Asked:
    """What the engine is asked.

    `schemas` are finite; the first one whose grammar the engine takes holds the reply. None
    are given where text is wanted. `name` is what the file calls them.
    """

    body: Mapping[str, JsonValue]
    schemas: tuple[Mapping[str, JsonValue], ...] = ()
    name: str = ""


_SYSTEM = "You are a helpful assistant."
"""Sent where a conversation has no system message: the model's own default answers worse."""

_CHARACTERS_PER_TOKEN = 2.5
"""At least, in the languages that this model writes; a JSON reply must fit by this measure."""

_MARGIN = 32
"""Tokens beyond one for each character of the longest reply: more than it can ever take."""

_TEXT_TOKENS = 1024
"""The longest reply in text, where a request names no other: a small model may not find an end."""


def encode(request: ChatRequest) -> Asked:
    """The request as the engine reads it. Raises: Unsupported for what this model cannot do."""
    if request.model != MODEL:
        raise Unsupported(f'the embedded provider has one model, "{MODEL}", not "{request.model}"')
    if request.wants_image:
        raise Unsupported(f'"{MODEL}" writes text only; for a picture use local/placeholder')
    tools = offered(request)
    messages = _messages(request, hint(request) if tools else "")
    options = _options(request)
    most = options.pop("max_tokens", None)
    body: dict[str, JsonValue] = {
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "repeat_penalty": 1.1,
    }
    if request.response_format.kind == "text" and not tools:
        return Asked({**body, "max_tokens": most or _TEXT_TOKENS, **options})
    window = CONTEXT_TOKENS - int(len(json.dumps(messages)) / _CHARACTERS_PER_TOKEN)
    tokens = min(most, window) if isinstance(most, int) else window
    schemas = _finite(request, characters=int(max(64, tokens) * _CHARACTERS_PER_TOKEN))
    # A penalty on repeats would fall on quotes and braces.
    body |= {"repeat_penalty": 1.0, "max_tokens": most or longest(schemas[0]) + _MARGIN}
    name = " or ".join(each.name for each in tools) or request.response_format.name
    return Asked({**body, **options}, schemas, name)


def _messages(request: ChatRequest, hint: str) -> list[JsonValue]:
    """The conversation in the three roles that the model knows, with the hint for it in it."""
    if not all(isinstance(part, Text) for each in request.messages for part in each.parts):
        raise Unsupported(f'"{MODEL}" cannot see: it takes text only, and was sent a picture')
    said = spoken(request.messages)
    if all(role != "system" for role, _ in said):
        said.insert(0, ("system", _SYSTEM))
    if hint:
        place = next(index for index, (role, _) in enumerate(said) if role == "system")
        said[place] = ("system", f"{said[place][1]}\n\n{hint}")
    return [{"role": role, "content": text} for role, text in said]


_NUMBERS = frozenset(
    ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
) | {"repetition_penalty"}
_COUNTS = frozenset(("max_completion_tokens", "max_tokens"))
_FOR_OTHERS = frozenset(("metadata", "prompt_cache_key", "service_tier", "user"))
"""They do not bear on the answer, and whoever runs a file offline need not take them out."""


def _options(request: ChatRequest) -> dict[str, JsonValue]:
    """The options under the engine's names. Raises: Unsupported for one that it does not take."""
    given: dict[str, JsonValue] = {
        name: value
        for name, value in request.options.items()
        if value is not None and name not in _FOR_OTHERS
    }
    _check_options(given)
    older = given.pop("max_tokens", None)
    most = given.pop("max_completion_tokens", older)
    penalty = given.pop("repetition_penalty", None)
    if most is not None:
        given["max_tokens"] = most
    if penalty is not None:
        given["repeat_penalty"] = penalty
    return given


def _check_options(options: Mapping[str, JsonValue]) -> None:
    for name, value in options.items():
        if name in _NUMBERS:
            is_right = isinstance(value, int | float) and not isinstance(value, bool)
            wanted = "a number"
        elif name in _COUNTS:
            is_right = isinstance(value, int) and not isinstance(value, bool) and value > 0
            wanted = "a whole number above 0"
        elif name == "stop":
            texts = value if isinstance(value, list) else [value]
            is_right = all(isinstance(each, str) and each for each in texts)
            wanted = "a text or a list of texts"
        else:
            known = ", ".join(sorted(_NUMBERS | _COUNTS | {"stop"}))
            said = f'"{MODEL}" does not take the option "{name}"; it takes {known}'
            raise Unsupported(said, param=name)
        if not is_right:
            said = f'"{MODEL}" takes {wanted} for "{name}", not {json.dumps(value)}'
            raise Unsupported(said, param=name)


def _finite(request: ChatRequest, *, characters: int) -> tuple[Mapping[str, JsonValue], ...]:
    """The schema with an end, and a looser one in case its grammar is too much for the engine."""

    def closing(*, counts_patterns: bool) -> Close:
        def close(schema: Mapping[str, JsonValue] | None, name: str) -> Mapping[str, JsonValue]:
            if schema is None:
                raise Unsupported(
                    f'"{MODEL}" writes JSON only to a schema; use a response_format of type '
                    "json_schema, or the name of an entry of schemas"
                )
            try:
                return bounded(schema, characters=characters, counts_patterns=counts_patterns)
            except ValueError as error:
                raise Unsupported(f'"{MODEL}" cannot keep to "{name}": {error}') from error

        return close

    def whole(close: Close) -> Mapping[str, JsonValue]:
        if offered(request):
            return form(request, close)
        return close(request.response_format.schema, request.response_format.name)

    closed = whole(closing(counts_patterns=True))
    looser = whole(closing(counts_patterns=False))
    return (closed,) if closed == looser else (closed, looser)

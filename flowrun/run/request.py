"""A step's templates rendered into the request that a model is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatRequest, ImageUrl, Message, Part, Role, Text, ToolDefinition
from flowrun.digest import JsonValue, digest
from flowrun.document import templates
from flowrun.document.slots import Scope, Slot, Tree, fill
from flowrun.document.task import Ask, Turn
from flowrun.errors import StepError

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_NONE: Mapping[str, str] = {}
_LONGEST_NAME = 200


def models(ask: Ask, scope: Scope) -> list[str]:
    """The model to be asked and its fallbacks, by the names that the file uses."""
    return [_name(tree, scope) for tree in (ask.model, *ask.fallback)]


def _name(tree: Tree, scope: Scope) -> str:
    found = fill(tree, scope)
    if not isinstance(found, str) or not found.strip():
        raise StepError(f"the model's name must be text, not {found!r:.60}")
    name = found.strip()
    if len(name) > _LONGEST_NAME or not name.isprintable():
        what = f"one line of at most {_LONGEST_NAME} characters"
        raise StepError(f"the model's name must be {what}, not {name!r:.60}")
    return name


def build(
    ask: Ask, scope: Scope, model: str, *, tools: tuple[ToolDefinition, ...] = ()
) -> ChatRequest:
    """The request; `model` is the name that the endpoint uses, `tools` are those of the step.

    Raises: StepError (TemplateError among them) for what cannot be rendered.
    """
    if ask.history is not None:
        messages = _history(ask.history, scope)
    else:
        messages = tuple(_message(turn, scope) for turn in ask.turns)
    return ChatRequest(
        model=model,
        messages=messages,
        options={name: plain_data(name, fill(tree, scope)) for name, tree in ask.options.items()},
        response_format=ask.response_format,
        modalities=ask.modalities,
        image_config=_mapping("image_config", ask.image_config, scope),
        provider=_mapping("provider", ask.provider, scope),
        tools=tools,
        tool_choice=ask.tool_choice if tools else None,
        parallel_tool_calls=ask.parallel_tool_calls if tools else None,
    )


def drawn(request: ChatRequest, number: int) -> ChatRequest:
    """The request as it is put for a further draw: with one seed, all draws would be one."""
    seed = request.options.get("seed")
    if not number or not isinstance(seed, int):
        return request
    return replace(request, options={**request.options, "seed": seed + number})


def key(
    request: ChatRequest,
    *,
    endpoint: str,
    base_url: str,
    sample: int,
    versions: Mapping[str, str] = _NONE,
    rounds: tuple[int, ...] = (),
) -> str:
    """What an answer is kept under: all that can change it, and nothing else.

    `versions` are those of the tools that are run; `rounds` count the repetitions around it.
    """
    more: dict[str, JsonValue] = {}
    if versions:
        more["tools"] = versions
    if any(rounds):
        more["rounds"] = rounds
    whole: Mapping[str, JsonValue] = {
        **more,
        "endpoint": endpoint,
        "base_url": base_url,
        "request": request.as_json(),
        "sample": sample,
    }
    try:
        return digest("request/1", whole)
    except ValueError as error:
        raise StepError(f"the request cannot be written as JSON: {error}") from error


def _message(turn: Turn, scope: Scope) -> Message:
    if turn.role == "system":
        text = "".join(templates.text(piece.slot.template, scope) for piece in turn.pieces)
        return Message("system", (Text(text),))
    parts: list[Part] = []
    for piece in turn.pieces:
        if piece.kind == "image":
            parts.append(_image(templates.value(piece.slot.template, scope)))
        else:
            parts.extend(templates.parts(piece.slot.template, scope))
    return Message(turn.role, tuple(parts) or (Text(""),))


def _image(value: object) -> Part:
    if isinstance(value, Image):
        return value
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return ImageUrl(value)
    raise StepError("an image_url must be an image or an http address")


def _history(slot: Slot, scope: Scope) -> tuple[Message, ...]:
    found = templates.value(slot.template, scope)
    if not isinstance(found, list) or not found:
        raise StepError("messages must be a list of messages with role and content")
    return tuple(_wire_message(index, each) for index, each in enumerate(found))


def _wire_message(index: int, data: object) -> Message:
    role = _ROLES.get(str(data.get("role"))) if isinstance(data, Mapping) else None
    if role is None or not isinstance(data, Mapping):
        raise StepError(f"messages[{index}] must have a role of {', '.join(_ROLES)}")
    content = data.get("content")
    if isinstance(content, str | Image):
        content = [content]
    if not isinstance(content, list):
        raise StepError(f"messages[{index}].content must be text or a list of parts")
    return Message(role, tuple(_wire_part(f"messages[{index}]", each) for each in content))


def _wire_part(place: str, part: object) -> Part:
    match part:
        case str():
            return Text(part)
        case Image():
            return part
        case {"type": "text", "text": str(text)}:
            return Text(text)
        case {"type": "image_url", "image_url": {"url": url}}:
            return _image(url)
        case _:
            raise StepError(f"{place}.content holds a part that is neither text nor image")


def _mapping(name: str, tree: Tree, scope: Scope) -> Mapping[str, JsonValue]:
    found = plain_data(name, fill(tree, scope))
    assert isinstance(found, Mapping)
    return found


def plain_data(name: str, value: object) -> JsonValue:
    """A template's value as JSON. Raises: StepError for anything else, under `name`."""
    match value:
        case bool() | int() | float() | str() | None:
            return value
        case Mapping():
            return {str(each): plain_data(name, inner) for each, inner in value.items()}
        case list() | tuple():
            return [plain_data(name, each) for each in value]
        case _:
            raise StepError(f'"{name}" must be plain data, not {type(value).__name__}')

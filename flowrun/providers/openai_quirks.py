"""What a request says beside its messages, as one speaker of OpenAI's completions takes it.

Options that a speaker is known not to have are refused by name, so that none is dropped in
silence. Of a speaker of whom nothing is known, all are sent as they are.
Source: developers.openai.com, API reference, Chat; docs.gumloop.com, Chat completions;
openrouter.ai/docs, Provider Routing and Image Generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from flowrun.chat.messages import ChatRequest
from flowrun.digest import JsonValue
from flowrun.errors import Unsupported
from flowrun.providers.base import Quirks

_OURS = frozenset(
    {"model", "messages", "stream", "stream_options", "response_format", "modalities"}
    | {"image_config", "provider", "tools", "tool_choice", "parallel_tool_calls"}
)


def wire_options(options: Mapping[str, JsonValue], quirks: Quirks) -> Mapping[str, JsonValue]:
    """The options under the names that they have there. Raises: Unsupported for any other."""
    if not options:
        return options
    if ours := sorted(_OURS & options.keys()):
        raise Unsupported(f'cannot take "{ours[0]}" as an option', param=ours[0])
    if options.get("n", 1) != 1:
        raise Unsupported('cannot take "n": one request has one answer', param="n")
    if quirks.options is not None and (strange := sorted(options.keys() - quirks.options)):
        raise Unsupported(f'cannot take "{strange[0]}"', param=strange[0])
    return _renamed(options, quirks.renamed) if quirks.renamed else options


def wire_routing(request: ChatRequest, quirks: Quirks) -> dict[str, JsonValue]:
    """How a picture is asked for, and who is to serve. Raises: Unsupported where neither goes."""
    found: dict[str, JsonValue] = {}
    if request.wants_image:
        found["modalities"] = _modalities(request, quirks)
    if request.image_config:
        if quirks.modalities == "none":
            raise Unsupported('cannot take "image_config": it makes no pictures here',
                              param="image_config")  # fmt: skip
        found["image_config"] = request.image_config
    if request.provider:
        if not quirks.has_provider:
            raise Unsupported('cannot take "provider": it answers for itself', param="provider")
        found["provider"] = request.provider
    return found


def _modalities(request: ChatRequest, quirks: Quirks) -> list[JsonValue]:
    match quirks.modalities:
        case "none":
            raise Unsupported('cannot take "modalities": it answers in text', param="modalities")
        case "given":
            is_image_only = any(fnmatchcase(request.model, each) for each in quirks.image_only)
            return ["image"] if is_image_only else ["image", "text"]
        case _:
            return list(request.modalities)


def _renamed(options: Mapping[str, JsonValue], names: Mapping[str, str]) -> dict[str, JsonValue]:
    found = {name: value for name, value in options.items() if name not in names}
    for name in names.keys() & options.keys():
        if found.setdefault(names[name], options[name]) != options[name]:
            said = f'cannot take "{name}": {names[name]} says otherwise'
            raise Unsupported(said, param=name)
    return found

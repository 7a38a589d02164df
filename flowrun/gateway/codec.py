"""The bodies of chat completions as requests; `Writer` makes bodies of replies.

Every field is mapped, refused by name, or named in `Asked.dropped`: none is lost in silence.
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.chat.messages import ChatRequest
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.gateway import codec_options as options
from flowrun.gateway.codec_fields import refuse_unknown, truth_of
from flowrun.gateway.codec_json import data_of
from flowrun.gateway.codec_messages import messages_of
from flowrun.gateway.codec_tools import response_format_of, tool_choice_of, tools_of
from flowrun.gateway.codec_writer import UsageForm, Writer

__all__ = ["Asked", "UsageForm", "Writer", "read"]

_KNOWN = (
    frozenset({"model", "models", "messages", "stream", "stream_options", "modalities"})
    | {"image_config", "provider", "response_format", "tools", "tool_choice"}
    | {"parallel_tool_calls", *options.OPTIONS, *options.DROPPED, *options.REFUSED}
)
_USAGE_FORMS: Mapping[bool | None, UsageForm] = {None: "finish", True: "chunk", False: "none"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for.

    `name` is the model as the caller named it, which is also the request's; `fallbacks` are those
    to ask where it fails. `dropped` names what was said and means nothing here.
    """

    name: str
    request: ChatRequest
    fallbacks: tuple[str, ...] = ()
    is_stream: bool = False
    usage_form: UsageForm = "finish"
    dropped: tuple[str, ...] = ()


def read(body: bytes) -> Asked:
    """What a body asks for; addresses of pictures are left as they are.

    Raises: Fault 400 with the field that cannot be taken as its `param`.
    """
    data = data_of(body)
    options.refuse_extras(data)
    refuse_unknown(data, _KNOWN, "")
    name, fallbacks = options.models_of(data)
    dropped: set[str] = set()
    request = _request(name, data, dropped)
    is_told, is_obfuscated = options.stream_options_of(data.get("stream_options"))
    if is_obfuscated:
        dropped.add("stream_options.include_obfuscation")
    dropped.update(options.dropped_of(data))
    return Asked(
        name,
        request,
        fallbacks,
        is_stream=_truth(data, "stream") or False,
        usage_form=_USAGE_FORMS[is_told],
        dropped=tuple(sorted(dropped)),
    )


def _request(name: str, data: Mapping[str, JsonValue], dropped: set[str]) -> ChatRequest:
    modalities = options.modalities_of(data.get("modalities"))
    image_config = options.image_config_of(data.get("image_config"))
    draws = "image" in modalities or bool(image_config)
    messages = messages_of(data.get("messages"), dropped, draws=draws)
    tools = tools_of(data.get("tools"), dropped)
    may_be_parallel = _truth(data, "parallel_tool_calls")
    choice = tool_choice_of(data.get("tool_choice"), tools)
    if not tools:
        about_tools = ("parallel_tool_calls", "tool_choice")
        dropped.update(name for name in about_tools if data.get(name) is not None)
    return ChatRequest(
        name,
        messages,
        options.options_of(data),
        response_format_of(data.get("response_format"), dropped),
        modalities,
        image_config,
        options.provider_of(data.get("provider")),
        tools,
        choice,
        may_be_parallel if tools else None,
    )


def _truth(data: Mapping[str, JsonValue], name: str) -> bool | None:
    value = data.get(name)
    return None if value is None else truth_of(value, name)

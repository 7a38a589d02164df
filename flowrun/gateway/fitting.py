"""A request as one model takes it: pictures asked for where it makes them, privacy as decided.

What a model is known not to have is refused here, before anything is sent: 501 where its provider
has it for no model at all, 400 where another model of it may.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flowrun.chat.capabilities import Capabilities, lacks, refusal
from flowrun.chat.messages import ChatRequest
from flowrun.chat.schema import InvalidSchema, compile_schema
from flowrun.digest import JsonValue
from flowrun.gateway.faults import Fault
from flowrun.providers.base import Endpoint
from flowrun.providers.resolved import Resolved
from flowrun.providers.wording import brief
from flowrun.serving import ServeSettings

_HELD_TO_PRIVACY = ("openrouter", "gumloop")
"""The endpoints that are told what the server has decided."""

_OF_TWO_KINDS = ("gemini", "openai-images")
"""The dialects of providers some of whose models draw while others talk."""

_IMAGE_ONLY = re.compile(r"(?:gpt-image|dall-e)-")
_IMAGE_AND_TEXT = re.compile(r"gemini-.*-image")


def fitted(
    request: ChatRequest, resolved: Resolved, settings: ServeSettings
) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request for that model, and the names of what means nothing to it.

    Raises: Fault for what it cannot take.
    """
    modalities = _modalities(request, resolved)
    makes_image = "image" in modalities
    routing, unread = _routing(request, resolved.endpoint, settings)
    ignored = [unread] if unread else []
    if request.image_config and not makes_image:
        ignored.append("image_config")
    if resolved.endpoint.dialect == "local" and "user" in request.options:
        ignored.append("user")
    found = replace(
        request,
        model=resolved.model,
        modalities=modalities,
        image_config=request.image_config if makes_image else {},
        provider=routing,
    )
    _require_able(found, resolved)
    if resolved.endpoint.dialect == "local":
        _require_schemas(found)
    return found, tuple(ignored)


def _modalities(request: ChatRequest, resolved: Resolved) -> tuple[str, ...]:
    """What is asked for; the name of a model that makes pictures asks for one by itself."""
    slug = resolved.model.rpartition("/")[2]
    if resolved.capabilities.text_out is False or _IMAGE_ONLY.match(slug):
        return ("image",)
    if _IMAGE_AND_TEXT.match(slug) and not request.wants_image:
        return ("text", "image")
    return request.modalities


def _routing(
    request: ChatRequest, endpoint: Endpoint, settings: ServeSettings
) -> tuple[dict[str, JsonValue], str]:
    """The object `provider` that is sent, and its name where it was said in vain.

    The server's privacy goes before the caller's, but never makes it looser.
    """
    said = dict(request.provider)
    if endpoint.name in _HELD_TO_PRIVACY:
        return _private(said, settings), ""
    if endpoint.dialect == "openai" and endpoint.quirks.has_provider:
        return said, ""
    param = next((each for each in ("zdr", "data_collection") if _is_strict(said, each)), None)
    if param is not None and endpoint.is_remote:
        raise Fault(
            400,
            f"{endpoint.name} cannot be held to it: only models of OpenRouter can",
            code="unsupported_parameter",
            param=f"provider.{param}",
        )
    return {}, "provider" if said else ""


def _private(said: dict[str, JsonValue], settings: ServeSettings) -> dict[str, JsonValue]:
    if settings.zdr:
        said["zdr"] = True
    if settings.data_collection == "deny":
        said["data_collection"] = "deny"
    elif settings.data_collection is not None:
        said.setdefault("data_collection", settings.data_collection)
    return said


def _is_strict(said: dict[str, JsonValue], name: str) -> bool:
    return said.get(name) is True or said.get(name) == "deny"


def _require_schemas(request: ChatRequest) -> None:
    """Refuses what is no JSON Schema; elsewhere the provider does. Raises: Fault 400."""
    said = request.response_format.schema
    schemas = {} if said is None else {"response_format.json_schema.schema": said}
    for at, each in enumerate(request.tools):
        schemas[f"tools[{at}].function.parameters"] = each.parameters
    for param, schema in schemas.items():
        try:
            compile_schema(schema)
        except InvalidSchema as error:
            message = f'"{param}" is no JSON Schema: {brief(str(error))}'
            raise Fault(400, message, code="invalid_request", param=param) from None


def _require_able(request: ChatRequest, resolved: Resolved) -> None:
    """Refuses what the model is known not to have. Raises: Fault 400, 501."""
    able, endpoint = resolved.capabilities, resolved.endpoint
    if endpoint.dialect == "openai" and endpoint.quirks.modalities == "none":
        able = able.or_else(Capabilities(images_out=False))
    param = lacks(able, request)
    if param is None:
        return
    is_of_all = endpoint.dialect not in _OF_TWO_KINDS and (
        lacks(endpoint.capabilities, request) == param
    )
    code = "unsupported_modality" if param == "modalities" else "unsupported_capability"
    message = refusal(resolved.label, param, request, able)
    raise Fault(501 if is_of_all else 400, message, code=code, param=param)

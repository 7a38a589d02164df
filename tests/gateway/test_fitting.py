"""A request as one model takes it."""

from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import (
    ChatRequest,
    Message,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.config import Config
from flowrun.gateway.faults import Fault
from flowrun.gateway.fitting import fitted
from flowrun.providers.base import Endpoint
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import resolve
from flowrun.serving import ServeSettings
from tests.support.wire_bodies import PICTURE

TOOL = ToolDefinition("look", "", {"type": "object"})
SCHEMA = ResponseFormat("json_schema", "it", {"type": "object"})
USUAL = ServeSettings()


def asked(**more: Any) -> ChatRequest:
    return ChatRequest("name", (Message("user", (Text("Hello."),)),), **more)


def named(name: str) -> Resolved:
    keys = frozenset({"OPENROUTER_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"})
    return resolve(name, Config(variables=keys))


def refused(request: ChatRequest, resolved: Resolved) -> tuple[int, str | None, str]:
    with pytest.raises(Fault) as caught:
        fitted(request, resolved, USUAL)
    return caught.value.status, caught.value.param, caught.value.code


def test_a_request_has_the_name_that_the_endpoint_uses() -> None:
    found, ignored = fitted(asked(), named("openrouter/vendor/m"), USUAL)
    assert (found.model, ignored) == ("vendor/m", ())


@pytest.mark.parametrize(
    ("name", "said", "sent"),
    [
        ("openrouter/google/gemini-3-flash-image", ("text",), ("text", "image")),
        ("openrouter/google/gemini-3-pro-image-preview", ("image",), ("image",)),
        ("openrouter/openai/gpt-image-1", ("text",), ("image",)),
        ("openrouter/openai/gpt-5", ("text",), ("text",)),
        ("local/placeholder", ("text",), ("image",)),
        ("fake/image", ("image", "text"), ("image",)),
    ],
)
def test_the_name_of_an_image_model_asks_for_a_picture(
    name: str, said: tuple[str, ...], sent: tuple[str, ...]
) -> None:
    assert fitted(asked(modalities=said), named(name), USUAL)[0].modalities == sent


def test_an_image_config_means_nothing_to_a_chat_model() -> None:
    request = asked(image_config={"quality": "high"})
    found, ignored = fitted(request, named("fake/echo"), USUAL)
    assert (found.image_config, ignored) == ({}, ("image_config",))
    found, ignored = fitted(request, named("fake/image"), USUAL)
    assert (found.image_config, ignored) == (request.image_config, ())


@pytest.mark.parametrize(
    ("name", "request_", "wanted"),
    [
        ("fake/echo", asked(modalities=("image",)), (400, "modalities", "unsupported_modality")),
        ("anthropic/m", asked(modalities=("image",)), (501, "modalities", "unsupported_modality")),
        ("gemini/m", asked(modalities=("image",)), (400, "modalities", "unsupported_modality")),
        (
            "openai/gpt-image-1",
            asked(modalities=("image",), tools=(TOOL,)),
            (400, "tools", "unsupported_capability"),
        ),
        ("openai/gpt-5", asked(modalities=("image",)), (400, "modalities", "unsupported_modality")),
        ("fake/image", asked(tools=(TOOL,)), (400, "tools", "unsupported_capability")),
        (
            "fake/image",
            asked(response_format=SCHEMA),
            (400, "response_format", "unsupported_capability"),
        ),
        (
            "recommended",
            asked(response_format=ResponseFormat("json_object")),
            (400, "response_format", "unsupported_capability"),
        ),
    ],
)
def test_what_a_model_does_not_have_is_refused(
    name: str, request_: ChatRequest, wanted: tuple[int, str, str]
) -> None:
    assert refused(request_, named(name)) == wanted


def test_pictures_are_refused_by_a_model_without_eyes() -> None:
    request = ChatRequest("name", (Message("user", (PICTURE,)),))
    assert refused(request, named("recommended"))[:2] == (400, "messages")


@pytest.mark.parametrize(
    ("said", "zdr", "collection", "sent"),
    [
        ({}, False, None, {}),
        ({}, True, "deny", {"zdr": True, "data_collection": "deny"}),
        ({"zdr": False}, True, None, {"zdr": True}),
        ({"zdr": True}, False, None, {"zdr": True}),
        ({"data_collection": "allow"}, False, "deny", {"data_collection": "deny"}),
        ({"data_collection": "deny"}, False, "allow", {"data_collection": "deny"}),
        ({"data_collection": "allow"}, False, None, {"data_collection": "allow"}),
        ({}, False, "allow", {"data_collection": "allow"}),
        ({"sort": "price"}, True, None, {"sort": "price", "zdr": True}),
    ],
)
def test_privacy_is_the_server_s_to_decide_but_never_looser(
    said: dict[str, Any], zdr: bool, collection: Any, sent: dict[str, Any]
) -> None:
    settings = ServeSettings(zdr=zdr, data_collection=collection)
    found, _ = fitted(asked(provider=said), named("openrouter/m"), settings)
    assert found.provider == sent


def test_routing_means_nothing_to_a_provider_that_serves_itself() -> None:
    found, ignored = fitted(asked(provider={"sort": "price"}), named("anthropic/m"), USUAL)
    assert (found.provider, ignored) == ({}, ("provider",))


@pytest.mark.parametrize(
    ("said", "param"),
    [({"zdr": True}, "provider.zdr"), ({"data_collection": "deny"}, "provider.data_collection")],
)
def test_privacy_that_cannot_be_promised_is_refused(said: dict[str, Any], param: str) -> None:
    assert refused(asked(provider=said), named("openai/gpt-5"))[:2] == (400, param)
    assert fitted(asked(provider=said), named("fake/echo"), USUAL)[1] == ("provider",)


def test_an_unknown_speaker_of_the_protocol_gets_what_was_said() -> None:
    endpoint = Endpoint("mine", "openai", "https://llm.example.org/v1")
    found, _ = fitted(asked(provider={"zdr": True}), Resolved(endpoint, "m", Capabilities()), USUAL)
    assert found.provider == {"zdr": True}


def test_a_user_means_nothing_to_the_embedded_model() -> None:
    said = asked(options={"user": "u"})
    assert fitted(said, named("local/smollm2-135m-instruct"), USUAL)[1] == ("user",)
    assert fitted(said, named("openai/gpt-5"), USUAL)[1] == ()


@pytest.mark.parametrize(
    ("said", "param"),
    [
        (
            {"response_format": ResponseFormat("json_schema", "it", {"type": "objekt"})},
            "response_format.json_schema.schema",
        ),
        (
            {"tools": (TOOL, ToolDefinition("b", "", {"type": 7}))},
            "tools[1].function.parameters",
        ),
    ],
)
def test_what_is_no_schema_is_the_callers_fault(said: dict[str, Any], param: str) -> None:
    found = refused(asked(**said), named("local/smollm2-135m-instruct"))
    assert found == (400, param, "invalid_request")
    fitted(asked(**said), named("openai/gpt-5"), USUAL)  # who judges for itself

"""Which dialect an endpoint speaks, and which of its models are asked in another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from flowrun.chat.capabilities import Capabilities
from flowrun.providers.base import Dialect, Endpoint

_IMAGE_SLUGS = ("gpt-image-", "chatgpt-image-", "dall-e-")
_PICTURES_ALONE = Capabilities(
    images_in=True,
    images_out=True,
    text_out=False,
    json_schema=False,
    json_object=False,
    tools=False,
)


def dialect_of(endpoint: Endpoint, mask: Callable[[str], str]) -> Dialect:
    """The dialect that an endpoint over HTTP speaks; `mask` as the dialects have it.

    Raises: ValueError for one that is not asked over HTTP.
    """
    # Imported here, for few runs speak more than one.
    match endpoint.dialect:
        case "openai":
            from flowrun.providers.openai import OpenAIDialect

            return OpenAIDialect(mask, endpoint.quirks)
        case "openai-images":
            from flowrun.providers.openai_images import OpenAIImagesDialect

            return OpenAIImagesDialect(mask)
        case "anthropic":
            from flowrun.providers.anthropic import AnthropicDialect

            return AnthropicDialect(mask)
        case "gemini":
            from flowrun.providers.gemini import GeminiDialect

            return GeminiDialect(mask)
        case "local" | "fake":
            raise ValueError(f"{endpoint.name} speaks no dialect over HTTP")
        case _ as never:
            assert_never(never)


def imaging(endpoint: Endpoint, model: str) -> Endpoint:
    """The endpoint as it is asked for that model: OpenAI's images have an API of their own.

    Gemini's are drawn in its own protocol, by models that can do little else.
    """
    if endpoint.dialect == "gemini" and model.startswith("gemini-") and "-image" in model:
        return replace(
            endpoint, capabilities=replace(endpoint.capabilities, images_out=True, tools=False)
        )
    if (endpoint.name, endpoint.dialect) != ("openai", "openai"):
        return endpoint
    if not model.startswith(_IMAGE_SLUGS):
        return endpoint
    return replace(endpoint, dialect="openai-images", capabilities=_PICTURES_ALONE)

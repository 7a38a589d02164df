"""Endpoints, presets, capabilities and prices as rows of data, and what a project adds to them.

Nothing here is asked of a network: what is not known is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from urllib.parse import SplitResult, urlsplit

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.config import Config, EndpointSettings
from flowrun.errors import UsageError
from flowrun.providers.base import Endpoint, Quirks

LOCAL_TEXT_MODEL = "smollm2-135m-instruct"
LOCAL_IMAGE_MODEL = "placeholder"

_COMPLETION_OPTIONS = frozenset(
    {"max_completion_tokens", "max_tokens", "temperature", "top_p", "n", "stop", "seed"}
    | {"frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs"}
    | {"user", "metadata", "service_tier"}
)
"""What OpenAI and those who follow it take."""

_OPENAI = Quirks(
    options=_COMPLETION_OPTIONS
    | {"reasoning_effort", "verbosity", "store", "safety_identifier", "prediction", "moderation"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "web_search_options"},
    renamed={"max_tokens": "max_completion_tokens"},
    modalities="none",
    has_provider=False,
)
_GUMLOOP = Quirks(
    options=_COMPLETION_OPTIONS
    | {"models", "plugins", "reasoning", "cache_control", "session_id", "trace", "debug"},
    renamed={"max_tokens": "max_completion_tokens"},
    has_stream_options=False,
    reasoning_by="gumloop",
)
_OPENROUTER = Quirks(
    modalities="given",
    image_only=(
        *("black-forest-labs/*", "bytedance-seed/seedream*", "recraft/*", "sourceful/riverflow*"),
        *("ideogram/*", "openai/gpt-image*", "x-ai/grok-imagine-image*"),
    ),
    reasoning_by="openrouter",
)

ENDPOINTS: Mapping[str, Endpoint] = {
    each.name: each
    for each in (
        Endpoint(
            name="gumloop",
            dialect="openai",
            base_url="https://ws.gumloop.com/api/v1",
            models_url="https://api.gumloop.com/api/v1/models",
            key_env="GUMLOOP_API_KEY",
            header_env={"x-auth-key": "GUMLOOP_USER_ID"},
            quirks=_GUMLOOP,
        ),
        Endpoint(
            name="openai",
            dialect="openai",
            base_url="https://api.openai.com/v1",
            key_env="OPENAI_API_KEY",
            quirks=_OPENAI,
        ),
        Endpoint(
            name="openrouter",
            dialect="openai",
            base_url="https://openrouter.ai/api/v1",
            key_env="OPENROUTER_API_KEY",
            quirks=_OPENROUTER,
        ),
        Endpoint(
            name="anthropic",
            dialect="anthropic",
            base_url="https://api.anthropic.com/v1",
            key_env="ANTHROPIC_API_KEY",
            capabilities=Capabilities(
                images_in=True,
                images_out=False,
                text_out=True,
                json_schema=True,
                json_object=True,
                tools=True,
            ),
        ),
        Endpoint(
            name="gemini",
            dialect="gemini",
            base_url="https://generativelanguage.googleapis.com/v1beta",
            key_env="GEMINI_API_KEY",
            capabilities=Capabilities(
                images_in=True,
                images_out=False,
                text_out=True,
                json_schema=True,
                json_object=True,
                tools=True,
            ),
        ),
        Endpoint(name="local", dialect="local"),
        Endpoint(name="fake", dialect="fake"),
    )
}
"""The endpoints that need no configuration but a key."""

AUTO = "auto"
TEXT_PRESETS = ("recommended", "smartest", "fastest", AUTO)
IMAGE_PRESET = "image"
PRESETS: Mapping[str, str] = {
    **dict.fromkeys(TEXT_PRESETS, f"local/{LOCAL_TEXT_MODEL}"),
    IMAGE_PRESET: f"local/{LOCAL_IMAGE_MODEL}",
}
"""What a preset stands for where nothing is configured."""

MODELS: Mapping[str, Mapping[str, Capabilities]] = {
    "local": {
        LOCAL_TEXT_MODEL: Capabilities(
            images_in=False,
            images_out=False,
            text_out=True,
            json_schema=True,
            json_object=False,
            tools=True,
        ),
        LOCAL_IMAGE_MODEL: Capabilities(
            images_in=True,
            images_out=True,
            text_out=False,
            json_schema=False,
            json_object=False,
            tools=False,
        ),
    },
    "fake": {
        "echo": Capabilities(
            images_in=True,
            images_out=False,
            text_out=True,
            json_schema=True,
            json_object=True,
            tools=True,
        ),
        "image": Capabilities(
            images_in=True,
            images_out=True,
            text_out=False,
            json_schema=False,
            json_object=False,
            tools=False,
        ),
    },
}
"""The endpoints whose models are all known."""

FREE = Price(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def endpoints(config: Config) -> Mapping[str, Endpoint]:
    """The catalog with the project's own rows. Raises: UsageError for one that cannot be used."""
    found = dict(ENDPOINTS)
    for name, settings in config.endpoints.items():
        found[name] = _merged(name, settings, config)
    return found


def preset(name: str, config: Config) -> str | None:
    """What a preset or a name of the project's own stands for; None if it is neither.

    Where `recommended` is configured, the other presets for text follow it: a project that
    named a model of its own is not answered by the embedded one by oversight.
    """
    if name in config.models:
        return config.models[name]
    if name in TEXT_PRESETS and "recommended" in config.models:
        return config.models["recommended"]
    return PRESETS.get(name)


def models_of(endpoint: Endpoint, config: Config) -> Mapping[str, Capabilities] | None:
    """The models of an endpoint of which all are known, None for any other."""
    known = MODELS.get(endpoint.name)
    if endpoint.name == "fake" and known is not None:
        return {**known, **dict.fromkeys(config.fakes, Capabilities(tools=True))}
    return known


def is_configured(endpoint: Endpoint, config: Config) -> bool:
    """Whether an endpoint over HTTP has the key that it needs."""
    if not endpoint.is_remote:
        return False
    return endpoint.key_env is None or endpoint.key_env in config.variables


def price_of(label: str, endpoint: Endpoint, config: Config) -> Price | None:
    """What a model costs by the project's word; what runs in this process costs nothing."""
    said = config.prices.get(label)
    if said is None:
        return None if endpoint.is_remote else FREE
    return Price(
        said["input"],
        said["output"],
        said.get("cache_read"),
        said.get("cache_write"),
        said.get("cache_write_1h"),
    )


def _merged(name: str, settings: EndpointSettings, config: Config) -> Endpoint:
    where = f"{config.path}: [endpoints.{name}]"
    known = ENDPOINTS.get(name)
    if known is not None and not known.is_remote:
        raise UsageError(f"{where} {name} runs in this process and cannot be configured")
    if "/" in name:
        raise UsageError(f"{where} the name of an endpoint may not hold a slash")
    if known is None and settings.base_url is None:
        raise UsageError(f"{where} base_url is missing")
    row = known or Endpoint(name=name, dialect="openai")
    if settings.dialect is not None:
        row = replace(row, dialect=settings.dialect)
    moved = settings.base_url is not None and settings.base_url != row.base_url
    endpoint = replace(
        row,
        base_url=settings.base_url or row.base_url,
        # Another host does not serve the list of the one it stands in for.
        models_url=settings.models_url or (None if moved else row.models_url),
        key_env=settings.key_env or row.key_env,
        headers={**row.headers, **settings.headers},
        header_env={**row.header_env, **settings.header_env},
        max_in_flight=settings.max_in_flight or row.max_in_flight,
        connect_timeout_s=settings.timeouts.get("connect", row.connect_timeout_s),
        idle_timeout_s=settings.timeouts.get("idle", row.idle_timeout_s),
        total_timeout_s=settings.timeouts.get("total", row.total_timeout_s),
        capabilities=replace(row.capabilities, **settings.capabilities),
    )
    for key, url in (("base_url", endpoint.base_url), ("models_url", endpoint.models_url)):
        if url is not None:
            _check_url(url, f"{where} {key}", endpoint)
    return endpoint


def _check_url(url: str, where: str, endpoint: Endpoint) -> None:
    """Refuses addresses that a request cannot go to, or a key must not go to."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError as error:
        raise UsageError(f"{where} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
        raise UsageError(f"{where} must begin with https:// or http:// and name a host")
    if "@" in parts.netloc:
        raise UsageError(f"{where} holds a password: name its variable in key_env instead")
    if parts.query or parts.fragment or "\\" in url or not url.isprintable() or " " in url:
        raise UsageError(f"{where} must be plain, without a query: {url}")
    if _is_loopback(parts):
        return
    secrets = {endpoint.key_env, *endpoint.header_env.values()} - {None}
    if parts.scheme == "http" and secrets:
        raise UsageError(f"{where} sends a key in the clear: use https://")
    _check_owner(parts, where, secrets)


def _check_owner(parts: SplitResult, where: str, secrets: set[str | None]) -> None:
    """Refuses to send a known provider's key to a stranger."""
    for known in ENDPOINTS.values():
        own = {urlsplit(url).hostname for url in (known.base_url, known.models_url) if url}
        theirs = {known.key_env, *known.header_env.values()} & secrets
        if own and theirs - {None} and parts.hostname not in own:
            raise UsageError(
                f"{where} would send {known.name}'s key ({known.key_env}) to {parts.hostname}: "
                "name another variable in key_env"
            )


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    octets = host.split(".")
    is_127 = len(octets) == 4 and octets[0] == "127" and all(each.isdigit() for each in octets)
    return host in ("localhost", "::1") or is_127

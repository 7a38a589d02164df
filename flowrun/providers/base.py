"""The seams of the room: Provider, Dialect, Endpoint and Wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import field
from typing import Literal, Protocol

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ChatRequest, Delta
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import ProviderError


class Provider(Protocol):
    """Whatever answers a request; a wrapper is one round another.

    Both verbs raise ProviderError when no answer comes. A reply that came is returned as it
    is, refusals, filtered and cut ones included: judging it is `chat.structured`'s work.
    """

    async def send(self, request: ChatRequest) -> ChatReply:
        """The whole reply."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """The reply in pieces, as they arrive; `fold` makes the whole of them."""
        ...

    async def aclose(self) -> None:
        """Gives back what the provider holds open."""
        ...


@dataclass(frozen=True, slots=True)
class Quirks:
    """How one speaker of OpenAI's completions differs from the plain protocol.

    `options` are all that it takes, None where nobody knows them; `renamed` are those that it has
    under another name. `modalities` tells how it is asked for a picture: "asked" passes on what
    was asked for; "given" names all that the model gives, which for those whose name fits a
    pattern of `image_only` is the picture alone; "none" is a speaker that makes none.
    `has_provider` says whether a request may choose who serves it, `has_stream_options` whether
    a stream is asked for its usage. `reasoning_by` is the mark of the blocks that its
    `reasoning_details` are kept as, empty where they are not kept.
    """

    options: frozenset[str] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    modalities: Literal["asked", "given", "none"] = "asked"
    image_only: tuple[str, ...] = ()
    has_provider: bool = True
    has_stream_options: bool = True
    reasoning_by: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the catalog: where a provider is and how it is spoken to.

    `dialect` is what goes over HTTP, or `local` and `fake` for what runs in this process.
    `base_url` ends before the dialect's own path, such as `/chat/completions` or `/messages`;
    `models_url` is whole. `key_env` names the
    environment variable of the key, None where no key is sent. `header_env` names, for each
    further header, the variable that it is taken from, and is left out where that is not set.
    `max_in_flight` is None where the run's own limit is all there is. `quirks` are read by the
    dialect `openai` alone.
    """

    name: str
    dialect: Literal["openai", "openai-images", "anthropic", "gemini", "local", "fake"]
    base_url: str = ""
    models_url: str | None = None
    key_env: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    header_env: Mapping[str, str] = field(default_factory=dict)
    capabilities: Capabilities = field(default_factory=Capabilities)
    max_in_flight: int | None = None
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 120.0
    total_timeout_s: float = 600.0
    quirks: Quirks = field(default_factory=Quirks)

    @property
    def is_remote(self) -> bool:
        """Whether it is asked over HTTP."""
        return self.dialect not in ("local", "fake")


@dataclass(frozen=True, slots=True)
class Wire:
    """An HTTP request before it is sent; `path` is relative to the endpoint's base URL."""

    method: Literal["GET", "POST"]
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class StreamDecoder(Protocol):
    """Reads one streamed reply, event by event."""

    @property
    def complete(self) -> bool:
        """Whether the reply has all that it needs, though more may follow."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the provider said that nothing more follows."""
        ...

    def feed(self, data: str) -> list[Delta]:
        """What one server-sent event says. Raises: ProviderError if it reports an error."""
        ...

    def finish(self) -> list[Delta]:
        """What is left at the end. Raises: Unavailable if the stream was cut."""
        ...


class Dialect(Protocol):
    """A provider's protocol as pure functions: no socket, no clock."""

    def key_headers(self, key: str) -> Mapping[str, str]:
        """The headers that carry the endpoint's key."""
        ...

    def listing(self) -> Wire:
        """The request for the list of models."""
        ...

    def encode(self, request: ChatRequest, *, stream: bool) -> Wire:
        """The request on the wire. Raises: Unsupported for what the protocol cannot say."""
        ...

    def decode(self, body: bytes, *, content_type: str) -> ChatReply:
        """A unary body as a reply. Raises: ProviderError if it is none or holds an error."""
        ...

    def decoder(self) -> StreamDecoder:
        """A reader for one stream."""
        ...

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, now: float
    ) -> ProviderError:
        """The typed error of a failed response; `now` in seconds since the epoch."""
        ...

    def models(self, body: bytes) -> list[Mapping[str, JsonValue]]:
        """The rows of a models list; each has at least `id`."""
        ...

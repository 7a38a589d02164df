"""What an HTTP client may know besides its own `send`: shorter ways to an address."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol, runtime_checkable


class Response(Protocol):
    """What is asked of a response, be it the client's own or another."""

    @property
    def status_code(self) -> int:
        """As HTTP has it."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By their names in any case."""
        ...

    def aiter_bytes(self) -> AsyncGenerator[bytes, None]:
        """The body, decompressed, as it comes in."""
        ...

    async def aclose(self) -> None:
        """Ends it, read to its end or not."""
        ...


class Way(Protocol):
    """An address with all that is the same in each request to it."""

    async def ask(self, body: bytes) -> Response:
        """A response whose body is still to be read."""
        ...


@runtime_checkable
class KnowsWays(Protocol):
    """A client that knows shorter ways than its own `send`."""

    def way(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: Mapping[str, float | None],
    ) -> Way | None:
        """The way for requests of which only the body differs; None if there is none."""
        ...

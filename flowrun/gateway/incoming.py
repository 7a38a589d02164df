"""A request as it comes in: its headers, read once, and its body, read within bounds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from ipaddress import ip_address
from typing import Any, TypeAlias

from flowrun.gateway.faults import Fault
from flowrun.serving import ServeSettings

Message: TypeAlias = MutableMapping[str, Any]  # as ASGI has it
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_ONCE = frozenset(
    (b"authorization", b"content-length", b"content-type", b"host", b"x-provider-key")
)
_REQUEST_ID = re.compile(r"[!-~]{1,128}")
_JSON = re.compile(r"application/(?:[\w.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_FEW_DIGITS = 5
_LOOPBACK_NAMES = ("localhost",)


class HungUp(Exception):
    """The caller went away before the whole request was there."""


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers by their names in lower case.

    Raises: Fault 400 where one stands twice that may stand once.
    """
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        if key in found and name in _ONCE:
            raise Fault(400, f"the header {key} stands twice", code="invalid_header")
        found[key] = value.decode("latin-1")
    return found


def request_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own name for the request, if it can be said back."""
    said = headers.get("x-request-id", "")
    return said if _REQUEST_ID.fullmatch(said) else None


def require_local_host(headers: Mapping[str, str]) -> None:
    """Refuses a request that was meant for another host: a page that rebound its name.

    Raises: Fault 403.
    """
    if not is_loopback(_host(headers.get("host", ""))):
        raise Fault(
            403,
            "without keys only this machine is answered: ask for localhost, or add a key by "
            "`flowrun keys add`",
            code="host_not_allowed",
            kind="permission_error",
        )


def is_loopback(host: str) -> bool:
    """Whether a host, without its port, is this machine by name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK_NAMES


def _host(said: str) -> str:
    """A Host header without its port and brackets; nothing if it is none."""
    if said.startswith("["):
        host, bracket, port = said[1:].partition("]")
        return host if bracket and (not port or port[0] == ":") else ""
    host, _, port = said.partition(":")
    return host if not port or port.isdigit() else ""


def require_json(headers: Mapping[str, str]) -> None:
    """Refuses what is no JSON, also what a form of any web page could send.

    Raises: Fault 415.
    """
    if not _JSON.fullmatch(headers.get("content-type", "")):
        raise _unsupported("the body must be JSON: send content-type: application/json")
    if headers.get("content-encoding", "identity") != "identity":
        raise _unsupported("the body must not be compressed")


def is_short(headers: Mapping[str, str]) -> bool:
    """Whether the body is said to be so short that it costs little not to be read."""
    announced = headers.get("content-length", "")
    return announced.isdigit() and len(announced) <= _FEW_DIGITS


async def body_of(receive: Receive, headers: Mapping[str, str], settings: ServeSettings) -> bytes:
    """The whole body. Raises: Fault 408, 413; HungUp."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > settings.max_body_bytes:
        raise _too_large(settings)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HungUp
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > settings.max_body_bytes:
                    raise _too_large(settings)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        said = f"the body was not there within {settings.body_timeout_s:g} s"
        raise Fault(408, said, code="request_timeout", kind="timeout_error") from None


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI takes them; a value never breaks out of its line."""
    return [(name.encode("latin-1"), _line(value)) for name, value in headers.items()]


def _line(value: str) -> bytes:
    plain = value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)
    return plain.encode("latin-1", "replace")


def listed(names: Iterable[str]) -> str:
    """Names as one header value, each once."""
    return ", ".join(dict.fromkeys(names))


def _too_large(settings: ServeSettings) -> Fault:
    most = settings.max_body_bytes // 2**20
    return Fault(413, f"the body is larger than {most} MiB", code="request_too_large")


def _unsupported(said: str) -> Fault:
    return Fault(415, said, code="unsupported_media_type")

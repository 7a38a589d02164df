"""Which addresses a tool may connect to: public ones, and those that the user has listed."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeAlias

from flowrun.errors import ToolError

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host. Raises: OSError."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NOT_FOR_HOSTS = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"),
        *("3fff::/20", "2001::/23", "2002::/16"),
    )
)
"""Relays, protocols, the host's own services in one cloud; a tunnel's address hides another."""


class NotPublic(ToolError):
    """An address that may not be connected to; `within` says which table would allow it."""

    def __init__(self, host: str, port: int, address: str) -> None:
        self._place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        what = f'"{host}" has the address {address}, which' if address != host else f'"{address}"'
        self._what = f"{what} is not public"
        super().__init__(self.within("tools"))
        self.shown_as("the address is not a public one")

    def within(self, table: str) -> str:
        """The whole message, with that table of flowrun.toml as the place to allow it."""
        mend = f'to allow it, write private = ["{self._place}"] under [{table}] in flowrun.toml'
        return f"{self._what}; {mend}"


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives. Raises: OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


async def check(
    host: str, port: int, private: Collection[str], *, resolve: Resolve = look_up
) -> str:
    """An address of the host that may be connected to: the first of those that `checked` gives."""
    return (await checked(host, port, private, resolve=resolve))[0]


async def checked(
    host: str, port: int, private: Collection[str], *, resolve: Resolve = look_up
) -> Sequence[str]:
    """The addresses of a host, if every one of them may be connected to.

    The host is looked up once, here; whoever connects to the address needs no second answer,
    which could be another one. A host that is listed in `private` may have any address.

    Raises: ToolError if the host has no address, or one that is not public.
    """
    plain = host.strip("[]")
    try:
        found = await resolve(plain, port)
    except (OSError, UnicodeError) as error:
        raise ToolError(f'the host "{host}" has no address: {error}') from error
    if not found:
        raise ToolError(f'the host "{host}" has no address')
    if not is_listed(host, port, private):
        for each in found:
            if not is_public(each):
                raise NotPublic(plain, port, each)
    return found


def is_listed(host: str, port: int, private: Collection[str]) -> bool:
    """Whether the host stands in the list, with this port or without any."""
    plain = _plain(host)
    return any(each in (plain, f"{plain}:{port}") for each in map(_plain, private))


def is_public(address: str) -> bool:
    """Whether an address is one of the internet: of a host, and of no private network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in _GLOBAL_UNICAST:
            return False
    if any(found in each for each in _NOT_FOR_HOSTS):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _plain(host: str) -> str:
    """A host as it is compared: in lower case, without the dot at its end or brackets."""
    lowered = host.strip().lower()
    if lowered.startswith("["):
        inside, _, port = lowered[1:].partition("]")
        return f"{_shortest(inside)}{port}"
    return _shortest(lowered) if lowered.count(":") > 1 else lowered.rstrip(".")


def _shortest(address: str) -> str:
    try:
        return f"[{ipaddress.ip_address(address)}]"
    except ValueError:
        return address

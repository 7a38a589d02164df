from __future__ import annotations

import _socket
import asyncio
import socket
from collections.abc import Sequence

import pytest

from flowrun.errors import ToolError
from flowrun.tools.addresses import check, checked, is_listed, is_public

PUBLIC = (
    *("8.8.8.8", "93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.167.1.1"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"),
)
PRIVATE = (
    *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    *("169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
    *("0.0.0.0", "0.1.2.3", "192.0.0.1", "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "168.63.129.16"),
    *("::1", "::", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fc00::1"),
    *("::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "2606:4700::1%lo"),
    *("fec0::1", "ff02::1", "ff0e::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("100::1", "2001::1", "2001:db8::1", "2001:10::1", "2002:7f00:1::", "3fff::1", "4000::1"),
    *("", "localhost", "127.1", "0x7f.1", "2130706433"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("host", "port", "entry", "expected"),
    [
        ("wiki.intern", 80, "wiki.intern", True),
        ("WIKI.intern.", 80, "wiki.INTERN", True),
        ("wiki.intern", 80, "wiki.intern:80", True),
        ("wiki.intern", 80, "wiki.intern:8080", False),
        ("wiki.intern", 80, "intern", False),
        ("a.wiki.intern", 80, "wiki.intern", False),
        ("127.0.0.1", 80, "127.0.0.1", True),
        ("127.0.0.1", 80, "localhost", False),
        ("::1", 80, "[::1]", True),
        ("[::1]", 80, "[0:0:0:0:0:0:0:1]:80", True),
        ("::1", 80, "[::1]:81", False),
        ("::1", 80, "[::x]", False),
    ],
)
def test_a_host_is_listed_with_its_port_or_without(
    host: str, port: int, entry: str, expected: bool
) -> None:
    assert is_listed(host, port, ("other", entry)) is expected


def checking(host: str, *addresses: str, private: tuple[str, ...] = ()) -> Sequence[str]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return asyncio.run(checked(host, 80, private, resolve=resolve))


def test_the_addresses_of_a_public_host_are_given() -> None:
    assert checking("example.org", "8.8.8.8", "1.1.1.1") == ("8.8.8.8", "1.1.1.1")


def test_one_private_address_is_enough_to_refuse() -> None:
    with pytest.raises(ToolError) as caught:
        checking("example.org", "8.8.8.8", "10.0.0.1")
    assert str(caught.value) == (
        '"example.org" has the address 10.0.0.1, which is not public; '
        'to allow it, write private = ["example.org:80"] under [tools] in flowrun.toml'
    )
    assert caught.value.shown == "the address is not a public one"


def test_a_listed_host_may_have_any_address() -> None:
    assert checking("wiki.intern", "10.0.0.1", private=("wiki.intern",)) == ("10.0.0.1",)


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(ToolError, match=r'^the host "example\.org" has no address$'):
        checking("example.org")


def test_a_host_that_is_not_known_is_told() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(ToolError, match=r'^the host "x\.invalid" has no address: .* not known$'):
        asyncio.run(check("x.invalid", 80, (), resolve=resolve))


SPELLINGS = ("127.0.0.1", "[::1]", "127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1")


@pytest.mark.parametrize("host", SPELLINGS)
def test_other_spellings_of_an_address_hide_nothing(host: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        # What the tests forbid to look names up stands before this.
        return [str(each[4][0]) for each in _socket.getaddrinfo(host, port)]

    with pytest.raises(ToolError, match="is not public"):
        asyncio.run(check(host, 80, (), resolve=resolve))


def test_a_listed_loopback_is_found() -> None:
    assert asyncio.run(check("127.0.0.1", 80, ("127.0.0.1:80",))) == "127.0.0.1"

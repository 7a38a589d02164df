"""Headers and bodies as they come in; the rest is seen in test_completions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowrun.gateway.faults import Fault
from flowrun.gateway.incoming import (
    HungUp,
    body_of,
    encoded,
    headers_of,
    is_loopback,
    listed,
    request_id,
    require_json,
)
from flowrun.serving import ServeSettings


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False)],
)
def test_loopback_is_a_name_or_an_address_of_this_machine(host: str, wanted: bool) -> None:
    assert is_loopback(host) is wanted


@pytest.mark.parametrize(
    ("kind", "is_taken"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("application/jsonx", False),
        ("text/json", False),
    ],
)
def test_json_has_several_names(kind: str, is_taken: bool) -> None:
    if is_taken:
        require_json({"content-type": kind})
    else:
        with pytest.raises(Fault):
            require_json({"content-type": kind})


def test_headers_that_may_stand_twice_keep_the_last() -> None:
    scope = {"headers": [(b"accept", b"a"), (b"accept", b"b")]}
    assert headers_of(scope) == {"accept": "b"}


def test_a_request_id_is_one_word() -> None:
    assert request_id({"x-request-id": "a-1"}) == "a-1"
    assert request_id({}) is None


def test_a_header_never_breaks_out_of_its_line() -> None:
    assert encoded({"x": "a\r\nset-cookie: b\u2028ü"}) == [(b"x", b"a  set-cookie: b \xfc")]


def test_names_are_listed_once() -> None:
    assert listed(("b", "a", "b")) == "b, a"


def test_a_body_may_come_in_parts() -> None:
    messages = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    assert asyncio.run(body_of(receive, {}, ServeSettings())) == b"ab"


def test_a_caller_who_leaves_is_no_fault() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(HungUp):
        asyncio.run(body_of(receive, {}, ServeSettings()))

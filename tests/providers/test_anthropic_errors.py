from __future__ import annotations

import json

import pytest

from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers.anthropic_errors import error_of_body, error_of_response


def error(status: int, kind: str, code: str = "", **headers: str) -> ProviderError:
    told = {"type": kind, "message": "why", "details": {"error_code": code} if code else None}
    body = json.dumps({"type": "error", "error": told, "request_id": "req_1"}).encode()
    return error_of_response(status, headers, body, now=0.0)


@pytest.mark.parametrize(
    ("status", "kind", "code", "expected"),
    [
        (413, "request_too_large", "", Unsupported),
        (429, "rate_limit_error", "enforced_spend_limit_reached", AccessDenied),
        (429, "rate_limit_error", "ramp_limit_exceeded", Unavailable),
        (402, "billing_error", "linked_organization_spend_limit_reached", AccessDenied),
        (400, "billing_error", "", AccessDenied),
        (400, "invalid_request_error", "organization_on_hold", AccessDenied),
    ],
)
def test_its_own_types_and_codes_are_told_apart(
    status: int, kind: str, code: str, expected: type[ProviderError]
) -> None:
    found = error(status, kind, code)
    assert (type(found), str(found)) == (expected, f"answered {status}: why")
    assert found.status == status


def test_an_overload_is_one_and_may_say_when_to_come_again() -> None:
    found = error(529, "overloaded_error", **{"retry-after": "7"})
    assert isinstance(found, Unavailable)
    assert (found.is_overload, found.retry_after_s) == (True, 7)


def test_a_body_that_cannot_be_read_changes_nothing() -> None:
    for body in (b"", b"oops", b"[1]", b'{"error": "x"}', b"[0," * 300_000):
        assert type(error_of_response(500, {}, body, now=0.0)) is Unavailable


def test_a_body_without_an_error_has_none() -> None:
    assert error_of_body({"type": "message", "content": []}) is None

from __future__ import annotations

import json
from typing import Any

import pytest

from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers.gemini_errors import error_of_body, error_of_response, objects_of

BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


def told(code: int, status: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "why", "status": status, "details": list(details)}}


def error(status: int, body: object, **headers: str) -> ProviderError:
    return error_of_response(status, headers, json.dumps(body).encode(), now=0.0)


def delay(text: object) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}


@pytest.mark.parametrize(
    ("status", "word", "details", "expected"),
    [
        (400, "INVALID_ARGUMENT", [], ProviderError),
        (400, "INVALID_ARGUMENT", [7, {"reason": "OTHER"}, BAD_KEY], AccessDenied),
        (400, "FAILED_PRECONDITION", [], ProviderError),
        (403, "PERMISSION_DENIED", [], AccessDenied),
        (404, "NOT_FOUND", [], Unsupported),
        (413, "INVALID_ARGUMENT", [], Unsupported),
        (429, "RESOURCE_EXHAUSTED", [], Unavailable),
        (500, "INTERNAL", [], Unavailable),
        (503, "UNAVAILABLE", [], Unavailable),
        (504, "DEADLINE_EXCEEDED", [], Unavailable),
    ],
)
def test_its_statuses_and_details_are_told_apart(
    status: int, word: str, details: list[Any], expected: type[ProviderError]
) -> None:
    body = told(status, word, *details)
    for held in (body, [body]):
        found = error(status, held)
        assert (type(found), str(found)) == (expected, f"answered {status}: why")
        assert found.status == status


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("12s", 12),
        ("0.5s", 0.5),
        ("34.074824224s", 34.074824224),
        ("12", None),
        ("-1s", None),
        ("1e9s", None),
        ("s", None),
        (12, None),
        (None, None),
    ],
)
def test_pitfall_41_the_delay_is_told_in_the_body(said: object, seconds: float | None) -> None:
    body = told(429, "RESOURCE_EXHAUSTED", {"quotaId": "x"}, delay(said))
    found = [error(429, [body]), error_of_body(body)]
    for each in found:
        assert isinstance(each, Unavailable)
        assert (each.retry_after_s, each.is_overload) == (seconds, True)


def test_pitfall_41_a_header_is_heard_before_the_body() -> None:
    body = told(429, "RESOURCE_EXHAUSTED", delay("12s"))
    found = error(429, body, **{"retry-after": "7"})
    assert isinstance(found, Unavailable)
    assert found.retry_after_s == 7


def test_a_body_that_cannot_be_read_changes_nothing() -> None:
    for body in (b"", b"oops", b"[1]", b'{"error": "x"}', b"[0," * 300_000, b"[" * 100_000):
        assert type(error_of_response(500, {}, body, now=0.0)) is Unavailable


def test_a_body_without_an_error_has_none() -> None:
    assert error_of_body({"candidates": []}) is None


def test_objects_come_alone_or_in_a_list() -> None:
    assert objects_of(b'{"a": 1}') == objects_of('[{"a": 1}]') == [{"a": 1}]
    for text in ("[]", "7", "[7]", '[{"a": 1}, 7]', "", "null"):
        assert objects_of(text) is None
    with pytest.raises(ProviderError, match="sent JSON with more than"):
        objects_of("[0," * 600_000)

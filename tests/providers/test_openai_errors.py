from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import formatdate

import pytest

from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers.openai_errors import error_of_body, error_of_response

NOW = 1_800_000_000.0


def response(
    status: int, error: object = None, headers: Mapping[str, str] | None = None
) -> ProviderError:
    body = json.dumps({"error": error or {"message": "said"}}).encode()
    return error_of_response(status, headers or {}, body, now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, ProviderError) for status in (400, 405, 413, 422)),
        *((status, AccessDenied) for status in (401, 402, 403)),
        *((status, Unsupported) for status in (404, 410, 501)),
        *((status, Unavailable) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
    ],
)
def test_the_status_decides_the_kind(status: int, kind: type[ProviderError]) -> None:
    error = response(status)
    assert type(error) is kind
    assert str(error) == f"answered {status}: said"
    assert error.status == status


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503, 529])
def test_too_much_is_told_from_bad_luck(status: int) -> None:
    error = response(status)
    assert isinstance(error, Unavailable)
    assert error.is_overload == (status == 429 or status >= 500)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "message": "x"}, AccessDenied),
        (429, {"type": "insufficient_quota", "message": "x"}, AccessDenied),
        (429, {"code": "credit_balance_exhausted", "message": "x"}, AccessDenied),
        (429, {"code": "rate_limit_exceeded", "message": "x"}, Unavailable),
        (400, {"code": "context_length_exceeded", "message": "x"}, Unsupported),
        (400, {"code": "unsupported_value", "message": "x"}, Unsupported),
        (500, {"code": "unsupported_value", "message": "x"}, Unavailable),
        (403, {"code": 403, "message": "x", "metadata": {"reasons": ["y"]}}, ProviderError),
        (403, {"code": 403, "message": "x", "metadata": {}}, AccessDenied),
    ],
)
def test_the_code_decides_where_the_status_does_not(
    status: int, error: object, kind: type[ProviderError]
) -> None:
    assert type(response(status, error)) is kind


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (503, "false", ProviderError),
        (429, "False", ProviderError),
        (401, "false", AccessDenied),
        (404, "false", Unsupported),
        (400, "true", Unavailable),
        (503, "perhaps", Unavailable),
    ],
)
def test_the_provider_may_say_whether_to_retry(
    status: int, said: str, kind: type[ProviderError]
) -> None:
    assert type(response(status, headers={"x-should-retry": said})) is kind


def test_no_credit_stays_denied_whatever_is_said_of_retries() -> None:
    error = {"code": "insufficient_quota", "message": "x"}
    assert type(response(429, error, {"x-should-retry": "false"})) is AccessDenied


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.3 "}, 0.3),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after-ms": "300", "retry-after": "9"}, 0.3),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "when it suits us"}, None),
        ({"retry-after": "Mon, 99 Foo 2026 99:99:99 GMT"}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: Mapping[str, str], wait_s: float | None) -> None:
    error = response(429, headers=headers)
    assert isinstance(error, Unavailable)
    assert error.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "nested", "code": "c", "type": "t"}}, "nested"),
        ({"error": {"code": "only_code"}}, "only_code"),
        ({"error": {"message": {"deep": 1}}}, '{"deep": 1}'),
        ({"error": "flat_code", "message": "flat"}, "flat_code: flat"),
        ({"error": "invalid_grant", "error_description": "oauth"}, "invalid_grant: oauth"),
        ({"error": "tier_required_pro"}, "tier_required_pro"),
        ({"detail": "from FastAPI"}, "from FastAPI"),
        ({"detail": [{"loc": ["body"]}]}, '[{"loc": ["body"]}]'),
        ({"message": "beside"}, "beside"),
        ([{"error": {"message": "in a list"}}], "in a list"),
        ([1, 2], "[1, 2]"),
        ({"other": 1}, '{"other": 1}'),
        ({"error": {"message": "\x1b[31mred\nline"}}, "[31mred line"),
        ({"error": {"message": "x" * 5000}}, "x" * 300 + "…"),
    ],
)
def test_messages_are_found_in_every_shape(body: object, said: str) -> None:
    error = error_of_response(400, {}, json.dumps(body).encode(), now=NOW)
    assert str(error) == f"answered 400: {said}"


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"<!doctype html><p>Bad gateway", "text/html", "an HTML page"),
        (b"upstream timed out", "text/plain", "upstream timed out"),
        (b"", "", "an empty body"),
        (b"[" * 100_000, "application/json", "[" * 300 + "…"),
    ],
)
def test_bodies_that_are_no_json_are_not_dumped(body: bytes, content_type: str, said: str) -> None:
    error = error_of_response(502, {"content-type": content_type}, body, now=NOW)
    assert str(error) == f"answered 502: {said}"


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"code": 429, "message": "said"}, Unavailable, 429),
        ({"code": "502", "message": "said"}, Unavailable, 502),
        ({"code": 401, "message": "said"}, AccessDenied, 401),
        ({"code": 7, "message": "said"}, Unavailable, 500),
        ({"code": "server_error", "message": "said"}, Unavailable, 500),
        ({"code": "Overloaded", "message": "said"}, Unavailable, 529),
        ({"type": "rate_limit_error", "message": "said"}, Unavailable, 429),
        ({"type": "authentication_error", "message": "said"}, AccessDenied, 401),
        ({"type": "invalid_request_error", "message": "said"}, ProviderError, 400),
        ({"type": "not_found_error", "message": "said"}, Unsupported, 404),
        ({"code": "context_length_exceeded", "message": "said"}, Unsupported, 400),
        ({"code": "insufficient_quota", "message": "said"}, AccessDenied, 400),
        ({"message": "said"}, Unavailable, 500),
        ("said", Unavailable, 500),
        ([{"message": "odd"}], Unavailable, 500),
    ],
)
def test_an_error_inside_of_a_200_has_a_kind_too(
    error: object, kind: type[ProviderError], status: int
) -> None:
    found = error_of_body({"error": error})
    assert type(found) is kind
    assert found.status == status
    said = "without a word" if isinstance(error, list) else "said"
    assert str(found) == f"reported an error: {said}"


@pytest.mark.parametrize("error", [None, "", {}, False])
def test_an_empty_error_is_none(error: object) -> None:
    assert error_of_body({"error": error}) is None

"""Every error is one status, one code and one type to the caller."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from flowrun import errors
from flowrun.errors import (
    AccessDenied,
    BudgetReached,
    FlowrunError,
    LedgerError,
    NotInstalled,
    PipelineError,
    ProviderError,
    ReplyError,
    StepError,
    StoreError,
    ToolError,
    Unavailable,
    UnknownOutcome,
    Unsupported,
    UsageError,
)
from flowrun.gateway.faults import Fault, body_of, fault_of, headers_of
from flowrun.providers.health import CircuitOpen

TIMEOUT = (504, "timeout", "timeout_error")
BROKEN = (502, "provider_unavailable", "api_error")
BUSY = (503, "overloaded", "overloaded_error")
SLOWER = (429, "rate_limit_exceeded", "rate_limit_error")
HIDDEN = (502, "provider_access", "api_error")


def rejected(status: int) -> tuple[int, str, str]:
    return status, "provider_rejected", "invalid_request_error"


ROWS: list[tuple[FlowrunError, tuple[int, str, str]]] = [
    (UsageError("x"), (400, "model_not_found", "invalid_request_error")),
    (NotInstalled("x"), (503, "model_unavailable", "api_error")),
    (BudgetReached("x"), (402, "budget_reached", "insufficient_quota")),
    (ReplyError("x"), (502, "bad_reply", "api_error")),
    (StepError("x"), (502, "step_failed", "api_error")),
    (ToolError("x"), (502, "step_failed", "api_error")),
    (UnknownOutcome("x"), (502, "unknown_outcome", "api_error")),
    (LedgerError("x"), (503, "ledger_unavailable", "api_error")),
    (StoreError("x"), (500, "internal_error", "server_error")),
    (PipelineError(()), (500, "internal_error", "server_error")),
    (FlowrunError("x"), (500, "internal_error", "server_error")),
    (Unavailable("x"), BROKEN),
    (Unavailable("x", is_unsent=True), BROKEN),
    (Unavailable("x", is_unsent=True, retry_after_s=90), BUSY),
    (CircuitOpen("x"), BUSY),
    *((Unavailable("x", status=each, is_overload=True), BUSY) for each in (503, 529)),
    *((Unavailable("x", status=each), TIMEOUT) for each in (408, 504)),
    *((Unavailable("x", status=each), BROKEN) for each in (409, 425, 500, 502, 520)),
    (Unavailable("x", status=429, is_overload=True), SLOWER),
    (Unsupported("x"), (400, "unsupported", "invalid_request_error")),
    (Unsupported("x", param="top_k"), (400, "unsupported_parameter", "invalid_request_error")),
    (
        Unsupported("x", param="modalities"),
        (501, "unsupported_parameter", "invalid_request_error"),
    ),
    *((Unsupported("x", status=each), rejected(each)) for each in (400, 404, 413, 422, 501)),
    (Unsupported("x", status=410), rejected(400)),
    (ProviderError("x"), BROKEN),
    *((ProviderError("x", status=each), rejected(each)) for each in (400, 404, 413, 422)),
    (ProviderError("x", status=403), (400, "content_filter", "invalid_request_error")),
    (ProviderError("x", status=429), SLOWER),
    (ProviderError("x", status=503), BUSY),
    *((ProviderError("x", status=each), BROKEN) for each in (302, 500)),
]


@pytest.mark.parametrize("has_own_key", [False, True])
@pytest.mark.parametrize(("error", "expected"), ROWS, ids=lambda each: repr(each)[:40])
def test_what_an_error_is_to_the_caller(
    error: FlowrunError, expected: tuple[int, str, str], has_own_key: bool
) -> None:
    found = fault_of(error, has_own_key=has_own_key)
    assert (found.status, found.code, found.kind) == expected


@pytest.mark.parametrize("status", [None, 400, 401, 402, 403, 429])
def test_the_servers_own_account_is_nobodys_business(status: int | None) -> None:
    found = fault_of(AccessDenied("key sk-12 of org-7 is bad", status=status), has_own_key=False)
    assert (found.status, found.code, found.kind) == HIDDEN
    assert found.message == ("the provider refused the server's own key, or its credit is used up")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, (401, "invalid_provider_key", "authentication_error")),
        (401, (401, "invalid_provider_key", "authentication_error")),
        (402, (402, "insufficient_quota", "insufficient_quota")),
        (403, (403, "permission_denied", "permission_error")),
        (429, (402, "insufficient_quota", "insufficient_quota")),
        (400, (402, "insufficient_quota", "insufficient_quota")),
    ],
)
def test_the_callers_own_key_is_theirs_to_mend(
    status: int | None, expected: tuple[int, str, str]
) -> None:
    found = fault_of(AccessDenied("the key is bad", status=status), has_own_key=True)
    assert (found.status, found.code, found.kind) == expected
    assert found.message == "the key is bad"


def test_what_is_the_owners_own_is_in_the_log_alone() -> None:
    error = Unavailable("mine cannot be reached at http://10.0.0.7: refused")
    found = fault_of(error.shown_as("mine cannot be reached"), has_own_key=False)
    assert (found.message, found.said) == ("mine cannot be reached", str(error))
    assert (found.is_owners, found.is_provider) == (True, True)


def test_a_secret_is_masked_wherever_a_fault_tells_it() -> None:
    fault = Fault(429, "of key-1", code="x", param="p", retry_after_s=2.0)
    fault.is_provider = True
    found = fault.logged_as("key-1 again").masked(lambda text: text.replace("key-1", "***"))
    assert (found.message, found.said) == ("of ***", "*** again")
    assert (found.status, found.code, found.param, found.retry_after_s) == (429, "x", "p", 2.0)
    assert (found.is_owners, found.is_provider) == (True, True)


def test_every_error_has_its_row() -> None:
    classes = {type(error) for error, _ in ROWS} | {AccessDenied}
    tree = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, FlowrunError)
    }
    assert tree <= classes


def test_a_fault_is_itself() -> None:
    fault = Fault(418, "x", code="teapot")
    assert fault_of(fault, has_own_key=False) is fault


def test_what_the_provider_rejects_is_told_in_its_words() -> None:
    found = fault_of(ProviderError("openai answered 400: too long", status=400), has_own_key=False)
    assert found.message == "The provider rejected the request: openai answered 400: too long"


def test_where_the_ledger_is_stays_here() -> None:
    found = fault_of(LedgerError("/var/lib/ledger.db: locked"), has_own_key=False)
    assert found.message == "the accounts cannot be read or written now"
    assert headers_of(found)["retry-after"] == "1"


def test_an_unsupported_part_is_named() -> None:
    assert fault_of(Unsupported("x", param="top_k"), has_own_key=False).param == "top_k"
    rejected = Unsupported("x", status=400, param="tools")
    assert fault_of(rejected, has_own_key=False).param == "tools"


@pytest.mark.parametrize("cause", [TimeoutError(), ConnectionResetError()])
def test_time_that_ran_out_is_told_by_the_cause(cause: OSError) -> None:
    transport = RuntimeError("transport")
    transport.__cause__ = cause
    error = Unavailable("sent nothing for 90 s")
    error.__cause__ = transport
    found = fault_of(error, has_own_key=False)
    assert found.status == (504 if isinstance(cause, TimeoutError) else 502)


@pytest.mark.parametrize(
    ("seconds", "header"), [(12, "12"), (11.2, "12"), (0.01, "1"), (0, "1"), (None, None)]
)
def test_pitfall_41_retry_after_in_whole_seconds(seconds: float | None, header: Any) -> None:
    error = Unavailable("x", status=429, retry_after_s=seconds)
    found = fault_of(error, has_own_key=False)
    assert headers_of(found).get("retry-after") == header


def test_a_wait_without_end_is_not_told() -> None:
    fault = Fault(429, "x", code="y", retry_after_s=math.inf)
    assert headers_of(fault) == {"content-type": "application/json"}


def test_the_body_is_nested() -> None:
    fault = Fault(400, 'no "x" 😀', code="invalid_request", param="x")
    assert json.loads(body_of(fault)) == {
        "error": {
            "message": 'no "x" 😀',
            "type": "invalid_request_error",
            "param": "x",
            "code": "invalid_request",
        }
    }

"""What went wrong as HTTP tells it: a status, a body, and what to do next.

    Fault                                     as it is
    UsageError                                400 model_not_found: no such model is served
    NotInstalled                              503 model_unavailable
    Unsupported, of ours                      400; 501 where no model of the provider draws
    ProviderError with 400, 404, 413, 422     that status: the provider rejected the request
    AccessDenied, the server's key            502, without a word of the server's account
    AccessDenied, the caller's key            401, 402 or 403
    Unavailable                               429; 503 if overloaded or not asked; 504 if late; 502
    other ProviderError, ReplyError           502
    BudgetReached                             402
    StepError                                 502
    LedgerError                               503
    anything else                             500

The body is OpenAI's, {"error": {"message", "type", "param", "code"}}. Decided by type and status,
never by the words of a message.
Source: developers.openai.com, Error codes; docs.gumloop.com, Create completion.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Self

from flowrun.errors import (
    AccessDenied,
    BudgetReached,
    FlowrunError,
    LedgerError,
    NotInstalled,
    ProviderError,
    ReplyError,
    StepError,
    Unavailable,
    UnknownOutcome,
    Unsupported,
    UsageError,
)
from flowrun.providers.health import CircuitOpen


class Fault(FlowrunError):
    """A request that gets no answer, or an answer that breaks off.

    `kind` is the wire's `type`, `param` the part of the request that is at fault. `said` is for
    the server's log, where that is told something else than the caller; `is_owners` if the owner
    of the server has something to mend, `is_provider` if it is the word of a provider.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.said = message
        self.is_owners = False
        self.is_provider = False
        self.status = status
        self.message = message
        self.code = code
        self.kind = kind
        self.param = param
        self.retry_after_s = retry_after_s

    def logged_as(self, said: str) -> Self:
        """The fault itself, in these words for the log."""
        self.said, self.is_owners = said, True
        return self

    def masked(self, mask: Callable[[str], str]) -> Fault:
        """The same without secrets."""
        found = Fault(
            self.status,
            mask(self.message),
            code=self.code,
            kind=self.kind,
            param=self.param,
            retry_after_s=self.retry_after_s,
        )
        found.said, found.is_owners = mask(self.said), self.is_owners
        found.is_provider = self.is_provider
        return found


_REJECTION = "The provider rejected the request: "
_REJECTED = frozenset({400, 404, 413, 422})
_OF_KEY: Mapping[int, tuple[str, str]] = {
    401: ("invalid_provider_key", "authentication_error"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_denied", "permission_error"),
}
_DRAWING = frozenset({"modalities", "image_config"})
_OVERLOADED = frozenset({503, 529})
_LATE = frozenset({408, 504})
_TOO_MANY = 429
_MODERATED = 403


def fault_of(error: FlowrunError, *, has_own_key: bool) -> Fault:
    """The fault that an error is to the caller; `has_own_key` if the provider's key was theirs."""
    if isinstance(error, Fault):
        return error
    fault = _made(error, error.shown or str(error), has_own_key=has_own_key)
    fault.said = str(error) or type(error).__name__
    fault.is_owners = error.shown is not None
    # What we know without asking, that a model cannot take a request, is not its word.
    is_ours = isinstance(error, Unsupported) and error.status is None
    fault.is_provider = isinstance(error, ProviderError) and not is_ours
    return fault


def _made(error: FlowrunError, told: str, *, has_own_key: bool) -> Fault:
    """The fault, in the words that are told."""
    match error:
        case UsageError():
            return Fault(400, told, code="model_not_found", param="model")
        case ProviderError():
            return _of_provider(error, told, has_own_key=has_own_key)
        case BudgetReached():
            return Fault(402, told, code="budget_reached", kind="insufficient_quota")
        case ReplyError():
            return Fault(502, told, code="bad_reply", kind="api_error")
        case UnknownOutcome():
            return Fault(502, told, code="unknown_outcome", kind="api_error")
        case StepError():
            return Fault(502, told, code="step_failed", kind="api_error")
        case LedgerError():
            # The error itself names the server's own files or hosts: it is for the server's log.
            said = "the accounts cannot be read or written now"
            return Fault(503, said, code="ledger_unavailable", kind="api_error", retry_after_s=1)
        case _:
            return Fault(500, "the server failed", code="internal_error", kind="server_error")


def body_of(fault: Fault) -> bytes:
    """The body of the answer."""
    error = {
        "message": fault.message,
        "type": fault.kind,
        "param": fault.param,
        "code": fault.code,
    }
    return json.dumps({"error": error}, separators=(",", ":")).encode()


def headers_of(fault: Fault) -> dict[str, str]:
    """The headers of the answer, by lower-case name; `retry-after` in whole seconds."""
    found = {"content-type": "application/json"}
    if fault.retry_after_s is not None and math.isfinite(fault.retry_after_s):
        found["retry-after"] = str(max(1, math.ceil(fault.retry_after_s)))
    return found


def _of_provider(error: ProviderError, told: str, *, has_own_key: bool) -> Fault:
    match error:
        case AccessDenied() if has_own_key:
            status = error.status if error.status in _OF_KEY else None
            # Some say 400 or 429 of an account without credit.
            status = status or (401 if error.status is None else 402)
            code, kind = _OF_KEY[status]
            return Fault(status, told, code=code, kind=kind)
        case AccessDenied():
            # What the provider says is about the server's account, not the caller's.
            said = "the provider refused the server's own key, or its credit is used up"
            return Fault(502, said, code="provider_access", kind="api_error")
        case Unavailable():
            return _passing(error, told, error.retry_after_s)
        case NotInstalled():
            said = "the embedded model is not installed on this server"
            return Fault(503, said, code="model_unavailable", kind="api_error")
        case Unsupported(status=None):
            status = 501 if error.param in _DRAWING else 400
            code = "unsupported" if error.param is None else "unsupported_parameter"
            return Fault(status, told, code=code, param=error.param)
        case Unsupported() if error.status == 501:
            return Fault(501, _REJECTION + told, code="provider_rejected", param=error.param)
        case Unsupported():
            status = error.status if error.status in _REJECTED else 400
            return Fault(status, _REJECTION + told, code="provider_rejected", param=error.param)
        case _ if error.status in _REJECTED:
            return Fault(error.status, _REJECTION + told, code="provider_rejected")
        case _ if error.status == _MODERATED:
            return Fault(400, _REJECTION + told, code="content_filter")
        case _:
            return _passing(error, told, None)


def _passing(error: ProviderError, told: str, retry_after_s: float | None) -> Fault:
    """The fault of a provider that gave no answer, and may give one another time."""
    status, code, kind = _class_of(error)
    return Fault(status, told, code=code, kind=kind, retry_after_s=retry_after_s)


def _class_of(error: ProviderError) -> tuple[int, str, str]:
    if error.status == _TOO_MANY:
        return 429, "rate_limit_exceeded", "rate_limit_error"
    if error.status in _OVERLOADED or isinstance(error, CircuitOpen) or _is_held_back(error):
        return 503, "overloaded", "overloaded_error"
    if error.status in _LATE or _is_late(error):
        return 504, "timeout", "timeout_error"
    return 502, "provider_unavailable", "api_error"


def _is_held_back(error: ProviderError) -> bool:
    """Whether it was not asked at all, for it wants to be asked later."""
    return isinstance(error, Unavailable) and error.is_unsent and error.retry_after_s is not None


def _is_late(error: BaseException) -> bool:
    """Whether time ran out: every transport raises what it raises from a TimeoutError."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return True
        cause = cause.__cause__
    return False

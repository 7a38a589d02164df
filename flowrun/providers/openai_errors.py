"""What an OpenAI-compatible provider means by an error: status, code and headers, typed.

The messages are predicates ("answered 429: ..."); whoever knows the endpoint names it.
Decided by status and code, never by the words of a message.
Source: developers.openai.com/docs/guides/error-codes; openrouter.ai/docs, Errors and Debugging.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from flowrun.digest import is_crowded
from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers.wording import brief, brief_body

_DENIED = frozenset({401, 402, 403})
_UNSUPPORTED = frozenset({404, 410, 501})
_PASSING = frozenset({408, 409, 425, 429})

_OUT_OF_CREDIT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",
    }
)
_TOO_MUCH_FOR_THE_MODEL = frozenset(
    {
        "context_length_exceeded",
        "model_not_found",
        "unsupported_model",
        "unsupported_parameter",
        "unsupported_value",
    }
)
_STATUS_OF_WORD: Mapping[str, int] = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "slow_down": 429,
    "overloaded": 529,
    "overloaded_error": 529,
    "server_is_overloaded": 529,
    "server_error": 500,
    "api_error": 500,
    "internal_error": 500,
    "timeout": 504,
    "timeout_error": 504,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "invalid_request": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "moderation_blocked": 400,
    "image_generation_user_error": 400,
}


def error_of_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float,
    mask: Callable[[str], str] = str,
) -> ProviderError:
    """The error of a response whose status says that it failed.

    `headers` by lower-case name; `now` in seconds since the epoch; `mask` takes secrets out of
    what is told of the body.
    """
    content_type = headers.get("content-type", "")
    reported, message = _read(body, mask)
    said = f"answered {status}: {message or brief_body(body, content_type, mask=mask)}"
    words = _words(reported)
    again = headers.get("x-should-retry", "").strip().lower()
    if again == "false" and not _is_final(status, words):
        return ProviderError(said, status=status)
    retry_after_s = _retry_after(headers, now)
    if again == "true":
        return _unavailable(said, status, retry_after_s)
    return _typed(said, status, reported, retry_after_s)


def error_of_body(
    data: Mapping[str, object], *, mask: Callable[[str], str] = str
) -> ProviderError | None:
    """The error that a body or an event holds although its status was 200, if it holds one.

    `mask` takes secrets out of what is told of it.
    """
    reported = data.get("error")
    if not reported:
        return None
    _, message = _reported(data, mask)
    words = _words(reported)
    status = _status_of(reported, words)
    said = f"reported an error: {message or 'without a word'}"
    return _typed(said, status, reported, None)


def _typed(said: str, status: int, reported: object, retry_after_s: float | None) -> ProviderError:
    words = _words(reported)
    if words & _OUT_OF_CREDIT:
        return AccessDenied(said, status=status)
    if status in _DENIED:
        # OpenRouter says 403 of a prompt that moderation stopped: the key is as good as before.
        kind = ProviderError if _is_moderation(reported) else AccessDenied
        return kind(said, status=status)
    if status in _UNSUPPORTED or (400 <= status < 500 and words & _TOO_MUCH_FOR_THE_MODEL):
        return Unsupported(said, status=status)
    if status in _PASSING or status >= 500:
        return _unavailable(said, status, retry_after_s)
    return ProviderError(said, status=status)


def _unavailable(said: str, status: int, retry_after_s: float | None) -> Unavailable:
    return Unavailable(
        said,
        status=status,
        retry_after_s=retry_after_s,
        is_overload=status == 429 or status >= 500,
    )


def _is_final(status: int, words: frozenset[str]) -> bool:
    """Whether the error has a type that is never asked about again anyway."""
    return status in _DENIED or status in _UNSUPPORTED or bool(words & _OUT_OF_CREDIT)


def _is_moderation(reported: object) -> bool:
    metadata = reported.get("metadata") if isinstance(reported, Mapping) else None
    return isinstance(metadata, Mapping) and bool({"reasons", "flagged_input"} & set(metadata))


def _status_of(reported: object, words: frozenset[str]) -> int:
    """The status that the code stands for; 500 where it says nothing that is known."""
    code = reported.get("code") if isinstance(reported, Mapping) else None
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code)
    if isinstance(code, int) and 400 <= code < 600:
        return code
    if words & (_OUT_OF_CREDIT | _TOO_MUCH_FOR_THE_MODEL):
        return 400
    return next((_STATUS_OF_WORD[word] for word in sorted(words) if word in _STATUS_OF_WORD), 500)


def _words(reported: object) -> frozenset[str]:
    """The code and the type of an error, as far as they are words."""
    if isinstance(reported, str):
        return frozenset({reported})
    if not isinstance(reported, Mapping):
        return frozenset()
    named = (reported.get("code"), reported.get("type"))
    return frozenset(each.lower() for each in named if isinstance(each, str))


def _read(body: bytes, mask: Callable[[str], str]) -> tuple[object, str]:
    """The `error` of a body and its message; nothing where the body is not understood."""
    if is_crowded(body):
        return None, ""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None, ""
    # Google's own endpoint puts the object into a list of one.
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    return _reported(data, mask) if isinstance(data, Mapping) else (None, "")


def _reported(data: Mapping[str, object], mask: Callable[[str], str]) -> tuple[object, str]:
    """Reads the shapes in use: nested, flat, OAuth's, and FastAPI's `detail`."""
    error = data.get("error")
    if isinstance(error, Mapping):
        return error, _message(error, mask, "message", "code", "type")
    beside = _message(data, mask, "message", "error_description", "detail")
    if isinstance(error, str):
        return error, brief(f"{error}: {beside}" if beside else error, mask=mask)
    return error, beside


def _message(data: Mapping[str, object], mask: Callable[[str], str], *names: str) -> str:
    for name in names:
        value = data.get(name)
        if isinstance(value, list | dict) and value:
            return brief(json.dumps(value, ensure_ascii=False), mask=mask)
        if value and isinstance(value, str | int):
            return brief(str(value), mask=mask)
    return ""


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait on the provider's word; None for none, for the past and for nonsense."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    found = _number(said)
    if found is not None:
        return found
    try:
        wait = parsedate_to_datetime(said).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return wait if wait > 0 else None


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None

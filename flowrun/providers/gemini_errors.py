"""What Gemini means by an error: its status, and what its details say, typed.

Its shape and statuses are among those that `openai_errors` knows. What it says beside them is
read here: a key that is none, which comes as 400, how long to wait, which no header tells, and a
request that is too large for this provider, though perhaps not for another.
Source: ai.google.dev, Gemini API, Troubleshooting; google.rpc, ErrorInfo and RetryInfo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from flowrun.digest import is_crowded
from flowrun.errors import AccessDenied, ProviderError, Unavailable, Unsupported
from flowrun.providers import openai_errors
from flowrun.providers.reading import items_of, refuse_crowd

_BAD_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
_TOO_LARGE = 413
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


def error_of_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float,
    mask: Callable[[str], str] = str,
) -> ProviderError:
    """The error of a response whose status says that it failed; as in `openai_errors`."""
    error = openai_errors.error_of_response(status, headers, body, now=now, mask=mask)
    held = None if is_crowded(body) else objects_of(body)
    return _refined(error, held[0] if held else {})


def error_of_body(
    data: Mapping[str, object], *, mask: Callable[[str], str] = str
) -> ProviderError | None:
    """The error that a body or an event holds although its status was 200, if it holds one."""
    error = openai_errors.error_of_body(data, mask=mask)
    return None if error is None else _refined(error, data)


def objects_of(text: str | bytes) -> list[Mapping[str, object]] | None:
    """The JSON object, or those of a list, as some bodies come in one; None if it is neither.

    Raises: ProviderError for too many values.
    """
    refuse_crowd(text)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = data if isinstance(data, list) else [data]
    return found if found and all(isinstance(each, dict) for each in found) else None


def _refined(error: ProviderError, data: Mapping[str, object]) -> ProviderError:
    if error.status == _TOO_LARGE:
        return Unsupported(str(error), status=error.status)
    details = list(_details(data))
    if any(each.get("reason") in _BAD_KEY for each in details):
        return AccessDenied(str(error), status=error.status)
    if isinstance(error, Unavailable) and error.retry_after_s is None:
        delays = (_seconds(each.get("retryDelay")) for each in details)
        error.retry_after_s = next((each for each in delays if each is not None), None)
    return error


def _details(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    reported = data.get("error")
    details = reported.get("details") if isinstance(reported, Mapping) else None
    return (each for each in items_of(details) if isinstance(each, Mapping))


def _seconds(delay: object) -> float | None:
    """A duration as Google spells it, such as `12s` or `0.5s`."""
    found = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
    return float(found[1]) if found else None

"""What Anthropic means by an error: its type, its code and the status, typed.

Its types and headers are among those that `openai_errors` knows. What it says beside them is
read here: limits on spending, which come as 429 but do not pass, and a request that is too large
for this provider, though perhaps not for another.
Source: platform.claude.com/docs/en/api/errors, and the types of its Python client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowrun.digest import is_crowded
from flowrun.errors import AccessDenied, ProviderError, Unsupported
from flowrun.providers import openai_errors
from flowrun.providers.reading import parsed

_SPENT = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "organization_on_hold",
    }
)
_TOO_LARGE = 413


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
    return _refined(error, {} if is_crowded(body) else parsed(body) or {})


def error_of_body(
    data: Mapping[str, object], *, mask: Callable[[str], str] = str
) -> ProviderError | None:
    """The error that a body or an event holds although its status was 200, if it holds one."""
    error = openai_errors.error_of_body(data, mask=mask)
    return None if error is None else _refined(error, data)


def _refined(error: ProviderError, data: Mapping[str, object]) -> ProviderError:
    if error.status == _TOO_LARGE:
        return Unsupported(str(error), status=error.status)
    match data.get("error"):
        case {"details": {"error_code": str(code)}} if code in _SPENT:
            return AccessDenied(str(error), status=error.status)
        case _:
            return error

"""What every dialect reads of a provider's JSON, in which nothing can be taken for granted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from flowrun.chat.messages import ChatReply, fold
from flowrun.digest import MOST_VALUES, JsonValue, is_crowded
from flowrun.errors import ProviderError, Unavailable
from flowrun.providers.base import StreamDecoder
from flowrun.providers.sse import EventParser
from flowrun.providers.wording import brief

MOST_COUNTED = 10**12


def parsed(text: str | bytes) -> Mapping[str, object] | None:
    """The JSON object, None if it is none. Raises: ProviderError for too many values."""
    refuse_crowd(text)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def event_of(text: str, *, mask: Callable[[str], str]) -> Mapping[str, object]:
    """The JSON object that a server-sent event holds. Raises: Unavailable if it holds none."""
    found = parsed(text)
    if found is None:
        said = brief(text, limit=80, mask=mask)
        raise Unavailable(f"sent an event that is not JSON: {said}")
    return found


def folded(body: bytes, decoder: StreamDecoder) -> ChatReply:
    """The reply of a stream that came as one body. Raises: ProviderError as the decoder does."""
    parser = EventParser()
    events = [*parser.feed(body), *parser.finish()]
    deltas = [delta for event in events for delta in decoder.feed(event)]
    return fold([*deltas, *decoder.finish()])


def refuse_crowd(text: str | bytes) -> None:
    """Raises: ProviderError for JSON of too many values."""
    if is_crowded(text):
        raise ProviderError(f"sent JSON with more than {MOST_VALUES:,} values")


def text_of(value: object) -> str:
    """The value if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def items_of(value: object) -> list[object]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def mapping_of(value: object) -> Mapping[str, JsonValue]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def count_of(value: object) -> int | None:
    """A number of tokens; None for what is none, text and fractions among it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MOST_COUNTED else None


def without_halves(text: str) -> str:
    """The text with pairs of surrogates joined, and U+FFFD for a half that stands alone."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

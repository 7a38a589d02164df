"""Lists of models that endpoints have told, kept for offline use as data of a bounded size.

<state>/models/<endpoint>.json    {"endpoint", "fetched_at", "models": [{"id", facts...}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeAlias

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.usage import Price
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.errors import UsageError
from flowrun.folder import Folder, file_name
from flowrun.providers.catalog import MODELS, endpoints, is_configured

if TYPE_CHECKING:
    from pathlib import Path

    from flowrun.config import Config

LARGEST_BYTES = 8 * 2**20
MOST_ROWS = 20_000
_LONGEST_NAME = 200
_MOST_WORDS = 64
_LARGEST_NUMBER = 10**15
_MILLION = Decimal(1_000_000)
_SIZES: Mapping[str, tuple[str, ...]] = {
    "context_length": ("context_length", "context_window", "max_input_tokens", "inputTokenLimit"),
    "max_output_tokens": ("max_output_tokens", "max_tokens", "outputTokenLimit"),
    "created": ("created",),
}
"""Numbers that are kept, and what endpoints call them."""
_WORDS = ("name", "display_name", "displayName", "label", "owned_by")
_LISTS = ("input_modalities", "output_modalities", "supported_parameters")
_PRICES = (
    *("prompt", "completion", "request", "image"),
    *("input_cache_read", "input_cache_write"),
)

Row: TypeAlias = Mapping[str, JsonValue]
"""What is known of one model."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A list as it is kept: facts by the model's id, and when it was fetched, since the epoch."""

    endpoint: str
    fetched_at: float
    models: Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Known:
    """A model that can be asked: its endpoint, the name it has there, and what is known of it."""

    endpoint: str
    model: str
    facts: Row

    @property
    def label(self) -> str:
        """The whole name, provider/model."""
        return f"{self.endpoint}/{self.model}"


def keep(state: Path, endpoint: str, rows: Iterable[Row], *, now: float) -> Kept:
    """Keeps what an endpoint has listed, cut to its bounds; the state folder must be there.

    Raises: UsageError if the disk does not allow it.
    """
    models: dict[str, Row] = {}
    room = LARGEST_BYTES - 2 * _LONGEST_NAME - 200
    for row in rows:
        name = _word(row.get("id"))
        if name is None or name in models:
            continue
        facts = _facts(row)
        room -= len(_dumped({"id": name, **facts})) + 1
        if room < 0 or len(models) == MOST_ROWS:
            break
        models[name] = facts
    listed: JsonValue = [{"id": name, **facts} for name, facts in models.items()]
    data = _dumped({"endpoint": endpoint, "fetched_at": now, "models": listed})
    Folder(state).write(_path(endpoint), data, mode=0o600)
    return Kept(endpoint, now, models)


def kept(state: Path, endpoint: str) -> Kept | None:
    """The list that was kept of an endpoint; None if there is none that can be read."""
    try:
        text = Folder(state).read_text(_path(endpoint), limit_bytes=LARGEST_BYTES)
        data = json.loads(text)
    except (UsageError, ValueError, RecursionError):
        return None
    match data:
        case {"endpoint": str(name), "fetched_at": int() | float() as at, "models": list(rows)}:
            if name != endpoint:
                return None
            found = [row for row in rows[:MOST_ROWS] if isinstance(row, dict)]
            named = [(_word(row.get("id")), row) for row in found]
            models = {name: _facts(row) for name, row in named if name is not None}
            return Kept(endpoint, float(at), models)
        case _:
            return None


def known_models(config: Config) -> list[Known]:
    """The models that are known by name and can be asked: of endpoints that have their key.

    Those of this process, those that `[endpoints.NAME] models` names, then the lists kept.
    """
    found = {(name, model): Known(name, model, {}) for name in ("local",) for model in MODELS[name]}
    found |= {("fake", model): Known("fake", model, {}) for model in config.fakes}
    for name, endpoint in endpoints(config).items():
        if not is_configured(endpoint, config):
            continue
        settings, listed = config.endpoints.get(name), kept(config.state, name)
        facts = {} if listed is None else listed.models
        for model in (*(() if settings is None else settings.models), *facts):
            found[name, model] = Known(name, model, facts.get(model, {}))
    return list(found.values())


def capabilities(facts: Row) -> Capabilities:
    """What a row says that the model can do; what it does not speak of is unknown."""
    taken, given = facts.get("input_modalities"), facts.get("output_modalities")
    parameters = facts.get("supported_parameters")
    return Capabilities(
        images_in=_has(taken, "image"),
        images_out=_has(given, "image"),
        text_out=_has(given, "text"),
        # Others may still be held to JSON by what they are told, and are held to it here.
        json_schema=_has(parameters, "structured_outputs") or None,
        json_object=_has(parameters, "response_format") or None,
        tools=_has(parameters, "tools"),
    )


def price(facts: Row) -> Price | None:
    """What a row says that the model costs; None where it does not, or costs more than tokens."""
    said = facts.get("pricing")
    if not isinstance(said, Mapping):
        return None
    dollars = {name: _dollars(said.get(name)) for name in _PRICES}
    fresh, out = dollars["prompt"], dollars["completion"]
    if fresh is None or out is None or dollars["request"]:
        return None
    return Price(fresh, out, dollars["input_cache_read"], dollars["input_cache_write"])


def _has(words: JsonValue, word: str) -> bool | None:
    return word in words if isinstance(words, Sequence) and words else None


def _dollars(said: JsonValue) -> Decimal | None:
    """Dollars for a million tokens from a text of those for one; a minus says that it varies."""
    if not isinstance(said, str):
        return None
    try:
        found = Decimal(said) * _MILLION
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < _LARGEST_NUMBER else None


def _facts(row: Row) -> dict[str, JsonValue]:
    """What is kept of a row: no more than is used, each of a bounded size."""
    found: dict[str, JsonValue] = {}
    for name, others in _SIZES.items():
        sizes = (row.get(each) for each in others)
        size = next((each for each in sizes if _is_size(each)), None)
        if size is not None:
            found[name] = size
    found |= {name: word for name in _WORDS if (word := _word(row.get(name))) is not None}
    architecture = row.get("architecture")
    said = {**architecture, **row} if isinstance(architecture, Mapping) else row
    for name in _LISTS:
        words = said.get(name)
        if isinstance(words, list):
            shown = [word for each in words[:_MOST_WORDS] if (word := _word(each)) is not None]
            found[name] = list[JsonValue](shown)
    pricing = row.get("pricing")
    if isinstance(pricing, Mapping):
        found["pricing"] = {
            name: word for name in _PRICES if (word := _word(pricing.get(name))) is not None
        }
    return found


def _is_size(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_NUMBER


def _word(value: JsonValue) -> str | None:
    """A text that can stand in a line."""
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable():
        return value
    return None


def _path(endpoint: str) -> str:
    return f"models/{file_name(endpoint)}.json"


def _dumped(data: JsonValue) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

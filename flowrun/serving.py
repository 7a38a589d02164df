"""What `flowrun serve` is configured with: the tables `[serve]`, `[credits]` and `[auto]`.

    [serve]
    host = "127.0.0.1"
    port = 8600
    max_body_mb = 32               # of a request
    header_timeout = 10            # seconds until a request's headers are there
    body_timeout = 60              # seconds until its body is
    drain = 30                     # seconds that running answers have after SIGTERM
    max_connections = 1000
    max_image_mb = 20              # of a picture that a request names by address
    private = ["10.0.0.7:8080"]    # where such a picture may lie, though not public
    zdr = true                     # asked of OpenRouter for every request
    data_collection = "deny"       # likewise
    requests_per_minute = 600      # of a key that has no limit of its own
    max_in_flight = 64             # likewise

    [credits]
    usd_per_credit = 0.01
    image = 30                     # credits for a generated picture, beside its tokens
    own_key = 0.5                  # the part that callers pay who bring a provider's key
    digits = 4                     # of a charge, rounded up
    max_output_tokens = 8192       # of an answer where the caller set no limit
    unknown_price = "refuse"       # or "free": a model whose price nobody knows

    [auto]                         # what the preset `auto` chooses between
    easy = "fastest"
    hard = "smartest"
    image = "image"                # where a picture is asked for
    vision = "smartest"            # where pictures are sent
    long = 12000                   # characters from which a request is hard
    judge = "fastest"              # asked how hard the rest is; left out, nobody is

The ledger's address may hold a password: it stands in the environment, FLOWRUN_LEDGER.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import Literal, get_args

from flowrun.dataclass import dataclass
from flowrun.settings import Table

DataCollection = Literal["allow", "deny"]
UnknownPrice = Literal["refuse", "free"]


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The table `[serve]`; times in seconds, sizes in bytes, None is no limit."""

    host: str = "127.0.0.1"
    port: int = 8600
    max_body_bytes: int = 32 * 2**20
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    drain_s: float = 30.0
    max_connections: int = 1000
    max_image_bytes: int = 20 * 2**20
    private: tuple[str, ...] = ()
    zdr: bool = False
    data_collection: DataCollection | None = None
    requests_per_minute: int | None = None
    max_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class CreditSettings:
    """The table `[credits]`: how tokens and pictures become credits."""

    usd_per_credit: Decimal = Decimal("0.01")
    image_credits: Decimal = Decimal(30)
    own_key_part: Decimal = Decimal("0.5")
    digits: int = 4
    max_output_tokens: int = 8192
    unknown_price: UnknownPrice = "refuse"


@dataclass(frozen=True, slots=True)
class AutoSettings:
    """The table `[auto]`: the names that the preset `auto` chooses between."""

    easy: str = "fastest"
    hard: str = "smartest"
    image: str = "image"
    vision: str = "smartest"
    long_characters: int = 12_000
    judge: str | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """All three tables."""

    serve: ServeSettings = field(default_factory=ServeSettings)
    credits: CreditSettings = field(default_factory=CreditSettings)
    auto: AutoSettings = field(default_factory=AutoSettings)


_SERVE = (
    *("host", "port", "max_body_mb", "header_timeout", "body_timeout", "drain"),
    *("max_connections", "max_image_mb", "private", "zdr", "data_collection"),
    *("requests_per_minute", "max_in_flight"),
)
_CREDITS = (
    *("usd_per_credit", "image", "own_key", "digits", "max_output_tokens", "unknown_price"),
)
_AUTO = ("easy", "hard", "image", "vision", "long", "judge")
_MEBIBYTE = 2**20


def read_serving(root: Table) -> Serving:
    """The three tables of a file; what is wrong is noted with the table."""
    return Serving(
        _serve(root.table("serve", known=_SERVE)),
        _credits(root.table("credits", known=_CREDITS)),
        _auto(root.table("auto", known=_AUTO)),
    )


def _serve(table: Table) -> ServeSettings:
    usual = ServeSettings()
    times = {
        name: float(value)
        for name, value in table.numbers(("header_timeout", "body_timeout", "drain"), above=0)
    }
    truths = dict(table.truths(("zdr",)))
    return ServeSettings(
        host=table.text("host") or usual.host,
        port=_or(table.whole("port", 0, 65_535), usual.port),
        max_body_bytes=_bytes(table.whole("max_body_mb", 1, 1024), usual.max_body_bytes),
        header_timeout_s=times.get("header_timeout", usual.header_timeout_s),
        body_timeout_s=times.get("body_timeout", usual.body_timeout_s),
        drain_s=times.get("drain", usual.drain_s),
        max_connections=_or(table.whole("max_connections", 1, 100_000), usual.max_connections),
        max_image_bytes=_bytes(table.whole("max_image_mb", 1, 1024), usual.max_image_bytes),
        private=table.list_of_texts("private"),
        zdr=truths.get("zdr", usual.zdr),
        data_collection=_data_collection(table),
        requests_per_minute=table.whole("requests_per_minute", 1, 10**6),
        max_in_flight=table.whole("max_in_flight", 1, 10**5),
    )


def _credits(table: Table) -> CreditSettings:
    usual = CreditSettings()
    above = dict(table.numbers(("usd_per_credit",), above=0))
    found = dict(table.numbers(("image", "own_key")))
    said = table.text("unknown_price")
    unknown = next((each for each in get_args(UnknownPrice) if each == said), None)
    if said is not None and unknown is None:
        table.fault(f'unknown_price "{said}" is not known', mend='write "refuse" or "free"')
    return CreditSettings(
        usd_per_credit=above.get("usd_per_credit", usual.usd_per_credit),
        image_credits=found.get("image", usual.image_credits),
        own_key_part=found.get("own_key", usual.own_key_part),
        digits=_or(table.whole("digits", 0, 6), usual.digits),
        max_output_tokens=_or(table.whole("max_output_tokens", 1, 10**7), usual.max_output_tokens),
        unknown_price=unknown or usual.unknown_price,
    )


def _auto(table: Table) -> AutoSettings:
    usual = AutoSettings()
    return AutoSettings(
        easy=table.text("easy") or usual.easy,
        hard=table.text("hard") or usual.hard,
        image=table.text("image") or usual.image,
        vision=table.text("vision") or usual.vision,
        long_characters=_or(table.whole("long", 1, 10**9), usual.long_characters),
        judge=table.text("judge"),
    )


def _data_collection(table: Table) -> DataCollection | None:
    said = table.text("data_collection")
    found = next((each for each in get_args(DataCollection) if each == said), None)
    if said is not None and found is None:
        table.fault(f'data_collection "{said}" is not known', mend='write "allow" or "deny"')
    return found


def _or(value: int | None, usual: int) -> int:
    return usual if value is None else value


def _bytes(mebibytes: int | None, usual: int) -> int:
    return usual if mebibytes is None else mebibytes * _MEBIBYTE

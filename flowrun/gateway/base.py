"""The values and seams of the gateway: accounts, holds, charges, and the ledger that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from flowrun.digest import JsonValue

UNITS = 1_000_000
"""A credit in the ledger's whole numbers: no sum of them ever needs to be rounded."""

MOST_UNITS = 10**15
"""A billion credits: more is not topped up at once, and no call is charged more."""

OPEN = "open"
"""The account of everybody where there are no keys."""


def in_credits(units: int) -> str:
    """Units as credits, to their last digit."""
    return f"{(Decimal(units) / UNITS).normalize():f}"


def counted(units: int) -> str:
    """Units as words: `1 credit`, `2.5 credits`."""
    return f"{in_credits(units)} credit{'' if units == UNITS else 's'}"


@dataclass(frozen=True, slots=True)
class Account:
    """A gateway key as its owner may know it; None is no limit of its own.

    `id` is public, as in "k_3f9c…"; `fingerprint` is the keyed hash of the secret, never that.
    """

    id: str
    name: str
    fingerprint: str = field(repr=False)
    is_revoked: bool = False
    requests_per_minute: int | None = None
    max_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An account and its money, in units; `held_units` are part of `balance_units`."""

    account: Account
    balance_units: int
    held_units: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Units set aside before a call is sent; `id` is the request's.

    After `expires_at`, in seconds since the epoch, nobody works on it any more.
    """

    id: str
    account_id: str
    units: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call cost, as the ledger keeps it.

    `tokens` are the counts of its usage by their names, `is_estimate` says that the provider did
    not tell them. `outcome` is what became of the call.
    """

    units: int
    model: str
    outcome: Literal["done", "cut", "gone"]
    tokens: Mapping[str, int] = field(default_factory=dict)
    images: int = 0
    cost_usd: Decimal | None = None
    is_own_key: bool = False
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What was used of one kind; `group` are the values that it is told by, in their order."""

    group: tuple[str, ...]
    calls: int
    prompt_tokens: int
    output_tokens: int
    images: int
    units: int
    cost_usd: Decimal


Grouping = Literal["key", "model", "day"]


class Ledger(Protocol):
    """Accounts and their money: append-only entries, and what is on hold.

    Every verb is one transaction. Raises: LedgerError if it cannot be done now.
    """

    async def add(self, account: Account, *, now: float) -> None:
        """Adds an account. Raises: UsageError if there is one of that name."""
        ...

    async def find(self, fingerprint: str) -> Account | None:
        """The account of a key, revoked ones among them."""
        ...

    async def standings(self) -> Sequence[Standing]:
        """All accounts, oldest first."""
        ...

    async def revoke(self, name: str, *, now: float) -> None:
        """Makes the key of that name or id invalid. Raises: UsageError if there is none."""
        ...

    async def top_up(self, name: str, units: int, *, note: str, now: float) -> Standing:
        """Adds units, or takes them where `units` is negative. Raises: UsageError."""
        ...

    async def reserve(self, hold: Hold) -> bool:
        """Sets units aside; False, and nothing is done, if the balance has not so many left."""
        ...

    async def settle(self, hold_id: str, charge: Charge, *, now: float) -> None:
        """Ends a hold and writes the charge: once, whatever is asked again."""
        ...

    async def release(self, hold_id: str) -> None:
        """Ends a hold without a charge; one that has ended already is left as it is."""
        ...

    async def renew(self, hold_ids: Sequence[str], expires_at: float) -> None:
        """Keeps holds that are worked on from expiring."""
        ...

    async def sweep(self, *, now: float) -> int:
        """Releases the holds that have expired, as after a crash; how many they were."""
        ...

    async def usage(self, by: Sequence[Grouping], *, since: float, until: float) -> list[UsageRow]:
        """What was used between two times, by those groups."""
        ...

    async def aclose(self) -> None:
        """Closes it; what was promised is written."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as the list of models tells it; `facts` are further keys of its row."""

    id: str
    owner: str
    group: str
    facts: Mapping[str, JsonValue] = field(default_factory=dict)

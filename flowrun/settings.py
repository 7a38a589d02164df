"""Reads tables of settings key by key, and collects what is wrong with them.

A fault names its table and key, says what is wrong, and how to mend it. Reading goes on after
a fault, so that all of them are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from flowrun.errors import did_you_mean

_SECRET = ("key", "api_key", "apikey", "token", "access_token", "secret", "password")
_SECRET_HEADERS = ("authorization", "api-key", "x-api-key", "proxy-authorization", "cookie")


class Table:
    """One table; `place` is its dotted name, empty for the whole file.

    What is asked for and is not there is None, or empty; so is what is of the wrong kind.
    """

    def __init__(
        self,
        data: object,
        place: str,
        faults: list[str],
        *,
        known: Sequence[str] | None = None,
    ) -> None:
        self._place = place
        self._faults = faults
        self._data: Mapping[str, object] = data if isinstance(data, dict) else {}
        self._is_table = isinstance(data, dict)
        if not self._is_table:
            self.fault("must be a table")
        for key in self._data if known is not None else ():
            if key not in (known or ()):
                self._unknown(key, known or ())

    def fault(self, problem: str, *, mend: str = "") -> None:
        """Notes that something is wrong with this table."""
        where = f"[{self._place}] " if self._place else ""
        self._faults.append(f"{where}{problem}{f': {mend}' if mend else ''}")

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self._data.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.fault(f"{key} must be a text")
        return None

    def value(self, key: str) -> object:
        """Whatever stands there, None if nothing does."""
        return self._data.get(key)

    def require(self, *keys: str) -> None:
        """Notes each of the keys that is not there."""
        for key in keys if self._is_table else ():
            if key not in self._data:
                self.fault(f"{key} is missing")

    def whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number in that range."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.fault(f"{key} must be a whole number from {least} to {most}")
        return None

    def numbers(
        self, keys: Sequence[str], *, above: int | None = None
    ) -> Iterator[tuple[str, Decimal]]:
        """The keys that have a number, not negative, and greater than `above`."""
        for key in keys:
            value = self._data.get(key)
            if isinstance(value, int | Decimal) and not isinstance(value, bool):
                found = Decimal(value)
                if found.is_finite() and found >= 0 and (above is None or found > above):
                    yield key, found
                    continue
            if value is not None:
                wanted = "of 0 or more" if above is None else f"above {above}"
                self.fault(f"{key} must be a number {wanted}")

    def truths(self, keys: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """The keys that are true or false."""
        for key in keys:
            value = self._data.get(key)
            if isinstance(value, bool):
                yield key, value
            elif value is not None:
                self.fault(f"{key} must be true or false")

    def texts(self, key: str) -> Mapping[str, str]:
        """A table of texts under free names, none of which may be a header that is a secret."""
        table = self.table(key)
        if key == "headers":
            for name in table._data:
                if name.lower() in _SECRET_HEADERS:
                    table.fault(
                        f"{name} is a secret, and has no place in a file",
                        mend="name its environment variable in key_env or header_env",
                    )
        return {name: value for name in table._data if (value := table.text(name)) is not None}

    def list_of_texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._data.get(key, [])
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        self.fault(f"{key} must be a list of texts")
        return ()

    def table(self, key: str, *, known: Sequence[str] | None = None) -> Table:
        """The table of that name, empty if there is none."""
        return Table(self._data.get(key, {}), self._inside(key), self._faults, known=known)

    def tables(self, key: str, known: Sequence[str]) -> Iterator[tuple[str, Table]]:
        """The tables inside the table of that name, each with its own."""
        outer = self.table(key)
        for name in outer._data:
            yield name, outer.table(name, known=known)

    def list_of_tables(self, key: str, *, known: Sequence[str]) -> list[Table]:
        """A list of tables."""
        value = self._data.get(key, [])
        if not isinstance(value, list):
            self.fault(f"{key} must be a list of tables")
            return []
        return [self.part(key, each, known=known) for each in value]

    def part(self, key: str, data: object, *, known: Sequence[str]) -> Table:
        """A part of what stands there as a table."""
        return Table(data, self._inside(key), self._faults, known=known)

    def _inside(self, key: str) -> str:
        plain = key if key.replace("_", "").replace("-", "").isalnum() else f'"{key}"'
        return f"{self._place}.{plain}" if self._place else plain

    def _unknown(self, key: str, known: Sequence[str]) -> None:
        if key.lower() in _SECRET and "key_env" in known:
            self.fault(
                f"{key}: secrets have no place in a file",
                mend="name the environment variable that holds it in key_env",
            )
            return
        listed = f"known are {', '.join(known)}"
        self.fault(f'"{key}" is not known', mend=did_you_mean(key, known) or listed)

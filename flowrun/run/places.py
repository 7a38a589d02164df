"""A place among the calls under way: taken for each request, and given back after it."""

from __future__ import annotations

from typing import Protocol


class Places(Protocol):
    """Whoever bounds the calls under way."""

    async def enter(self, label: str, *, is_first: bool) -> None:
        """Takes a place. Raises: FlowrunError where nothing more is to be begun."""
        ...

    def leave(self, label: str, error: BaseException | None) -> None:
        """Gives it back; `error` is what the request ended with."""
        ...


class Place:
    """A place among the calls under way: taken for each request of one conversation.

    While a tool runs none is held, for what it runs may need one.
    """

    def __init__(self, places: Places, label: str, *, has_tools: bool) -> None:
        self._places = places
        self._label = label
        self._has_tools = has_tools
        self._is_first = True

    async def __aenter__(self) -> None:
        await self._places.enter(self._label, is_first=self._is_first or self._has_tools)
        self._is_first = False

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._places.leave(self._label, error)

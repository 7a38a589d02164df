"""The seam between the embedded provider and what generates its replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from flowrun.digest import JsonValue

OnChunk: TypeAlias = Callable[[Mapping[str, JsonValue]], bool]
"""Told each chunk of a reply as on OpenAI's wire; true ends the generation."""


class Engine(Protocol):
    """Whatever generates replies in this process; its verbs block and may run side by side."""

    def chat(self, body: Mapping[str, JsonValue], on_chunk: OnChunk) -> None:
        """Generates one reply. Raises: ProviderError if the request is malformed."""
        ...

    def grammar(self, schema: Mapping[str, JsonValue]) -> str:
        """The grammar that holds a reply to a finite schema."""
        ...

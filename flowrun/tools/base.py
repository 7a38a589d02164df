"""The tool protocol: what every kind of tool gives a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from flowrun.chat.messages import ToolDefinition
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """What is known of a tool that is ready to be called.

    `definition` is what a model is told. `version` changes whenever the tool would do something
    else: the code of a function, the list of a command. `is_pure`: its result may be kept and
    taken from the store; another is run once for each conversation.
    """

    definition: ToolDefinition
    version: str
    is_pure: bool
    timeout_s: float
    returns: Mapping[str, JsonValue] | None = None


class Tool(Protocol):
    """A tool that is ready to be called."""

    @property
    def facts(self) -> ToolFacts:
        """What is known of it."""
        ...

    async def call(self, arguments: Mapping[str, JsonValue]) -> object:
        """What the tool gives: JSON data, text, an Image, or lists and objects of these.

        `arguments` fit the definition's schema, and what is given fits `returns`. Bounded in size
        by the tool, in time by its caller, who cancels it: what it started is then ended.

        Raises: ToolError, whose text the model may be told.
        """
        ...

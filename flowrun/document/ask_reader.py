"""How a step asks a model, read from the step and from `defaults`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from flowrun.chat.messages import ResponseFormat, Role
from flowrun.digest import JsonValue
from flowrun.document.schemas import Schemas
from flowrun.document.slots import Slot, Tree
from flowrun.document.source import Path
from flowrun.document.task import Ask, Piece, Turn
from flowrun.document.toolbelt import Toolbelt
from flowrun.document.vocabulary import OPTIONS

Data = Mapping[str, JsonValue]
_TEXT = ResponseFormat()


class AskReader:
    """Reads requests; faults are noted among the slots' diagnostics."""

    def __init__(self, schemas: Schemas, defaults: Data, toolbelt: Toolbelt) -> None:
        self.slots = schemas.slots
        self.schemas = schemas
        self.defaults = defaults
        self.toolbelt = toolbelt

    def ask(self, path: Path, step: Data) -> Ask:
        """What a step says, and `defaults` where the step is silent."""
        merged = {**self.defaults, **step}

        def at(key: str) -> Path:
            return (*path, key) if key in step else ("defaults", key)

        def tree(key: str) -> Tree:
            return self.slots.tree(at(key), merged.get(key))

        def mapping(key: str) -> Mapping[str, Tree]:
            found = tree(key)
            return found if isinstance(found, Mapping) else {}

        turns, history = self._conversation(path, step, merged, at("system"))
        modalities = tuple(str(each) for each in listed(step.get("modalities"))) or ("text",)
        fallback = tree("fallback")
        samples = step.get("samples")
        tools = self.toolbelt.listed(at("tools"), listed(merged.get("tools")))
        parallel = merged.get("parallel_tool_calls")
        return Ask(
            model=tree("model") or ("image" if "image" in modalities else "recommended"),
            turns=turns,
            history=history,
            options={key: tree(key) for key in OPTIONS if merged.get(key) is not None},
            response_format=self._response_format(path, step.get("response_format")),
            modalities=modalities,
            image_config=mapping("image_config"),
            provider=mapping("provider"),
            samples=samples if isinstance(samples, int) else None,
            retry=integer(merged.get("retry"), 4),
            repair=integer(merged.get("repair"), 1),
            fallback=fallback if isinstance(fallback, tuple) else (),
            cache=merged.get("cache") is not False,
            tools=tools,
            tool_choice=self.toolbelt.choice(at("tool_choice"), merged.get("tool_choice"), tools),
            parallel_tool_calls=parallel if tools and isinstance(parallel, bool) else None,
            max_turns=integer(merged.get("max_turns"), 8),
        )

    def _conversation(
        self, path: Path, step: Data, merged: Data, system_path: Path
    ) -> tuple[tuple[Turn, ...], Slot | None]:
        messages = step.get("messages")
        if isinstance(messages, str):
            return (), self.slots.text((*path, "messages"), messages)
        turns: list[Turn] = []
        if messages is None:
            if (system := merged.get("system")) is not None:
                turns += self._turn("system", system_path, system)
            turns += self._turn("user", (*path, "prompt"), step["prompt"])
        for index, message in enumerate(cast("Sequence[Data]", listed(messages))):
            place: Path = (*path, "messages", index, "content")
            turns += self._turn(cast(Role, message["role"]), place, message["content"])
        return tuple(turns), None

    def _turn(self, role: Role, path: Path, content: JsonValue) -> list[Turn]:
        if not isinstance(content, list):
            slot = self.slots.text(path, content)
            return [Turn(role, (Piece("text", slot),) if slot else ())]
        pieces: list[Piece] = []
        for index, part in enumerate(cast("Sequence[Data]", content)):
            if part["type"] == "text":
                place: Path = (*path, index, "text")
                kind: Literal["text", "image"] = "text"
                source = part["text"]
            else:
                place, kind = (*path, index, "image_url", "url"), "image"
                source = cast(Data, part["image_url"])["url"]
            if slot := self.slots.text(place, source):
                pieces.append(Piece(kind, slot))
        return [Turn(role, tuple(pieces))]

    def _response_format(self, path: Path, source: JsonValue) -> ResponseFormat:
        path = (*path, "response_format")
        if isinstance(source, str):
            return self.schemas.named(path, source)
        if isinstance(source, Mapping):
            return self.schemas.wire(path, source)
        return _TEXT


def listed(value: JsonValue) -> Sequence[JsonValue]:
    """The list, an empty one if it is none."""
    return value if isinstance(value, list) else ()


def integer(value: JsonValue, default: int) -> int:
    """The number, or what stands for it where nothing is said."""
    return value if isinstance(value, int) else default

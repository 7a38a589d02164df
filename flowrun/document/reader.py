"""A sound file's data read into tasks, inputs and outputs, noting what is faulty on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from flowrun.chat.messages import ResponseFormat, Role
from flowrun.digest import JsonValue
from flowrun.document.schemas import Schemas
from flowrun.document.slots import Slot, SlotReader, Tree
from flowrun.document.source import Path
from flowrun.document.task import Ask, Input, Loop, Output, Piece, Task, Turn
from flowrun.document.vocabulary import OPTIONS, seconds

Data = Mapping[str, JsonValue]
_TEXT = ResponseFormat()


class Reader:
    """Reads the sections of one file; `slots.diagnostics` holds what was found faulty."""

    def __init__(self, slots: SlotReader, schemas: Schemas, defaults: Data) -> None:
        self.slots = slots
        self.schemas = schemas
        self.defaults = defaults

    def task(self, name: str, step: Data, *, is_partial: bool = False) -> Task:
        """A step with its templates parsed; a faulty template is left out.

        `is_partial`: something is left out already.
        """
        told = len(self.slots.diagnostics)
        task = self._task(("steps", name), name, step)
        is_partial = is_partial or len(self.slots.diagnostics) > told
        return replace(task, is_partial=True) if is_partial else task

    def _task(self, path: Path, name: str, step: Data) -> Task:
        is_asking = "prompt" in step or "messages" in step
        timeout = step.get("timeout", self.defaults.get("timeout") if is_asking else None)
        return Task(
            id=name,
            path=path,
            ask=self._ask(path, step) if is_asking else None,
            value=self._value(path, step),
            condition=self._condition((*path, "if"), step.get("if", True)),
            loops=self._loops(path, step),
            needs=tuple(str(each) for each in _list(step.get("needs"))),
            expects=self._expressions((*path, "expect"), step.get("expect")),
            timeout_s=seconds(timeout) if isinstance(timeout, str) else None,
            ignores_errors=step.get("on_error") == "ignore",
        )

    def _value(self, path: Path, step: Data) -> Tree:
        value = step.get("value")
        if isinstance(value, Mapping) and value.keys() == {"file"}:
            return self.slots.text((*path, "value"), value)
        return self.slots.tree((*path, "value"), value)

    def _condition(self, path: Path, source: JsonValue) -> Slot | bool:
        if isinstance(source, str):
            return self.slots.expression(path, source) or True
        return source is not False

    def _loops(self, path: Path, step: Data) -> tuple[Loop, ...]:
        source = step.get("foreach")
        path = (*path, "foreach")
        if isinstance(source, str):
            return self._loop(path, str(step.get("as", "item")), source)
        found: tuple[Loop, ...] = ()
        for name, each in source.items() if isinstance(source, Mapping) else ():
            found += self._loop((*path, name), name, str(each))
        return found

    def _loop(self, path: Path, name: str, source: str) -> tuple[Loop, ...]:
        slot = self.slots.expression(path, source)
        return (Loop(name, slot),) if slot else ()

    def _expressions(self, path: Path, source: JsonValue) -> tuple[Slot, ...]:
        if isinstance(source, str):
            slot = self.slots.expression(path, source)
            return (slot,) if slot else ()
        found = (
            self.slots.expression((*path, index), str(each))
            for index, each in enumerate(_list(source))
        )
        return tuple(slot for slot in found if slot)

    def _ask(self, path: Path, step: Data) -> Ask:
        merged = {**self.defaults, **step}

        def at(key: str) -> Path:
            return (*path, key) if key in step else ("defaults", key)

        def tree(key: str) -> Tree:
            return self.slots.tree(at(key), merged.get(key))

        def mapping(key: str) -> Mapping[str, Tree]:
            found = tree(key)
            return found if isinstance(found, Mapping) else {}

        turns, history = self._conversation(path, step, merged, at("system"))
        modalities = tuple(str(each) for each in _list(step.get("modalities"))) or ("text",)
        fallback = tree("fallback")
        samples = step.get("samples")
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
            retry=_integer(merged.get("retry"), 4),
            repair=_integer(merged.get("repair"), 1),
            fallback=fallback if isinstance(fallback, tuple) else (),
            cache=merged.get("cache") is not False,
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
        for index, message in enumerate(cast("Sequence[Data]", _list(messages))):
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

    def input(self, name: str, spec: Data) -> Input:
        """An input's declaration."""
        kind = spec.get("type")
        schema = {key: value for key, value in spec.items() if key not in ("default",)}
        is_path = kind in ("image", "file")
        if not is_path and self.schemas.check(("inputs", name), schema) and "default" in spec:
            self.schemas.fits(("inputs", name, "default"), schema, spec["default"])
        return Input(
            name,
            cast(Literal["data", "image", "file"], kind if is_path else "data"),
            schema={} if is_path else schema,
            is_required="default" not in spec,
            default=spec.get("default"),
            description=str(spec.get("description", "")),
        )

    def output(self, name: str, data: JsonValue) -> Output:
        """An output: the form with `value`, or data with templates in it."""
        path: Path = ("outputs", name)
        if not (isinstance(data, Mapping) and "value" in data):
            return Output(name, path, self.slots.tree(path, data))
        loop: tuple[Loop, ...] = ()
        if isinstance(source := data.get("foreach"), str):
            loop = self._loop((*path, "foreach"), str(data.get("as", "item")), source)
        file = data.get("file")
        return Output(
            name,
            path,
            self.slots.tree((*path, "value"), data["value"]),
            file=None if file is None else self.slots.text((*path, "file"), file),
            loop=loop[0] if loop else None,
        )


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, list) else ()


def _integer(value: JsonValue, default: int) -> int:
    return value if isinstance(value, int) else default

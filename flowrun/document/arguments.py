"""What `with` gives a tool or another pipeline, held against what these take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document.slots import SlotReader, Tree
from flowrun.document.source import Path
from flowrun.errors import did_you_mean

if TYPE_CHECKING:
    from flowrun.document.plan import Plan
    from flowrun.document.tool import Tool

_OPENING = frozenset(
    (
        "$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
        "patternProperties", "dependentSchemas", "unevaluatedProperties", "propertyNames",
    )
)  # fmt: skip
"""Words by which a schema says more of an object's keys than `properties` does."""


@dataclass(frozen=True, slots=True)
class _Taker:
    """Who takes what; `known` is None where any name may be given.

    `path` is where the file names it, `name` what stands there.
    """

    path: Path
    name: str
    shown: str
    what: str
    known: Collection[str] | None
    required: Collection[str]


class Arguments:
    """Reads and checks `with`; `lacking` are places out of which something faulty was left."""

    def __init__(self, slots: SlotReader, lacking: Collection[Path]) -> None:
        self._slots = slots
        self._lacking = lacking

    def tree(self, path: Path, source: JsonValue) -> Tree:
        """The arguments of the step at `path`: an object, or a template that gives one."""
        path = (*path, "with")
        if not isinstance(source, str):
            return self._slots.tree(path, {} if source is None else source)
        slot = self._slots.text(path, source)
        if slot is not None and not slot.template.is_expression:
            message = '"with" gives each argument by its name'
            mend = "write name: value below it, or one {{ expression }} that gives an object"
            self._note(path, source, message, "wrong-value", mend)
        return slot

    def check_inputs(self, path: Path, name: str, arguments: Tree, plan: Plan) -> None:
        """Notes arguments that are no inputs of the pipeline, and inputs that are missing."""
        required = [each.name for each in plan.inputs if each.is_required]
        known = [each.name for each in plan.inputs]
        taker = _Taker((*path, "uses"), name, f'"{name}"', "input", known, required)
        self._check(path, arguments, taker)

    def check_parameters(self, path: Path, name: str, arguments: Tree, tool: Tool) -> None:
        """Notes arguments that the tool does not know, and those that it cannot do without."""
        if tool.parameters is None or tool.is_partial:
            return
        known = known_parameters(tool.parameters)
        required = tool.parameters.get("required")
        names = [str(each) for each in required] if isinstance(required, list) else []
        taker = _Taker((*path, "call"), name, f'tool "{name}"', "argument", known, names)
        self._check(path, arguments, taker)

    def _check(self, path: Path, arguments: Tree, taker: _Taker) -> None:
        if not isinstance(arguments, Mapping):
            return
        for name in arguments:
            if taker.known is not None and name not in taker.known:
                self._unknown((*path, "with", name), name, taker, taker.known)
        missing = [name for name in taker.required if name not in arguments]
        if missing and path not in self._lacking:
            shown = ", ".join(f'"{name}"' for name in missing)
            message = f"{taker.shown} needs the {taker.what} {shown}"
            mend = f"add to with: {', '.join(f'{name}: …' for name in missing)}"
            self._note(taker.path, taker.name, message, f"missing-{taker.what}", mend)

    def _unknown(self, path: Path, name: str, taker: _Taker, known: Collection[str]) -> None:
        mend = did_you_mean(name, known)
        if not mend:
            mend = f"it takes {', '.join(known)}" if known else "it takes none: leave it out"
        message = f'{taker.shown} has no {taker.what} "{name}"'
        loaded = self._slots.loaded
        found = loaded.diagnostic(
            loaded.key_mark(path), message, f"unknown-{taker.what}", mend=mend, length=len(name)
        )
        self._slots.diagnostics.append(found)

    def _note(self, path: Path, text: str, message: str, code: str, mend: str) -> None:
        self._slots.note(path, message, code, mend=mend, length=len(text.partition("\n")[0]))


def known_parameters(schema: Mapping[str, JsonValue]) -> Collection[str] | None:
    """The names that an object of the schema has, None if it may have any others too."""
    if schema.keys() & _OPENING or schema.get("additionalProperties", False) is not False:
        return None
    found = schema.get("properties")
    if isinstance(found, Mapping):
        return list(found)
    return [] if "additionalProperties" in schema else None

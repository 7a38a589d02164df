"""What a check proves of a file, and how a run knows it from an earlier one.

A file that was found sound leaves a small note under .flowrun/checked/, named by the digest of its
text: the orders of its steps, of those in its blocks and in the pipelines that it uses, and the
digests of the files that it reads, those pipelines among them. The next run of the same
text goes without pydantic, networkx and type inference, whose imports alone cost more than a
small run takes: see docs/decisions/spec-validation.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.dataclass import dataclass
from flowrun.digest import digest
from flowrun.errors import Diagnostic
from flowrun.folder import Folder, FolderError

if TYPE_CHECKING:
    from flowrun.document.edges import Edge
    from flowrun.document.outline import Flaw
    from flowrun.document.parts import Parts
    from flowrun.document.slots import ReadFile, Span
    from flowrun.document.source import Loaded
    from flowrun.document.source import Path as Place

_ABSENT = ""
_VERSION = "checked/2"
"""Changes with the language and its checks, so that no old note speaks for a new rule."""


class FullProofs:
    """Proves everything, at the cost of importing what it takes."""

    def form(self, loaded: Loaded) -> Sequence[Flaw]:
        """The faults of keys and kinds of values."""
        from flowrun.document.structure import flaws

        return flaws(loaded)

    def order(
        self, steps: Sequence[str], edges: Iterable[Edge]
    ) -> tuple[Sequence[str], Sequence[Sequence[Edge]]]:
        """An order of the steps, and the loops that forbid one."""
        from flowrun.document.plan import order

        return order(steps, edges)

    def types(
        self, loaded: Loaded, parts: Parts, step_names: Iterable[str]
    ) -> tuple[Sequence[Diagnostic], Mapping[Place, Sequence[Span]]]:
        """The faults of what templates read, and where prompts show images."""
        from flowrun.document.typecheck import type_faults

        return type_faults(loaded, parts, step_names)


@dataclass(frozen=True, slots=True)
class KnownProofs:
    """Repeats what an earlier check of the same files proved: nothing was wrong.

    `orders` holds by the names of some steps the orders in which such steps were put.
    """

    orders: Mapping[frozenset[str], Sequence[Sequence[str]]]

    @classmethod
    def of(cls, orders: Iterable[Sequence[str]]) -> KnownProofs:
        """What is known from the orders of all levels."""
        found: dict[frozenset[str], list[Sequence[str]]] = {}
        for each in orders:
            found.setdefault(frozenset(each), []).append(tuple(each))
        return cls(found)

    def form(self, loaded: Loaded) -> Sequence[Flaw]:
        """None."""
        return ()

    def order(
        self, steps: Sequence[str], edges: Iterable[Edge]
    ) -> tuple[Sequence[str], Sequence[Sequence[Edge]]]:
        """The order found then; found anew if none was of these steps and edges."""
        known = list(edges)
        for ordered in self.orders.get(frozenset(steps), ()):
            place = {step: index for index, step in enumerate(ordered)}
            if len(place) == len(ordered) and all(
                place[each.source] < place[each.target] for each in known
            ):
                return ordered, ()
        return FullProofs().order(steps, known)

    def types(
        self, loaded: Loaded, parts: Parts, step_names: Iterable[str]
    ) -> tuple[Sequence[Diagnostic], Mapping[Place, Sequence[Span]]]:
        """None; an image that a model cannot see is then its step's own error."""
        return (), {}


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes under a state folder about one text; `read_file` reads the files that it names."""

    state: Path
    text: str
    read_file: ReadFile
    _read: dict[str, str] = field(default_factory=dict)

    def reading(self, name: str) -> str:
        """Reads a file and remembers what was in it."""
        # A file that is not there counts too: its coming must be noticed.
        self._read[name] = _ABSENT
        text = self.read_file(name)
        self._read[name] = _digest(text)
        return text

    def known(self) -> KnownProofs | None:
        """What is known of the text and the files it reads as they are now; None if nothing is."""
        try:
            note = json.loads(Folder(self.state).read_bytes(self._name()))
            files: Mapping[str, str] = note["files"]
            if all(self._now(name) == files[name] for name in files):
                return KnownProofs.of([list(map(str, each)) for each in note["orders"]])
        except (OSError, ValueError, LookupError, TypeError, RecursionError, FolderError):
            return None  # no note, a damaged one, or a file that is gone: all is proved anew
        return None

    def keep(self, orders: Iterable[Sequence[str]]) -> None:
        """Notes that the text is sound; the state folder must be there."""
        unique = dict.fromkeys(map(tuple, orders))
        note = json.dumps({"orders": list(unique), "files": self._read})
        with suppress(OSError, FolderError):  # the next run proves it again
            (self.state / "checked").mkdir(mode=0o700, exist_ok=True)
            Folder(self.state).write(self._name(), note.encode(), mode=0o600)

    def _now(self, name: str) -> str:
        try:
            return _digest(self.read_file(name))
        except FolderError:
            return _ABSENT

    def _name(self) -> str:
        return f"checked/{digest(_VERSION, self.text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

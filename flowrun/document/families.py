"""Pipelines that pipelines use: each file read once, within its folder, and never in a ring."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable
from dataclasses import field
from pathlib import PurePath, PurePosixPath
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import digest
from flowrun.document.plan import Plan
from flowrun.document.slots import ReadFile, SlotReader
from flowrun.document.source import Loaded, Path
from flowrun.document.source import load as load_source
from flowrun.errors import Diagnostic, PipelineError
from flowrun.folder import problem_of

_DEEPEST = 16
"""How many files may stand in a line, each using the next."""
_MOST_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the family; `name` is its path under the folder of the first one.

    `line` are the names of the files from the first one down to it. `files` are digests of what
    it reads, and `uses` the versions of the files that it uses; both grow while it is checked.
    """

    loaded: Loaded
    name: str
    line: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its folder under that of the first file, "" for the same."""
        return posixpath.dirname(self.name)

    def version(self) -> str:
        """What changes with its text and with all that it reads, once it is checked."""
        return digest(
            "pipeline/1", {"text": self.loaded.text, "files": self.files, "uses": self.uses}
        )


CheckMember: TypeAlias = Callable[[Member], tuple[tuple[Diagnostic, ...], Plan | None]]


class Family:
    """The files that one check reads; `diagnostics` are those of all but the first."""

    def __init__(self, loaded: Loaded, read_file: ReadFile, check: CheckMember) -> None:
        name = PurePath(loaded.path).name
        self.first = Member(loaded, name, (name,))
        self._read_file = read_file
        self._check = check
        self._plans: dict[str, Plan | None] = {}
        self._heights: dict[str, int] = {}
        self.diagnostics: list[Diagnostic] = []

    def reader(self, member: Member) -> ReadFile:
        """Reads files by names under the folder of the member."""

        def read(name: str) -> str:
            member.files[name] = ""  # one that is not there counts too
            text = self._read_file(posixpath.join(member.folder, name))
            raw = text.encode("utf-8", "surrogatepass")
            member.files[name] = hashlib.sha256(raw).hexdigest()
            return text

        return read

    def child(self, member: Member, slots: SlotReader, path: Path, name: str) -> Plan | None:
        """The plan of a file that a member uses at `path`; None if it or its place is faulty."""
        if problem := problem_of(name):
            _note(slots, path, name, f'"{name}" is no file name here: {problem}', "bad-path")
            return None
        inner = str(PurePosixPath(name))
        full = posixpath.join(member.folder, inner)
        if full in member.line:
            ring = " → ".join((*member.line[member.line.index(full) :], full))
            message = f"pipelines use each other in a ring: {ring}"
            _note(slots, path, name, message, "file-cycle", "take one of these uses out")
            return None
        if len(member.line) + self._heights.get(full, 1) > _DEEPEST:
            message = f"pipelines use each other more than {_DEEPEST} files deep"
            _note(slots, path, name, message, "too-deep", "use fewer files in each other")
            return None
        if full not in self._plans:
            text = slots.file(path, inner)
            if text is None:
                return None
            shown = str(PurePath(member.loaded.path).parent / inner)
            self._plans[full] = self._read(text, shown, full, member)
        plan = self._plans[full]
        if plan is not None:
            member.uses[full] = plan.version
            height = self._heights.get(member.name, 1)
            self._heights[member.name] = max(height, 1 + self._heights.get(full, 1))
        return plan

    def _read(self, text: str, shown: str, name: str, parent: Member) -> Plan | None:
        try:
            loaded = load_source(text, shown)
        except PipelineError as error:
            self.diagnostics += error.diagnostics
            return None
        place = len(self.diagnostics)
        found, plan = self._check(Member(loaded, name, (*parent.line, name)))
        self.diagnostics[place:place] = found
        return plan


def too_large(size: int) -> str:
    """What is wrong with so many steps, nothing if that can be done."""
    if size <= _MOST_STEPS:
        return ""
    return f"the file and those that it uses come to {size:,} steps; {_MOST_STEPS:,} are allowed"


def _note(
    slots: SlotReader, path: Path, name: str, message: str, code: str, mend: str = ""
) -> None:
    slots.note(path, message, code, mend=mend, length=len(name))

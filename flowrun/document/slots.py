"""A place of the file that holds a template, and data with such places in it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document import templates
from flowrun.document.source import Loaded, Path
from flowrun.document.templates import Fault, Template, TemplateFault
from flowrun.errors import Diagnostic, FlowrunError, Mark

Scope: TypeAlias = Mapping[str, object]
"""What a template may name: inputs, steps, loop variables, `run`."""

ReadFile: TypeAlias = Callable[[str], str]
"""Text of a file under the pipeline's folder. Raises: FlowrunError for any other."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A template, and where it stands: a path in the data, or a file of its own."""

    path: Path
    template: Template
    file: str = ""

    def mark(self, loaded: Loaded, offset: int = 0) -> Mark:
        """The place of a character of the template."""
        return place(loaded, self.path, offset, file=self.file, text=self.template.source)

    def diagnostic(self, loaded: Loaded, fault: Fault) -> Diagnostic:
        """The fault at its place in the file."""
        return diagnostic_at(loaded, self.path, fault, file=self.file, text=self.template.source)


@dataclass(frozen=True, slots=True)
class Span:
    """Some characters of a template, and the template."""

    slot: Slot
    offset: int
    length: int

    def diagnostic(
        self, loaded: Loaded, message: str, code: str, *, why: str = "", mend: str = ""
    ) -> Diagnostic:
        """A fault of these characters."""
        fault = Fault(self.offset, self.length, message, code, why, mend)
        return self.slot.diagnostic(loaded, fault)


def place(loaded: Loaded, path: Path, offset: int, *, file: str, text: str) -> Mark:
    """Where a character of a template stands: in `file` if it has one, else in the pipeline."""
    if not file:
        return loaded.locate(path, offset)
    before = text[:offset]
    return Mark(file, before.count("\n") + 1, offset - before.rfind("\n"))


def diagnostic_at(
    loaded: Loaded, path: Path, fault: Fault, *, file: str = "", text: str = ""
) -> Diagnostic:
    """A template's fault as a diagnostic; `text` is the template's when it stands in `file`."""
    mark = place(loaded, path, fault.offset, file=file, text=text)
    if not file:
        return loaded.diagnostic(
            mark, fault.message, fault.code, why=fault.why, mend=fault.mend, length=fault.length
        )
    excerpt = text.split("\n")[mark.line - 1]
    return Diagnostic(mark, fault.message, fault.code, fault.why, fault.mend, excerpt, fault.length)


Tree: TypeAlias = "Slot | bool | int | float | str | tuple[Tree, ...] | Mapping[str, Tree] | None"
"""Data in which strings that are templates have become slots."""


def slots(tree: Tree) -> Iterator[Slot]:
    """The slots of a tree, in the file's order."""
    match tree:
        case Slot():
            yield tree
        case tuple():
            for each in tree:
                yield from slots(each)
        case Mapping():
            for each in tree.values():
                yield from slots(each)
        case _:
            pass


def fill(tree: Tree, scope: Scope) -> object:
    """The tree's value in `scope`: a lone `{{ expression }}` gives the value itself.

    Raises: TemplateError for what goes wrong while rendering.
    """
    match tree:
        case Slot():
            return templates.value(tree.template, scope)
        case tuple():
            return [fill(each, scope) for each in tree]
        case Mapping():
            return {name: fill(each, scope) for name, each in tree.items()}
        case _:
            return tree


class SlotReader:
    """Reads the file's strings as slots and notes every template fault."""

    def __init__(self, loaded: Loaded, read_file: ReadFile, *, folder: str = "") -> None:
        """`folder` stands before the names of files in messages."""
        self.loaded = loaded
        self.folder = folder
        self.read_file = read_file
        self.diagnostics: list[Diagnostic] = []
        self._defaults: dict[Path, Slot | None] = {}

    def expression(self, path: Path, source: str) -> Slot | None:
        """A bare expression; None if it is faulty."""
        try:
            return Slot(path, templates.parse_expression(source))
        except TemplateFault as error:
            self.diagnostics.append(diagnostic_at(self.loaded, path, error.fault))
            return None

    def text(self, path: Path, source: JsonValue) -> Slot | None:
        """Text, or `{file: …}`, as a template; None if it is faulty."""
        if path[0] != "defaults":
            return self._text(path, source)
        if path not in self._defaults:
            self._defaults[path] = self._text(path, source)
        return self._defaults[path]

    def _text(self, path: Path, source: JsonValue) -> Slot | None:
        file = ""
        if isinstance(source, Mapping):
            file = str(source["file"])
            path = (*path, "file")
            text = self.file(path, file)
            if text is None:
                return None
            file = self.shown(file)
        else:
            text = str(source)
        try:
            return Slot(path, templates.parse(text, files=self.read_file), file)
        except TemplateFault as error:
            self.diagnostics.append(
                diagnostic_at(self.loaded, path, error.fault, file=file, text=text)
            )
            return None

    def shown(self, name: str) -> str:
        """How messages call a file that the pipeline names."""
        return posixpath.join(self.folder, name)

    def file(self, path: Path, name: str) -> str | None:
        """The text of a file that the pipeline names; None if it cannot be read."""
        try:
            return self.read_file(name)
        except FlowrunError as error:
            self.note(path, str(error), "unreadable-file", length=len(name))
            return None

    def note(
        self,
        path: Path,
        message: str,
        code: str,
        *,
        why: str = "",
        mend: str = "",
        length: int = 1,
    ) -> None:
        """Notes a fault of the value at `path`."""
        mark = self.loaded.mark(path)
        self.diagnostics.append(
            self.loaded.diagnostic(mark, message, code, why=why, mend=mend, length=length)
        )

    def tree(self, path: Path, data: JsonValue) -> Tree:
        """Data whose strings may be templates, at any depth; faulty ones become null."""
        match data:
            case str():
                slot = self.text(path, data)
                return slot.template.source if slot and slot.template.is_constant else slot
            case Mapping():
                return {name: self.tree((*path, name), each) for name, each in data.items()}
            case list():
                return tuple(self.tree((*path, index), each) for index, each in enumerate(data))
            case bool() | int() | float() | None:
                return data
            case _:
                raise TypeError(f"a file cannot hold a {type(data).__name__}")

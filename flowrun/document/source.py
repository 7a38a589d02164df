"""YAML text as plain data, with a Mark for every part of it; the only importer of yaml."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import field
from itertools import islice
from typing import Literal, TypeAlias

import yaml

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue
from flowrun.document import refusals, syntax
from flowrun.document.marks import Misprint, Places, aligned
from flowrun.document.tree import BeyondBoundsError, Builder, Node
from flowrun.errors import Diagnostic, Mark, PipelineError

Path: TypeAlias = tuple[str | int, ...]
"""Where a value is in the data: `("steps", "brief", "prompt")`."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file's data and the places of its parts; `path` is its name in messages."""

    path: str
    text: str
    data: JsonValue
    _root: Node = field(repr=False, compare=False)
    _places: Places = field(repr=False, compare=False)

    def has(self, path: Path) -> bool:
        """Whether a value stands there, be it null."""
        node = self._root
        for part in path:
            inner = node.child(part)
            if inner is None:
                return False
            node = inner[1]
        return True

    def mark(self, path: Path) -> Mark:
        """The place of a value; of one that is not there, of what should hold it."""
        return self._places.mark(self._find(path)[1].start)

    def key_mark(self, path: Path) -> Mark:
        """The place of the key that a value stands under; of a list's item, of the item."""
        return self._places.mark(self._find(path)[0])

    def locate(self, path: Path, offset: int) -> Mark:
        """The place of a character of the text at `path`, counted from 0 as decoded.

        What lies past the text's end is its last character; a value that is not text has but
        one place.
        """
        node = self._find(path)[1]
        value = _value(self.data, path)
        if not isinstance(value, str):
            return self._places.mark(node.start)
        written = aligned(self.text, node.start, node.end, node.style, value)
        last = deque(islice(written, max(offset, 0) + 1), maxlen=1)
        return self._places.mark(last[0] if last else node.start)

    def excerpt(self, line: int) -> str:
        """A line of the file, counted from 1, without its end."""
        return self._places.excerpt(line)

    def diagnostic(  # noqa: PLR0913 - the fields of a Diagnostic, but the one it finds itself
        self,
        mark: Mark,
        message: str,
        code: str,
        *,
        why: str = "",
        mend: str = "",
        length: int = 1,
        severity: Literal["error", "warning"] = "error",
    ) -> Diagnostic:
        """A Diagnostic that shows the line of the file at which it points."""
        excerpt = self._places.excerpt_at(mark)
        return Diagnostic(mark, message, code, why, mend, excerpt, length, severity)

    def _find(self, path: Path) -> tuple[int, Node]:
        """Where the key stands and its value, or those of the nearest part that is there."""
        found = (self._root.start, self._root)
        for part in path:
            inner = found[1].child(part)
            if inner is None:
                break
            found = inner
        return found


def load(text: str | bytes, path: str) -> Loaded:
    """Reads a pipeline file, which is a mapping; `path` is its name in messages.

        load -> load_value -> _readable   bytes -> text, or what keeps it from being text
                           -> _build      events -> data and places, or what is wrong with them

    Raises: PipelineError with every fault.
    """
    loaded = load_value(text, path)
    if isinstance(loaded.data, dict):
        return loaded
    at = loaded._root.start
    if loaded.data is None:
        raise _refused(loaded._places, [refusals.empty(at)])
    raise _refused(loaded._places, [refusals.not_a_mapping(at, loaded.data)])


def load_value(text: str | bytes, path: str, *, is_pure: bool = False) -> Loaded:
    """Reads data of any kind, null from an empty text.

    `is_pure` does without the C parser, as happens anyhow where there is none.

    Raises: PipelineError with every fault.
    """
    places = _readable(text, path)
    builder = _build(places, yaml.SafeLoader if is_pure else _FASTEST)
    if builder.misprints:
        raise _refused(places, builder.misprints)
    root = builder.node or Node(0, 0)
    return Loaded(path, places.text, builder.value, root, places)


_FASTEST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# What YAML 1.2 calls printable.
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _refused(places: Places, misprints: list[Misprint]) -> PipelineError:
    """Every fault once, in the file's order."""
    found = {(each.at, each.code): each for each in reversed(misprints)}
    return PipelineError(tuple(places.diagnostic(found[key]) for key in sorted(found)))


def _readable(text: str | bytes, path: str) -> Places:
    if len(text) > refusals.MAX_BYTES:
        raise _refused(Places(path, ""), [refusals.too_large(len(text))])
    if isinstance(text, bytes):
        text = _decoded(text, path)
    places = Places(path, text.removeprefix("\ufeff"))
    forbidden = islice(_FORBIDDEN.finditer(places.text), refusals.MOST_FAULTS)
    misprints = [refusals.character(found.start(), found[0]) for found in forbidden]
    if misprints:
        raise _refused(places, misprints)
    return places


def _decoded(raw: bytes, path: str) -> str:
    for mark, name in _ENCODINGS.items():
        if raw.startswith(mark):
            raise _refused(Places(path, ""), [refusals.encoding(name)])
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        places = Places(path, raw.decode(errors="replace").removeprefix("\ufeff"))
        at = len(raw[: error.start].decode().removeprefix("\ufeff"))
        raise _refused(places, [refusals.not_utf8(at, error.start, raw[error.start])]) from error


def _build(places: Places, loader: type[yaml.SafeLoader]) -> Builder:
    """Feeds the events to a Builder, which then holds the faults of the syntax too."""
    builder = Builder(places)
    try:
        _feed(builder, places.text, loader)
    except BeyondBoundsError:
        pass
    except yaml.MarkedYAMLError as error:
        # Braces of a template that YAML took for its own make errors of all that follows.
        if not any(each.code == refusals.UNQUOTED for each in builder.misprints):
            builder.misprints.append(syntax.explain(places, _trouble(error)))
    return builder


def _feed(builder: Builder, text: str, loader: type[yaml.SafeLoader]) -> None:
    handlers: dict[type, Callable[..., None]] = {
        yaml.ScalarEvent: builder.scalar,
        yaml.MappingStartEvent: builder.open_mapping,
        yaml.MappingEndEvent: builder.close,
        yaml.SequenceStartEvent: builder.open_list,
        yaml.SequenceEndEvent: builder.close,
        yaml.AliasEvent: builder.alias,
        yaml.DocumentStartEvent: builder.document,
    }
    stand_ins = _stand_ins(text)
    originals = {ord(new): old for old, new in stand_ins.items()}
    for event in _events(text.translate(stand_ins) if stand_ins else text, loader):
        if originals and isinstance(event, yaml.ScalarEvent):
            event.value = event.value.translate(originals)
        handler = handlers.get(type(event))
        if handler:
            handler(event)


def _stand_ins(text: str) -> dict[int, str]:
    """For characters that only YAML 1.1 takes for line breaks, others that nobody uses.

    The library reads YAML 1.1; in 1.2 these three are text, and pasted text has them.
    """
    breaks = [char for char in "\x85\u2028\u2029" if char in text]
    if not breaks:
        return {}
    used = set(text)
    unused = (char for char in map(chr, range(0xF0000, 0xFFFFE)) if char not in used)
    return {ord(old): new for old, new in zip(breaks, unused, strict=False)}


def _events(text: str, loader: type[yaml.SafeLoader]) -> Iterator[yaml.Event]:
    parser = loader(text)
    try:
        while True:
            event = parser.get_event()  # type: ignore[no-untyped-call] # its stub has no types
            if isinstance(event, yaml.StreamEndEvent):
                return
            yield event
    except (ValueError, OverflowError) as error:
        # The pure parser turns numbers into characters and versions without looking at them.
        raise yaml.MarkedYAMLError(syntax.DECODING, None, str(error), parser.get_mark()) from error


def _trouble(error: yaml.MarkedYAMLError) -> syntax.Trouble:
    at = error.problem_mark.index if error.problem_mark else 0
    context_at = error.context_mark.index if error.context_mark else at
    return syntax.Trouble(error.context or "", context_at, error.problem or "", at)


def _value(data: JsonValue, path: Path) -> JsonValue:
    """What stands at the path, null if nothing does."""
    for part in path:
        match data, part:
            case dict(), str():
                data = data.get(part)
            case list(), int():
                data = data[part] if 0 <= part < len(data) else None
            case _:
                return None
    return data

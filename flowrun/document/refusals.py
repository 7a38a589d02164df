"""What flowrun refuses of YAML though it may be well-formed, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowrun.digest import JsonValue
from flowrun.document.marks import Misprint
from flowrun.errors import Mark, did_you_mean

MAX_BYTES = 16 * 1024 * 1024
"""How large a file may be."""
MAX_DEPTH = 40
"""How deep lists and mappings may be nested, aliases written out."""
MAX_NODES = 1_000_000
"""How many values a file may have, aliases written out."""
MAX_CHARACTERS = 64 * 1024 * 1024
"""How much text a file may have, aliases written out."""
MOST_FAULTS = 100
"""How many faults of one file are worth reporting at once."""
UNQUOTED = "unquoted-template"
"""The code of a template that is not in quotes."""

_SHOWN = 60
_WHOLE_VALUE = re.compile(r"(\{\{[^{}\r\n]*\}\})[ \t]*(?:[\r\n,\]#]|$)")


def second_document(at: int, first: Mark) -> Misprint:
    """There is a `---` with more behind it."""
    return Misprint(
        at,
        "a second document starts here",
        "second-document",
        f"a file holds one document, and the first starts at {first}",
        "put this one into a file of its own",
        length=3,
    )


def empty(at: int) -> Misprint:
    """There is nothing, or nothing but comments."""
    return Misprint(
        at,
        "the file is empty",
        "empty-file",
        "a pipeline file is a mapping with at least the key steps",
        'begin with "steps:"',
    )


def not_a_mapping(at: int, value: JsonValue) -> Misprint:
    """The file is text, a number or a list."""
    return Misprint(
        at,
        f"a pipeline file is a mapping, not {kind_of(value)}",
        "not-a-mapping",
        'its first line has a form like "name: my-pipeline"',
        'begin with "steps:"',
    )


def too_large(size_bytes: int) -> Misprint:
    """The file is not worth reading."""
    why = f"it has {size_bytes:,} bytes, and {MAX_BYTES:,} are allowed"
    mend = "keep large data in files of their own, and give them as inputs"
    return Misprint(0, "the file is too large", "too-large", why, mend)


def too_deep(at: int) -> Misprint:
    """Lists and mappings stand in each other without end."""
    why = f"lists and mappings may be nested {MAX_DEPTH} deep, aliases included"
    return Misprint(at, "nested too deep", "too-deep", why, "flatten the data")


def too_much(at: int, nodes: int, characters: int) -> Misprint:
    """The file stands for more than anybody has written."""
    why = f"up to here it stands for {nodes:,} values; {MAX_NODES:,} are allowed"
    if nodes <= MAX_NODES:
        why = f"up to here it stands for {characters:,} characters; {MAX_CHARACTERS:,} are allowed"
    mend = "name fewer large values by aliases"
    return Misprint(at, "too much data once aliases are written out", "too-much", why, mend)


def character(at: int, found: str) -> Misprint:
    """A character that YAML does not have: it would not show, or do harm on a terminal."""
    name = f"U+{ord(found):04X}"
    why = "a file is text: control characters and halves of characters are not"
    mend = f'delete it, or write it in double quotes as "{_escape(found)}"'
    if "\ud800" <= found <= "\udfff":
        mend = "delete it"
    return Misprint(at, f"the character {name} may not stand here", "bad-character", why, mend)


def _escape(found: str) -> str:
    return f"\\x{ord(found):02x}" if ord(found) < 256 else f"\\u{ord(found):04x}"


def not_utf8(at: int, offset: int, byte: int) -> Misprint:
    """The bytes are no text, or text in another encoding."""
    return Misprint(
        at,
        f"the byte 0x{byte:02x} is not UTF-8",
        "not-utf-8",
        f"it is byte {offset:,} of the file, counted from 0",
        "save the file as UTF-8",
    )


def encoding(name: str) -> Misprint:
    """The file says itself that it is not UTF-8."""
    why = "its first bytes are the byte order mark of that encoding"
    return Misprint(0, f"the file is {name}, not UTF-8", "not-utf-8", why, "save the file as UTF-8")


def tag(at: int, name: str) -> Misprint:
    """A tag asks for a type that plain data does not have."""
    shown = _short(name)
    return Misprint(
        at,
        f'unknown tag "{shown}"',
        "unknown-tag",
        "values are plain data: text, numbers, true, false, null, lists and mappings",
        "delete it, or put the value in quotes if it is text",
        length=len(shown),
    )


def alias(at: int, name: str, *, is_open: bool, known: Iterable[str]) -> Misprint:
    """A `*name` that stands for nothing, or for what it is a part of."""
    shown = _short(name)
    if is_open:
        why = f"&{shown} is not complete here, so the value would have no end"
        message = f'the alias "*{shown}" stands inside the value that it names'
        return Misprint(at, message, "recursive-alias", why, length=len(shown) + 1)
    why = "an alias names an anchor (&name) that stands above it"
    mend = did_you_mean(shown, known) or "put it in quotes if it is text"
    message = f'unknown alias "*{shown}"'
    return Misprint(at, message, "unknown-alias", why, mend, length=len(shown) + 1)


def scalar(start: int, end: int, problem: str, style: str) -> Misprint:
    """A scalar that JSON does not have, or that is not what its tag says."""
    mend = "" if style else "put it in quotes if it is text"
    return Misprint(start, problem, "bad-value", mend=mend, length=min(end - start, _SHOWN))


def key(text: str, start: int, end: int, value: JsonValue) -> Misprint:
    """A key that is not text; most often braces of a template that is not in quotes."""
    for at in (start - 1, start):
        if isinstance(value, dict) and text.startswith("{{", at):
            return unquoted_template(text, at)
    if isinstance(value, (dict, list)):
        why = "every key is text"
        return Misprint(start, f"a key may not be {kind_of(value)}", "key-not-text", why)
    written = text[start : min(end, start + _SHOWN)]
    if not written:
        why = 'in a mapping every line has the form "key: value"'
        return Misprint(start, "a key is missing", "key-not-text", why, 'write it before the ":"')
    return Misprint(
        start,
        f"the key {written} is not text",
        "key-not-text",
        f"YAML reads it as {kind_of(value)}",
        f'put it in quotes: "{written}"',
        length=len(written),
    )


def unquoted_template(text: str, at: int) -> Misprint:
    """Braces of a template where YAML takes them for its own."""
    whole = _WHOLE_VALUE.match(text, at)
    return Misprint(
        at,
        f'text that begins with "{text[at : at + 2]}" must be in quotes',
        UNQUOTED,
        "without quotes YAML takes the braces for a mapping",
        f"write {_in_quotes(whole[1])}" if whole else "put the whole value in quotes",
        length=len(whole[1]) if whole else 2,
    )


def _in_quotes(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def duplicate(at: int, name: str, first: Mark, length: int) -> Misprint:
    """A key that stands twice in one mapping."""
    message = f'the key "{_short(name)}" is given twice, first at {first}'
    why = "only one of the two could count"
    return Misprint(at, message, "duplicate-key", why, "delete or rename one of them", length)


def merge(at: int) -> Misprint:
    """A `<<` with something else than a mapping."""
    message = '"<<" takes a mapping or a list of mappings'
    why = "it takes over their keys"
    return Misprint(at, message, "bad-merge", why, "name an anchored mapping: <<: *name", length=2)


def kind_of(value: JsonValue) -> str:
    """What people call a value of this type."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "a mapping"
        case _:
            return "a list"


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"

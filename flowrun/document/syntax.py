"""What a syntax error of YAML means, in plain words, told from what stands at the place."""

from __future__ import annotations

import re
from collections.abc import Callable

from flowrun.dataclass import dataclass
from flowrun.document import refusals
from flowrun.document.marks import Misprint, Places

DECODING = "while decoding an escape"
"""The context of a Trouble with a number that is no character."""

_CODE = "yaml-syntax"
_TEMPLATE = re.compile(
    r"""(?:[ \t]*|[^"'#\r\n]*?(?:(?<=[:?-])[ \t]+|\[[ \t]*))(\{[{%#])""",
)


_UNSPACED = re.compile(r"^[ -]*([\w-]+):[^\s:/][^\r\n]*\s*\Z", re.MULTILINE)
"""A last line that was to be a key with its value."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the YAML library says: what it was doing since where, and what it met where."""

    context: str
    context_at: int
    problem: str
    at: int


def explain(places: Places, trouble: Trouble) -> Misprint:
    """The trouble as its writer would put it."""
    tab = _tab(places, trouble.at)
    if tab is not None:
        return tab
    for at in (trouble.at, trouble.context_at):
        found = _TEMPLATE.match(places.text, places.line_start(at))
        if found and found.start(1) <= trouble.at:
            return refusals.unquoted_template(places.text, found.start(1))
    # The library says what it was doing in words only, so this table holds its words: of
    # PyYAML 6 the C parser's and the pure one's. What is not in it is passed on as it is.
    explained = _CONTEXTS.get(trouble.context, _other)(places, trouble)
    return explained or _plain_words(trouble)


def _plain_words(trouble: Trouble) -> Misprint:
    doing = f"{trouble.context}, " if trouble.context else ""
    return Misprint(trouble.at, "this is not YAML", _CODE, f"{doing}{trouble.problem}")


def _tab(places: Places, at: int) -> Misprint | None:
    """A tab before or at the place, where only blanks may stand."""
    start = places.line_start(at)
    before = places.text[start : at + 1]
    indent = len(before) - len(before.lstrip(" \t"))
    tab = before.find("\t", 0, indent)
    if tab < 0 and before.endswith("\t"):
        tab = len(before) - 1
    if tab < 0:
        return None
    why = "YAML indents and separates with blanks only"
    mend = "replace the tab by blanks"
    return Misprint(start + tab, "a tab may not stand here", "yaml-tab", why, mend)


def _quoted(places: Places, trouble: Trouble) -> Misprint | None:
    text, start = places.text, trouble.context_at
    quote = text[start : start + 1]
    if quote == '"' and trouble.at < len(text) and not _is_separator(places, trouble.at):
        return _escape(places, trouble)
    why = "the text in quotes goes on to the end of the file"
    mend = f"write {quote} at its end"
    if quote == "'":
        mend += "; inside '…' an apostrophe is written as ''"
    return Misprint(start, f"the quote {quote} is never closed", "unclosed-quote", why, mend)


def _is_separator(places: Places, at: int) -> bool:
    return places.line_start(at) == at and places.text.startswith(("---", "..."), at)


def _escape(places: Places, trouble: Trouble) -> Misprint | None:
    at = places.text.rfind("\\", 0, trouble.at + 1)
    if at < 0:
        return None
    escape = places.text[at : at + 2]
    why = "in double quotes a backslash starts an escape, like \\n or \\u00e4"
    mend = "write \\\\ for a backslash, or use single quotes"
    message = f'"{escape}" is not an escape'
    if escape in ("\\x", "\\u", "\\U"):
        message = f'"{escape}" is not followed by the number of a character'
        mend += ", or write the character itself"
    return Misprint(at, message, "bad-escape", why, mend, length=2)


def _flow(places: Places, trouble: Trouble) -> Misprint:
    text, start = places.text, trouble.context_at
    opened = text[start]
    close = "]" if opened == "[" else "}"
    goes_on = bool(text[trouble.at :].strip())
    is_inside = places.line_start(trouble.at) == places.line_start(start)
    is_inside = is_inside or _indent(places, trouble.at) > _indent(places, start)
    if goes_on and is_inside:
        why = f'the "{opened}" at {places.mark(start)} is not closed before it'
        mend = f'write "," between its items, "{close}" at its end, and quotes round text like this'
        return Misprint(trouble.at, f'"," or "{close}" is missing here', _CODE, why, mend)
    why = f"what follows at {places.mark(trouble.at)} does not belong to it"
    if not goes_on:
        why = "the file ends before it does"
    message = f'the bracket "{opened}" is never closed'
    return Misprint(start, message, "unclosed-bracket", why, f'write "{close}" at its end')


def _indent(places: Places, at: int) -> int:
    start = places.line_start(at)
    line = places.text[start:at]
    return len(line) - len(line.lstrip(" "))


def _missing_colon(places: Places, trouble: Trouble) -> Misprint:
    written = _rest_of_line(places, trouble.context_at)
    why = 'in a mapping every line has the form "key: value"'
    mend = 'write "key: value", with a blank behind the colon, or indent what continues a text'
    return Misprint(
        trouble.context_at, f'":" is missing behind "{written}"', _CODE, why, mend, len(written)
    )


def _rest_of_line(places: Places, at: int) -> str:
    line = places.excerpt(places.mark(at).line)
    return line[at - places.line_start(at) :][:40].rstrip()


def _block(places: Places, trouble: Trouble) -> Misprint:
    before = places.text[places.line_start(trouble.at) : trouble.at]
    if before.strip(" -"):
        opened = _opened_above(places, trouble.at)
        if opened is not None:
            why = f"so its text ends at {places.mark(trouble.at)}, with more behind it"
            mend = f"write {places.text[opened]} where the text is to end"
            return Misprint(opened, "the quote is not closed on its line", _CODE, why, mend)
        why = "the value is complete here, as one in quotes or brackets is where they are closed"
        mend = "put the whole value in quotes; inside '…' an apostrophe is written as ''"
        return Misprint(trouble.at, "more text behind the value", _CODE, why, mend)
    outer = places.mark(trouble.context_at)
    why = f"what stands around it starts at {outer}, so its lines begin in column {outer.column}"
    mend = "begin the line in the same column as what it belongs to"
    return Misprint(trouble.at, "this line is indented like none above", "bad-indent", why, mend)


def _opened_above(places: Places, at: int) -> int | None:
    """Where a quote that is closed just before the place was opened, if on a line above."""
    closed = len(places.text[:at].rstrip()) - 1
    quote = places.text[closed]
    if quote not in ("'", '"'):
        return None
    opened = places.text.rfind(quote, 0, closed)
    return opened if 0 <= opened < places.line_start(at) else None


def _opening(places: Places, trouble: Trouble) -> Misprint:
    at = trouble.context_at if trouble.context in _NAMES else trouble.at
    sign = places.text[at : at + 1]
    if not sign:
        why = "the file ends inside brackets, where a value should stand"
        return Misprint(at, "a bracket is never closed", "unclosed-bracket", why, "close it")
    why = "YAML gives this character a meaning of its own at the beginning of a value"
    if sign in "]},":
        message = f'"{sign}" has no value before it'
        return Misprint(at, message, _CODE, why, f'delete it, or put it in quotes: "{sign}"')
    message = f'text that begins with "{sign}" must be in quotes'
    return Misprint(at, message, "unquoted-text", why, "put the whole value in quotes")


def _block_text(places: Places, trouble: Trouble) -> Misprint:
    sign = places.text[trouble.context_at : trouble.context_at + 1]
    why = f'"{sign}" announces text on the lines below; beside it only +, - and a digit may stand'
    mend = "write the text on the next line, indented, or put the whole value in quotes"
    return Misprint(trouble.at, f'the line must end behind "{sign}"', _CODE, why, mend)


def _other(places: Places, trouble: Trouble) -> Misprint | None:
    sign = places.text[trouble.at : trouble.at + 1]
    if trouble.context:
        return None
    if sign == ":":
        return _colon(places, trouble)
    if sign in ("-", "?") and places.text[places.line_start(trouble.at) : trouble.at].strip():
        why = "a list whose items begin with - has a line for each of them"
        mend = "begin it on the next line, or put the value in quotes if it is text"
        return Misprint(trouble.at, "a list may not begin behind its key", _CODE, why, mend)
    if sign == "%":
        return _instruction(places, trouble)
    why = "what the file holds is complete before this line"
    mend = "begin all keys of the file in the same column"
    return Misprint(trouble.at, "text behind the end of the document", _CODE, why, mend)


def _unspaced(places: Places, trouble: Trouble) -> Misprint | None:
    if not places.text.startswith(":", trouble.at):
        return None
    why = 'inside brackets YAML takes ":" for the end of a key, and a blank must follow it'
    mend = 'write ": ", or put the whole value in quotes if it is text'
    return Misprint(trouble.at, '":" without a blank behind it', _CODE, why, mend)


def _instruction(_places: Places, trouble: Trouble) -> Misprint:
    why = "a line that begins with % is an instruction to YAML itself"
    return Misprint(trouble.at, "this instruction is unknown", _CODE, why, "delete the line")


def _colon(places: Places, trouble: Trouble) -> Misprint:
    before = places.text[places.line_start(trouble.at) : trouble.at]
    if ": " in before:
        why = 'without quotes a value may not hold ": "'
        mend = "put the whole value in quotes, or write it below the key, behind |"
        return Misprint(trouble.at, '":" in text without quotes', "unquoted-colon", why, mend)
    key = before.lstrip(" -")
    at = trouble.at - len(key)
    unspaced = _UNSPACED.search(places.text, 0, places.line_start(trouble.at))
    if unspaced:
        why = f'so "{unspaced[1]}" is no key, and its line is text'
        mend = f'write "{unspaced[1]}: "'
        return Misprint(unspaced.end(1), '":" without a blank behind it', _CODE, why, mend)
    why = "the line above has a value already, so nothing may be indented below it"
    mend = "begin the line in the same column as the key it belongs to"
    return Misprint(at, f'no key may stand here: "{key}"', "bad-indent", why, mend, len(key))


_NAMES = frozenset(
    {
        "while scanning an alias",
        "while scanning an anchor",
        "while scanning a tag",
        "while parsing a tag",
        "while parsing a node",
    }
)
_CONTEXTS: dict[str, Callable[[Places, Trouble], Misprint | None]] = {
    **dict.fromkeys(_NAMES, _opening),
    "while scanning for the next token": _opening,
    "while parsing a block node": _opening,
    "while parsing a flow node": _opening,
    "while scanning a quoted scalar": _quoted,
    "while parsing a quoted scalar": _quoted,
    "while scanning a double-quoted scalar": _quoted,
    DECODING: _escape,
    "while scanning a plain scalar": _unspaced,
    "while scanning a directive": _instruction,
    "while parsing a flow sequence": _flow,
    "while parsing a flow mapping": _flow,
    "while scanning a simple key": _missing_colon,
    "while parsing a block mapping": _block,
    "while parsing a block collection": _block,
    "while scanning a block scalar": _block_text,
}

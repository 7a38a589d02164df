"""Where each token of a template stands: Jinja's line numbers, with the offset on top."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from math import isinf
from typing import NoReturn

from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import Lexer

from flowrun.document.faults import Fault, TemplateFault

MAX_TOKENS = 20_000
MAX_BRACKETS = 30
_MAX_DIGITS = 1000
_NEWLINE = re.compile(r"\r\n|\r|\n")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = frozenset("\n\\'\"nrtxNuU")
"""What means something behind a backslash; all else, such as `\\d` and `\\1`, is left as it is."""
_WORD = re.compile(r"\w+|\S|\s", re.DOTALL)
_WHERE = re.compile(r" at \d+\Z")


class Position(int):
    """A Jinja line number that also carries the character's offset in the template's source."""

    offset: int

    def __new__(cls, line: int, offset: int) -> Position:
        """Line counts from 1, offset from 0."""
        made = super().__new__(cls, line)
        made.offset = offset
        return made


def offset_of(line: int | None) -> int:
    """The offset that a node's or an error's line number carries."""
    return line.offset if isinstance(line, Position) else 0


def fault_at(source: str, offset: int, message: str, code: str, *, mend: str = "") -> Fault:
    """A fault of the word that stands at `offset`."""
    word = _WORD.match(source, offset)
    return Fault(offset, len(word[0]) if word else 1, message, code, mend=mend)


def positioned(lexer: Lexer, source: str, state: str | None) -> Iterator[tuple[Position, str, str]]:
    """The raw tokens of the source, each with its position; checks sizes as it goes.

    Raises: TemplateFault where the text is no template, or too large a one.
    """
    text = _NEWLINE.sub("\n", source)
    breaks = [found.start() - before for before, found in enumerate(re.finditer("\r\n", source))]
    raw = lexer.tokeniter(source, None, None, state)
    at, opened, depth, last = 0, 0, 0, ""
    count = 0
    while True:
        try:
            line, kind, value = next(raw)
        except StopIteration:
            return
        except TemplateSyntaxError as error:
            if last in _ENDS:
                _unclosed(source, _original(breaks, opened), _ENDS[last])
            _unreadable(source, _original(breaks, at), error.message or "")
        at = max(at, text.find(value, at))
        offset = _original(breaks, at)
        count += kind != "whitespace"
        if count > MAX_TOKENS:
            _stop(source, offset, "the template is too large", "template-too-large")
        if kind == "operator":
            depth += (value in "([{") - (value in ")]}")
            if depth > MAX_BRACKETS:
                _stop(source, offset, "brackets are nested too deeply", "template-too-deep")
        yield Position(line, offset), kind, _checked(source, offset, kind, value)
        opened, last = at, kind
        at += len(value)


def _original(breaks: list[int], at: int) -> int:
    """The offset before `\\r\\n` became `\\n`."""
    return at + bisect_left(breaks, at)


def _checked(source: str, offset: int, kind: str, value: str) -> str:
    """The token's text; an unknown escape in a string stays the two characters it is."""
    if kind == "string":
        return _ESCAPE.sub(lambda each: each[0] if each[1] in _ESCAPED else "\\" + each[0], value)
    if kind == "integer" and len(value) > _MAX_DIGITS:
        _stop(source, offset, "the number has more than 1,000 digits", "number-too-large")
    if kind == "float" and isinf(float(value.replace("_", ""))):
        _stop(source, offset, "the number is too large", "number-too-large")
    return value


_ENDS = {"comment_begin": "#}", "raw_begin": "{% endraw %}"}


def _unclosed(source: str, opened: int, end: str) -> NoReturn:
    message = f"{end} is missing"
    _stop(source, opened, message, "unclosed-tag", mend=f"write {end} behind what begins here")


def _unreadable(source: str, at: int, message: str) -> NoReturn:
    char = source[at : at + 1]
    if char in ("'", '"'):
        message = "the quote is not closed"
        _stop(source, at, message, "template-syntax", mend=f"write {char} at the end of the text")
    _stop(source, at, plain_words(_WHERE.sub("", message)), "template-syntax")


def _stop(source: str, offset: int, message: str, code: str, *, mend: str = "") -> NoReturn:
    raise TemplateFault(fault_at(source, offset, message, code, mend=mend)) from None


_WORDS = {
    "'end of print statement'": "}}",
    "'end of statement block'": "%}",
    "'begin of statement block'": "{%",
    "'begin of print statement'": "{{",
    "'end of template'": "the end",
}


def plain_words(message: str) -> str:
    """A message of Jinja's parser, without its own names for things."""
    for name, sign in _WORDS.items():
        message = message.replace(name, f'"{sign}"')
    message = re.sub(r"'([^']*)'", r'"\1"', message).rstrip(".")
    return message[:1].lower() + message[1:]

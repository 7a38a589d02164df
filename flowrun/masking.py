"""Known secrets, masked in text in every spelling that they may take."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 6
_SHORTEST_CUT = 8
_ESCAPE = re.compile(r"\\(?:[\\/]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5})")


class Masker:
    """Replaces secrets by `***`: as they are, in base64, URL-encoded and escaped for JSON.

    Secrets shorter than 6 characters are left alone: masking them would tear up common words.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= _SHORTEST
            for spelling in _spellings(secret)
        }
        # The longest first, so that no tail of a secret is left behind a shorter one.
        self._spellings = sorted(spellings, key=lambda each: (-len(each), each))
        self._pattern = re.compile("|".join(map(re.escape, self._spellings)) or r"(?!)")
        self._firsts = frozenset(each[0] for each in self._spellings)
        self._longest = len(self._spellings[0]) if self._spellings else 0

    @property
    def has_secrets(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._spellings)

    def mask(self, text: str) -> str:
        """The text without the secrets.

        The first part of one, from 8 characters on, is masked where the text ends in it: there
        it was cut. Escapes of JSON or YAML that hide a secret are undone, in the whole text.
        """
        if not self._spellings:
            return text
        masked = self._masked(text)
        if "\\" in masked:
            plain = _ESCAPE.sub(_unescaped, masked)
            without = self._masked(plain)
            if without != plain:
                return without
        return masked

    def split(self, text: str) -> tuple[str, str]:
        """The text without secrets as far as it is sure, and the end that more may turn into one.

        What is masked stays the same whatever follows, and the end is shorter than a secret.
        """
        parts: list[str] = []
        at = 0
        sure = self._sure(text, 0)
        for found in self._pattern.finditer(text):
            if found.start() >= sure:
                break
            parts += (text[at : found.start()], MASK)
            at = found.end()
            if sure < at:
                sure = self._sure(text, at)
        return "".join((*parts, text[at:sure])), text[sure:]

    def _masked(self, text: str) -> str:
        sure, rest = self.split(text)
        return sure + (MASK if len(rest) >= _SHORTEST_CUT else self._pattern.sub(MASK, rest))

    def _sure(self, text: str, start: int) -> int:
        """Where, from `start` on, the first secret begins that the text ends in a part of."""
        for at in range(max(start, len(text) - self._longest + 1), len(text)):
            if text[at] in self._firsts:
                end = text[at:]
                if any(each.startswith(end) and each != end for each in self._spellings):
                    return at
        return len(text)


def _unescaped(escape: re.Match[str]) -> str:
    """An escape as the shortest way in which JSON writes its character."""
    said = escape[0]
    if said == "\\/":
        return "/"
    if said == "\\\\" or 0xD800 <= (code := int(said[2:], 16)) < 0xE000:
        return said
    return json.dumps(chr(code), ensure_ascii=False)[1:-1]


def _spellings(secret: str) -> set[str]:
    found = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        *_in_base64(secret.encode("utf-8", "surrogatepass")),
    }
    return {each for each in found if len(each) >= _SHORTEST}


def _in_base64(secret: bytes) -> set[str]:
    """What is surely there when the secret is encoded, alone or inside of something longer.

    Three bytes make four characters, so what stands before the secret shifts it in one of
    three ways; characters that also hold bits of a neighbour are left out.
    """
    found = set()
    for shift in range(3):
        padded = bytes(shift) + secret
        start = -(-shift * 8 // 6)
        end = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(padded).decode()[start:end])
    found.add(base64.b64encode(secret).decode())
    found.add(base64.urlsafe_b64encode(secret).decode())
    return found

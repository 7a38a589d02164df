"""Known secrets, masked in text in every spelling that they may take."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 6


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
        ordered = sorted(spellings, key=lambda each: (-len(each), each))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @property
    def has_secrets(self) -> bool:
        """Whether there is anything to mask."""
        return self._pattern is not None

    def mask(self, text: str) -> str:
        """The text without the secrets."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


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

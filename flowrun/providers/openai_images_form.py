"""A form with files as one body: `multipart/form-data`, made without a clock or a die.

The boundary is the same for every form, unless its parts hold it: then it is made of their
digest, which nobody can put into them.
Source: RFC 7578; RFC 2046, section 5.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from flowrun.chat.images import Image

_BOUNDARY = "flowrun-form-boundary"
_ENDINGS: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
FILE_TYPES = frozenset(_ENDINGS)
"""The media types that a file of a form may have."""


def form(fields: Mapping[str, str], files: Iterable[tuple[str, Image]]) -> tuple[bytes, str]:
    """The body and its content type; `files` are pictures, each under the name of its field.

    The names are the caller's own: they hold no quotes and no line breaks.
    """
    parts = [
        _part(f'name="{name}"', None, value.encode("utf-8", "replace"))
        for name, value in fields.items()
    ]
    for number, (name, image) in enumerate(files, 1):
        file_name = f"image-{number}.{_ENDINGS[image.mime_type]}"
        parts.append(_part(f'name="{name}"; filename="{file_name}"', image.mime_type, image.data))
    boundary = _boundary(parts)
    mark = boundary.encode()
    body = b"".join(b"--%b\r\n%b\r\n" % (mark, part) for part in parts) + b"--%b--\r\n" % mark
    return body, f"multipart/form-data; boundary={boundary}"


def _part(disposition: str, mime_type: str | None, data: bytes) -> bytes:
    kind = "" if mime_type is None else f"content-type: {mime_type}\r\n"
    head = f"content-disposition: form-data; {disposition}\r\n{kind}\r\n"
    return head.encode() + data


def _boundary(parts: list[bytes]) -> str:
    if not any(_BOUNDARY.encode() in part for part in parts):
        return _BOUNDARY
    return f"{_BOUNDARY}-{hashlib.sha256(b''.join(parts)).hexdigest()[:32]}"

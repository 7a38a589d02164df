"""An image as a value: its bytes, and what the bytes themselves say of it."""

from __future__ import annotations

import hashlib
from dataclasses import field

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue


@dataclass(frozen=True, slots=True)
class Image:
    """A picture whose type and size were read from its bytes; sizes in pixels.

    `text` is what the model said beside it. Equal bytes and text make equal images.
    """

    data: bytes = field(repr=False)
    mime_type: str
    width: int
    height: int
    sha256: str
    text: str = ""

    @classmethod
    def from_bytes(cls, data: bytes, *, text: str = "") -> Image:
        """Reads the type and size from the bytes, whatever a label may say.

        Raises: ValueError if the bytes are no PNG, JPEG, GIF or WebP, or are cut short.
        """
        mime_type, width, height = sniff(data)
        return cls(data, mime_type, width, height, hashlib.sha256(data).hexdigest(), text)

    def facts(self) -> dict[str, JsonValue]:
        """What JSON can say of it: everything but its bytes."""
        return {
            "mime_type": self.mime_type,
            "width": self.width,
            "height": self.height,
            "sha256": self.sha256,
            "text": self.text,
        }


def sniff(data: bytes) -> tuple[str, int, int]:
    """The media type, width and height that the header of `data` states.

    Nothing is decompressed: the cost is that of a bounded walk over block lengths.
    Raises: ValueError if `data` is no PNG, JPEG, GIF or WebP, is cut short, or states a
        side of nothing or of more than 2**31 - 1 pixels.
    Source: PNG 3rd edition, 5; GIF89a, 17-27; ITU T.81, B; RFC 9649, 2.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        mime_type, read = "image/png", _png
    elif data.startswith(b"\xff\xd8\xff"):
        mime_type, read = "image/jpeg", _jpeg
    elif data.startswith((b"GIF87a", b"GIF89a")):
        mime_type, read = "image/gif", _gif
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        mime_type, read = "image/webp", _webp
    else:
        raise ValueError("the bytes are no PNG, JPEG, GIF or WebP picture")
    try:
        width, height = read(data)
    except IndexError:
        raise ValueError(f"the {mime_type} picture is cut short") from None
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise ValueError(f"the {mime_type} picture states an impossible size: {width}x{height}")
    return mime_type, width, height


_MAX_BLOCKS = 2**18
"""More blocks than any picture of a sensible size has: a walk over hostile bytes ends."""


def _png(data: bytes) -> tuple[int, int]:
    if _at(data, 12, 4) != b"IHDR":
        raise ValueError("the image/png picture has no header")
    position = 8
    for _ in range(_MAX_BLOCKS):
        if _at(data, position, 12)[4:8] == b"IEND":
            return _big(data, 16, 4), _big(data, 20, 4)
        position += 12 + _big(data, position, 4)
    raise ValueError("the image/png picture is damaged")


_JPEG_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_JPEG_START_OF_SCAN, _JPEG_END, _JPEG_FILL = 0xDA, 0xD9, 0xFF


def _jpeg(data: bytes) -> tuple[int, int]:
    size = (0, 0)
    position = 2
    for _ in range(_MAX_BLOCKS):
        marker = data[position + 1]
        if data[position] != _JPEG_FILL or marker == _JPEG_END:
            break
        if marker == _JPEG_START_OF_SCAN:
            if data.find(bytes((_JPEG_FILL, _JPEG_END)), position) < 0:
                raise IndexError
            return size
        if marker in _JPEG_START_OF_FRAME:
            size = _big(data, position + 7, 2), _big(data, position + 5, 2)
        position += _jpeg_step(data, position, marker)
    raise ValueError("the image/jpeg picture is damaged")


def _jpeg_step(data: bytes, position: int, marker: int) -> int:
    if marker == _JPEG_FILL:
        return 1
    if marker in _JPEG_WITHOUT_LENGTH:
        return 2
    return 2 + _big(data, position + 2, 2)


_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B


def _gif(data: bytes) -> tuple[int, int]:
    position = 13 + _gif_colours(data[10])
    is_inside = False
    for _ in range(_MAX_BLOCKS):
        kind = data[position]
        if is_inside:
            is_inside = kind != 0
            position += 1 + kind
        elif kind == _GIF_IMAGE:
            position += 11 + _gif_colours(data[position + 9])
            is_inside = True
        elif kind == _GIF_EXTENSION:
            position += 2
            is_inside = True
        elif kind == _GIF_END:
            return _little(data, 6, 2), _little(data, 8, 2)
        else:
            break
    raise ValueError("the image/gif picture is damaged")


def _gif_colours(flags: int) -> int:
    return 3 << (flags % 8 + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> tuple[int, int]:
    _at(data, 8, _little(data, 4, 4))
    kind = _at(data, 12, 4)
    if kind == b"VP8 " and _at(data, 23, 3) == b"\x9d\x01\x2a":
        return _little(data, 26, 2) % 2**14, _little(data, 28, 2) % 2**14
    if kind == b"VP8L" and data[20] == 0x2F:
        packed = _little(data, 21, 4)
        return packed % 2**14 + 1, (packed >> 14) % 2**14 + 1
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    raise ValueError("the image/webp picture is damaged")


def _big(data: bytes, start: int, length: int) -> int:
    return int.from_bytes(_at(data, start, length), "big")


def _little(data: bytes, start: int, length: int) -> int:
    return int.from_bytes(_at(data, start, length), "little")


def _at(data: bytes, start: int, length: int) -> bytes:
    """Some bytes of `data`. Raises: IndexError if it ends before them."""
    if start + length > len(data):
        raise IndexError
    return data[start : start + length]

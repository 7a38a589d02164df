import io
import struct
from collections.abc import Callable

import PIL.Image
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowrun.chat.images import Image, sniff


def drawn(kind: str, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    file = io.BytesIO()
    picture = PIL.Image.radial_gradient("L").resize(size).convert("RGB")
    picture.save(file, kind, **options)
    return file.getvalue()


def animated_gif() -> bytes:
    file = io.BytesIO()
    frames = [PIL.Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], loop=0)
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    end = b"\0\0\0\0IEND\0\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + b"\0\0\0\0" + end


def extended_webp() -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGBA", (300, 7), (1, 2, 3, 4)).save(file, "WEBP")
    return file.getvalue()


PICTURES = {
    "png": (drawn("PNG"), ("image/png", 40, 30)),
    "jpeg": (drawn("JPEG"), ("image/jpeg", 40, 30)),
    "progressive-jpeg": (drawn("JPEG", progressive=True), ("image/jpeg", 40, 30)),
    "gif": (drawn("GIF"), ("image/gif", 40, 30)),
    "animated-gif": (animated_gif(), ("image/gif", 20, 10)),
    "webp": (drawn("WEBP"), ("image/webp", 40, 30)),
    "lossless-webp": (drawn("WEBP", lossless=True), ("image/webp", 40, 30)),
    "extended-webp": (extended_webp(), ("image/webp", 300, 7)),
    "webp-with-profile": (drawn("WEBP", exif=b"Exif\0\0"), ("image/webp", 40, 30)),
}


@pytest.mark.parametrize(("data", "expected"), PICTURES.values(), ids=PICTURES)
def test_type_and_size_are_read_from_the_bytes(data: bytes, expected: tuple[str, int, int]) -> None:
    assert sniff(data) == expected


@pytest.mark.parametrize("data", [data for data, _ in PICTURES.values()], ids=PICTURES)
def test_a_picture_cut_anywhere_is_refused(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"cut short|no PNG, JPEG, GIF or WebP"):
            sniff(data[:length])


def test_an_image_knows_its_digest_and_says_what_was_said_beside_it() -> None:
    data = drawn("PNG")
    image = Image.from_bytes(data, text="a disc")
    assert (image.mime_type, image.width, image.height) == ("image/png", 40, 30)
    assert (image.data, image.text, len(image.sha256)) == (data, "a disc", 64)
    assert "\\x" not in repr(image)


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg/>", b"RIFF\4\0\0\0WAVE", b"BM" + bytes(60)])
def test_other_bytes_are_no_picture(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the bytes are no PNG, JPEG, GIF or WebP picture$"):
        sniff(data)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (2**31, 5), (5, 2**32 - 1)])
def test_an_impossible_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"impossible size: {size[0]}x{size[1]}"):
        sniff(png(*size))


def test_the_largest_possible_size_is_taken() -> None:
    assert sniff(png(2**31 - 1, 1)) == ("image/png", 2**31 - 1, 1)


def test_a_jpeg_with_fill_bytes_and_parameterless_markers_is_read() -> None:
    data = drawn("JPEG")
    assert sniff(data[:2] + b"\xff\xff\xff\x01" + data[2:]) == ("image/jpeg", 40, 30)


DAMAGED = {
    "png-without-header": (b"\x89PNG\r\n\x1a\n" + bytes(30), "has no header"),
    "png-of-endless-chunks": (png(5, 5)[:33] + bytes(12 * 2**18), "damaged"),
    "jpeg-without-marker": (b"\xff\xd8\xff\xe0\0\2hello", "damaged"),
    "jpeg-without-scan": (b"\xff\xd8\xff\xd9", "damaged"),
    "jpeg-without-size": (b"\xff\xd8\xff\xda\xff\xd9", "impossible size: 0x0"),
    "jpeg-of-endless-fill": (b"\xff\xd8" + b"\xff" * 2**19, "damaged"),
    "gif-of-unknown-block": (b"GIF89a\5\0\5\0\0\0\0\x99", "damaged"),
    "gif-of-endless-blocks": (b"GIF89a\5\0\5\0\0\0\0!\xff" + b"\1\0" * 2**19, "damaged"),
    "webp-of-unknown-kind": (b"RIFF\x0c\0\0\0WEBPABCD\0\0\0\0", "damaged"),
    "webp-lossy-without-start": (b"RIFF\x20\0\0\0WEBPVP8 " + bytes(30), "damaged"),
    "webp-lossless-without-start": (b"RIFF\x20\0\0\0WEBPVP8L" + bytes(30), "damaged"),
}


@pytest.mark.parametrize(("data", "problem"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sniff(data)


STARTS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X", b""]


def tampered(seed: tuple[bytes, list[tuple[int, int]]]) -> bytes:
    data = bytearray(seed[0])
    for place, value in seed[1]:
        data[place % len(data)] = value
    return bytes(data)


SEEDS = st.tuples(
    st.sampled_from([data for data, _ in PICTURES.values()]),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=8),
)
BYTES: st.SearchStrategy[bytes] = st.one_of(
    SEEDS.map(tampered),
    st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=200)),
)


@given(BYTES)
@example(b"")
def test_hostile_bytes_give_a_possible_size_or_a_value_error(data: bytes) -> None:
    read: Callable[[bytes], tuple[str, int, int]] = sniff
    try:
        mime_type, width, height = read(data)
    except ValueError:
        return
    assert mime_type.startswith("image/")
    assert 0 < width < 2**31
    assert 0 < height < 2**31

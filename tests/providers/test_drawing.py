import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.chat.images import Image, sniff
from flowrun.providers.drawing import MAX_PIXELS, NOTICE, Sketch, draw

PLAIN = Sketch("a red kite over the sea", 320, 192, "seed")


def opened(data: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(data))


def encoded(kind: str, picture: PIL.Image.Image, **options: Any) -> Image:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return Image.from_bytes(file.getvalue())


def colours(data: bytes, box: tuple[int, int, int, int]) -> set[object]:
    part = opened(data).convert("RGB").crop(box)
    return {colour for _, colour in part.getcolors(1_000_000) or ()}


def test_the_picture_has_the_size_asked_for() -> None:
    assert sniff(draw(PLAIN)) == ("image/png", 320, 192)


def test_the_same_sketch_gives_the_same_bytes() -> None:
    assert draw(PLAIN) == draw(PLAIN)


@pytest.mark.parametrize(
    "other",
    [replace(PLAIN, seed="other"), replace(PLAIN, prompt="a blue kite"), replace(PLAIN, width=256)],
)
def test_another_sketch_gives_another_picture(other: Sketch) -> None:
    assert draw(PLAIN) != draw(other)


def test_the_picture_says_what_it_is_in_its_fields() -> None:
    fields = opened(draw(replace(PLAIN, prompt="Ein Käfer 🪲 \ud800"))).info
    assert fields["Comment"] == NOTICE == "PLACEHOLDER - no image model was used"
    assert fields["Description"] == "Ein Käfer 🪲 ?"
    assert fields["Software"] == "flowrun placeholder"


def test_the_picture_says_what_it_is_on_a_black_band() -> None:
    data = draw(PLAIN)
    bottom = colours(data, (0, 192 - 12, 320, 192))
    assert (0, 0, 0) in bottom
    assert (255, 210, 63) in colours(data, (0, 140, 320, 192))


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_formats(output_format: str) -> None:
    data = draw(replace(PLAIN, output_format=output_format))
    assert sniff(data) == (f"image/{output_format}", 320, 192)


def test_a_jpeg_carries_the_notice() -> None:
    data = draw(replace(PLAIN, output_format="jpeg"))
    assert (
        opened(data).info["comment"]
        == b"PLACEHOLDER - no image model was used: " + b"a red kite over the sea"
    )


def test_pictures_of_a_series_keep_their_colours() -> None:
    first = Image.from_bytes(draw(PLAIN))
    second = Image.from_bytes(draw(Sketch("the kite lands", 320, 192, "another", (first,))))
    third = draw(Sketch("the kite is packed", 192, 192, "a third", (second, first)))
    assert opened(first.data).info["flowrun-palette"] == opened(third).info["flowrun-palette"]


def test_pictures_that_it_builds_on_are_shown() -> None:
    pink = encoded("PNG", PIL.Image.new("RGB", (64, 64), (255, 0, 200)))
    data = draw(replace(PLAIN, pictures=(pink,)))
    assert (255, 0, 200) in colours(data, (240, 0, 320, 80))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_pictures_of_every_kind_can_be_built_on(kind: str, mode: str) -> None:
    if (kind, mode) == ("JPEG", "RGBA") or (kind, mode) == ("JPEG", "P"):
        mode = "CMYK"
    picture = PIL.Image.linear_gradient("L").resize((90, 40)).convert(mode)
    assert draw(replace(PLAIN, pictures=(encoded(kind, picture),)))


def test_more_pictures_than_fit_are_taken() -> None:
    picture = Image.from_bytes(draw(replace(PLAIN, width=64, height=64)))
    assert draw(replace(PLAIN, pictures=(picture,) * 7))


def png(width: int, height: int, rows: bytes = b"") -> Image:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">II", width, height) + b"\x08\x02\0\0\0")
    body = header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return Image.from_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_a_picture_that_would_fill_the_memory_is_not_decoded() -> None:
    with pytest.raises(ValueError, match=rf"100000x100000 pixels is too large .* {MAX_PIXELS}$"):
        draw(replace(PLAIN, pictures=(png(100_000, 100_000),)))


def test_a_picture_that_states_two_sizes_is_not_decoded() -> None:
    bomb = png(8000, 8000)
    with pytest.raises(ValueError, match="states two sizes"):
        draw(replace(PLAIN, pictures=(replace(bomb, width=8, height=8),)))
    with pytest.raises(ValueError, match="cannot be decoded"):
        draw(replace(PLAIN, pictures=(replace(png(60_000, 60_000), width=8, height=8),)))


def test_a_damaged_picture_is_named() -> None:
    with pytest.raises(ValueError, match="a picture to build on cannot be decoded"):
        draw(replace(PLAIN, pictures=(png(64, 64, b"\0" * 50),)))


PROMPTS = [
    "",
    " ",
    "x" * 5000,
    "日本語 " * 30,
    "مرحبا",
    "“quoted” — dash",
    "a\x00b\x1b[31m\n\n",
    "\ud800",
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
@pytest.mark.parametrize("size", [(64, 64), (64, 2048), (2048, 64)])
def test_every_prompt_can_be_written_on_every_size(prompt: str, size: tuple[int, int]) -> None:
    assert sniff(draw(Sketch(prompt, *size, seed="s")))[1:] == size


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_no_prompt_stops_the_drawing(prompt: str) -> None:
    assert draw(Sketch(prompt, 64, 64, "s"))

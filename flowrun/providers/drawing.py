"""Draws a picture that stands in for a generated one, and says so in it and in its fields.

The same seed, prompt and pictures give the same bytes. A picture drawn from others shows them
as prints in a corner and keeps the colours of the first, so that a series hangs together.
"""

from __future__ import annotations

import io
import math
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeAlias

import PIL.Image
from PIL import ImageDraw, ImageFilter, ImageFont, PngImagePlugin

from flowrun.chat.images import Image
from flowrun.dataclass import dataclass
from flowrun.providers.palette import Colour, Palette, brightness, chosen, mixed, rgb

NOTICE = "PLACEHOLDER - no image model was used"
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
MAX_PIXELS = 2**24
"""Larger pictures are not decoded: a small file can state a size that fills the memory."""

_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is to be drawn: `seed` decides all that the prompt and the pictures leave open."""

    prompt: str
    width: int
    height: int
    seed: str
    pictures: tuple[Image, ...] = ()
    output_format: str = "png"


def draw(sketch: Sketch) -> bytes:
    """The picture's bytes. Raises: ValueError if a picture that it builds on cannot be read."""
    prints = [_opened(each) for each in sketch.pictures]
    chance = Random(sketch.seed)
    palette = _palette_of(prints[0]) if prints else chosen(chance)
    scale = 2 if sketch.width * sketch.height <= 1_600_000 else 1
    scene = _scene(palette, sketch.width * scale, sketch.height * scale, chance)
    picture = scene.resize((sketch.width, sketch.height), PIL.Image.Resampling.LANCZOS)
    _lay_prints(picture, prints, Random(sketch.seed))
    _write_band(picture, sketch.prompt)
    return _saved(picture, sketch, palette)


def _palette_of(picture: PIL.Image.Image) -> Palette:
    """The palette that one of our own pictures carries, or the main colours of another."""
    try:
        return Palette.read(str(picture.info.get(_PALETTE_FIELD)))
    except ValueError:
        few = picture.resize((48, 48)).quantize(6, PIL.Image.Quantize.MEDIANCUT).convert("RGB")
        found = few.getcolors() or []
        return Palette.spread([rgb(colour) for _, colour in found if isinstance(colour, tuple)])


def _scene(palette: Palette, width: int, height: int, chance: Random) -> PIL.Image.Image:
    """A sky, a sun with its glow, thin rings and discs, and hills one behind the other."""
    picture = _sky(palette, width, height)
    side = min(width, height)
    sun = (width * chance.uniform(0.24, 0.76), height * chance.uniform(0.22, 0.42))
    radius = side * chance.uniform(0.10, 0.17)
    _glow(picture, sun, radius, palette.sun)
    above = ImageDraw.Draw(picture, "RGBA")
    if brightness(palette.sky[0]) < 900:
        _stars(above, width, height, chance)
    _discs(above, sun, side, palette, chance)
    _disc(above, sun, radius, (*palette.sun, 255))
    layers = chance.randint(4, 6)
    for layer in range(layers):
        share = layer / (layers - 1)
        colour = mixed(palette.hills[0], palette.hills[1], share)
        base = height * (0.50 + 0.34 * share)
        _hill(above, width, height, colour, _outline(base, height * 0.11, chance))
    return picture


def _sky(palette: Palette, width: int, height: int) -> PIL.Image.Image:
    column = PIL.Image.new("RGB", (1, height))
    top, middle, horizon = palette.sky
    for row in range(height):
        share = min(1.0, row / (height * 0.72))
        lower = mixed(middle, horizon, max(0.0, share - 0.5) * 2)
        column.putpixel((0, row), lower if share > 0.5 else mixed(top, middle, share * 2))
    return column.resize((width, height))


def _glow(
    picture: PIL.Image.Image, centre: tuple[float, float], radius: float, colour: Colour
) -> None:
    small = PIL.Image.new("L", (picture.width // 8 + 1, picture.height // 8 + 1))
    place = (centre[0] / 8, centre[1] / 8)
    ImageDraw.Draw(small).ellipse(_box(place, radius / 8 * 1.9), fill=150)
    mask = small.filter(ImageFilter.GaussianBlur(radius / 8)).resize(picture.size)
    picture.paste(colour, (0, 0), mask)


def _stars(above: ImageDraw.ImageDraw, width: int, height: int, chance: Random) -> None:
    for _ in range(90):
        place = (chance.uniform(0, width), chance.uniform(0, height * 0.5))
        size = min(width, height) * chance.uniform(0.0008, 0.0024)
        _disc(above, place, size, (255, 255, 255, chance.randint(90, 230)))


def _discs(
    above: ImageDraw.ImageDraw,
    sun: tuple[float, float],
    side: int,
    palette: Palette,
    chance: Random,
) -> None:
    """Rings about the sun, and a few discs that let the sky through."""
    for ring in range(chance.randint(1, 3)):
        box = _box(sun, side * (0.22 + 0.075 * ring))
        above.ellipse(box, outline=(*palette.sun, 80 - 20 * ring), width=max(1, side // 320))
    for _ in range(chance.randint(2, 4)):
        angle, distance = chance.uniform(0, math.tau), side * chance.uniform(0.25, 0.55)
        place = (sun[0] + distance * math.cos(angle), sun[1] + distance * math.sin(angle) * 0.5)
        colour = chance.choice((*palette.sky, palette.sun))
        _disc(above, place, side * chance.uniform(0.02, 0.09), (*colour, chance.randint(70, 130)))


def _outline(base: float, swing: float, chance: Random) -> Sequence[tuple[float, float, float]]:
    """Waves (height, how many across, where they begin) that add up to a ridge at `base`."""
    waves = [(base, 0.0, math.pi / 2)]
    for count, share in ((0.7, 0.55), (1.7, 0.30), (4.1, 0.11), (9.3, 0.04)):
        across = count * chance.uniform(0.8, 1.3)
        waves.append((swing * share, across, chance.uniform(0, math.tau)))
    return waves


def _hill(
    above: ImageDraw.ImageDraw,
    width: int,
    height: int,
    colour: Colour,
    waves: Sequence[tuple[float, float, float]],
) -> None:
    ridge = [
        (
            x,
            sum(size * math.sin(math.tau * across * x / width + start)
                for size, across, start in waves),
        )
        for x in range(0, width + 4, 4)
    ]  # fmt: skip
    above.polygon([*ridge, (width, height), (0, height)], fill=(*colour, 255))


def _box(centre: tuple[float, float], radius: float) -> tuple[float, float, float, float]:
    return centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius


def _disc(
    above: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    radius: float,
    colour: tuple[int, int, int, int],
) -> None:
    above.ellipse(_box(centre, radius), fill=colour)


def _opened(image: Image) -> PIL.Image.Image:
    """A picture decoded small. Raises: ValueError if it is too large, damaged or no picture."""
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f"a picture of {image.width}x{image.height} pixels is too large to build on; "
            f"the most is {MAX_PIXELS}"
        )
    try:
        with PIL.Image.open(io.BytesIO(image.data), formats=("PNG", "JPEG", "WEBP", "GIF")) as file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError("a picture states two sizes, one of them too large to build on")
            file.thumbnail((512, 512))
            small = file.convert("RGB")
            small.info = {_PALETTE_FIELD: file.info.get(_PALETTE_FIELD)}
            return small
    except (OSError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise ValueError(f"a picture to build on cannot be decoded: {error}") from error


_MOST_PRINTS = 3


def _lay_prints(
    picture: PIL.Image.Image, prints: Sequence[PIL.Image.Image], chance: Random
) -> None:
    """Lays the pictures that this one builds on into the top right corner, as on a table."""
    side = round(min(picture.size) * 0.24)
    edge = max(2, side // 22)
    left = picture.width - side // 8
    for each in prints[:_MOST_PRINTS]:
        small = each.copy()
        small.thumbnail((side, side))
        card = PIL.Image.new("RGBA", (small.width + 2 * edge, small.height + 4 * edge), "#f7f5ef")
        card.paste(small, (edge, edge))
        turned = card.rotate(chance.uniform(-6, 6), PIL.Image.Resampling.BICUBIC, expand=True)
        left -= turned.width
        place = (max(0, left), side // 8)
        shape = turned.getchannel("A")
        shade = PIL.Image.new("L", (turned.width + 4 * edge, turned.height + 4 * edge))
        shade.paste(shape.point(lambda alpha: alpha * 0.4), (2 * edge, 2 * edge))
        shade = shade.filter(ImageFilter.GaussianBlur(edge * 0.7))
        picture.paste("black", (place[0] - edge, place[1] - edge), shade)
        picture.paste(turned, place, shape)
        left -= edge * 2


def _write_band(picture: PIL.Image.Image, prompt: str) -> None:
    """Writes what this is across the bottom, on black, with the prompt below."""
    width, height = picture.size
    size = max(8, round(min(height * 0.042, width * 0.036)))
    bold, plain = ImageFont.load_default(size), ImageFont.load_default(max(8, round(size * 0.78)))
    margin = size
    notice = NOTICE if bold.getlength(NOTICE) <= width - 2 * margin else "PLACEHOLDER"
    lines = list(_wrapped(_written(prompt), plain, width - 2 * margin, most=2))
    step = round(size * 1.12)
    depth = round(size * 2.3) + step * len(lines)
    above = ImageDraw.Draw(picture)
    above.rectangle((0, height - depth, width, height), fill="black")
    above.rectangle((0, height - depth, width, height - depth + max(1, size // 8)), fill="#ffd23f")
    top = height - depth + round(size * 0.62)
    above.text((margin, top), notice, font=bold, fill="#ffd23f")
    for number, line in enumerate(lines):
        above.text(
            (margin, top + round(size * 1.35) + step * number), line, font=plain, fill="white"
        )


def _wrapped(text: str, font: _Font, width: int, *, most: int) -> Iterator[str]:
    """At most `most` lines that fit; the last ends in dots if there is more."""
    letters = max(4, int(width / max(1.0, font.getlength("abcdefghij n") / 12)))
    yield from textwrap.wrap(text, letters, max_lines=most, placeholder=" ...")


def _written(prompt: str) -> str:
    """The prompt in the letters that the built-in font has, which are those of English."""
    text = " ".join(prompt[:2000].replace("ß", "ss").split())
    bare = [each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each)]
    plain = [each if " " <= each <= "~" else _PUNCTUATION.get(each, "") for each in bare]
    if 2 * plain.count("") > len(plain):
        return _OTHER_SCRIPT
    return "".join(plain)


_PUNCTUATION = {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "•": "-"}  # noqa: RUF001 they are to be told apart
_OTHER_SCRIPT = "(the prompt is in another script: see the field Description of this file)"


_PALETTE_FIELD = "flowrun-palette"


def _saved(picture: PIL.Image.Image, sketch: Sketch, palette: Palette) -> bytes:
    """The file, with the notice and the prompt in its fields as far as its format has such."""
    file = io.BytesIO()
    prompt = sketch.prompt.encode("utf-8", "replace").decode()
    match sketch.output_format:
        case "png":
            fields = PngImagePlugin.PngInfo()
            fields.add_itxt("Comment", NOTICE)
            fields.add_itxt("Description", prompt)
            fields.add_itxt("Software", "flowrun placeholder")
            fields.add_text(_PALETTE_FIELD, str(palette))
            picture.save(file, "PNG", pnginfo=fields)
        case "jpeg":
            picture.save(file, "JPEG", quality=90, comment=f"{NOTICE}: {prompt}"[:5000])
        case _:
            picture.save(file, FORMATS[sketch.output_format], quality=90)
    return file.getvalue()

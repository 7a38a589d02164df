"""Colours that go together in a landscape: chosen by chance, read back, or taken from a picture."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from random import Random
from typing import TypeAlias

from flowrun.dataclass import dataclass

Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours from the top of the sky down to the nearest hill, then the sun."""

    sky: tuple[Colour, Colour, Colour]
    hills: tuple[Colour, Colour]
    sun: Colour

    def __str__(self) -> str:
        return " ".join(bytes(each).hex() for each in (*self.sky, *self.hills, self.sun))

    @classmethod
    def spread(cls, colours: Sequence[Colour]) -> Palette:
        """The colours of a picture, at least one, put where their brightness belongs."""
        ordered = sorted(colours, key=brightness)
        found = [ordered[round(each * (len(ordered) - 1) / 5)] for each in range(6)]
        nearest, far, top, middle, horizon, sun = found
        return cls((top, middle, horizon), (far, nearest), sun)

    @classmethod
    def read(cls, text: str) -> Palette:
        """Reads what `str` gave. Raises: ValueError if it is something else."""
        colours = [rgb(bytes.fromhex(each)) for each in text.split()]
        if len(colours) != 6:
            raise ValueError("no palette")
        return cls((colours[0], colours[1], colours[2]), (colours[3], colours[4]), colours[5])


def rgb(values: Sequence[int]) -> Colour:
    """Three values as a colour."""
    red, green, blue = values
    return red, green, blue


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def chosen(chance: Random) -> Palette:
    """Colours that go together: one cool hue, one warm one, at some hour of the day."""
    cool = chance.uniform(0.48, 0.74)
    warm = chance.choice((chance.uniform(0.0, 0.13), chance.uniform(0.88, 1.0)))
    hour = chance.choice(("dawn", "day", "dusk", "night"))
    match hour:
        case "dawn":
            sky = (_hsv(cool, 0.42, 0.80), _hsv(warm, 0.28, 0.96), _hsv(warm + 0.06, 0.30, 1.0))
            hills, sun = (_hsv(cool, 0.30, 0.74), _hsv(cool + 0.03, 0.55, 0.30)), 0.35
        case "day":
            sky = (_hsv(cool, 0.55, 0.88), _hsv(cool, 0.28, 0.96), _hsv(warm + 0.08, 0.16, 1.0))
            hills, sun = (_hsv(cool - 0.10, 0.30, 0.80), _hsv(cool - 0.16, 0.62, 0.34)), 0.25
        case "dusk":
            sky = (
                _hsv(cool + 0.08, 0.60, 0.42),
                _hsv(warm, 0.52, 0.86),
                _hsv(warm + 0.08, 0.55, 1),
            )
            hills, sun = (_hsv(cool + 0.16, 0.42, 0.56), _hsv(cool + 0.08, 0.60, 0.18)), 0.45
        case _:
            sky = (_hsv(cool, 0.72, 0.16), _hsv(cool, 0.60, 0.34), _hsv(cool + 0.1, 0.38, 0.62))
            hills, sun = (_hsv(cool, 0.42, 0.42), _hsv(cool, 0.60, 0.12)), 0.12
    return Palette(sky, hills, _hsv(warm + 0.06, sun, 1.0))


def brightness(colour: Colour) -> int:
    """How bright a colour looks, from 0 to 2550."""
    return 3 * colour[0] + 6 * colour[1] + colour[2]


def mixed(one: Colour, two: Colour, share: float) -> Colour:
    """The first colour with a share of the second, from 0 to 1."""
    red, green, blue = (
        round(first + (second - first) * share) for first, second in zip(one, two, strict=True)
    )
    return red, green, blue

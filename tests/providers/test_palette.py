from random import Random

import pytest

from flowrun.providers.palette import Palette, brightness, chosen, mixed, rgb


def test_a_palette_is_read_back_as_it_was_written() -> None:
    for seed in range(40):
        palette = chosen(Random(seed))
        assert Palette.read(str(palette)) == palette


def test_colours_vary_with_chance() -> None:
    assert len({str(chosen(Random(seed))) for seed in range(40)}) == 40


@pytest.mark.parametrize("text", ["", "None", "ffffff", "ffffff " * 7, "xyz " * 6, "ff " * 6])
def test_other_text_is_no_palette(text: str) -> None:
    with pytest.raises(ValueError, match=r"palette|hexadecimal|unpack"):
        Palette.read(text)


def test_colours_are_put_where_their_brightness_belongs() -> None:
    greys = [(each, each, each) for each in (200, 40, 120, 250, 0, 80)]
    palette = Palette.spread(greys)
    assert palette.hills == ((40, 40, 40), (0, 0, 0))
    assert palette.sky == ((80, 80, 80), (120, 120, 120), (200, 200, 200))
    assert palette.sun == (250, 250, 250)


def test_a_single_colour_makes_a_palette() -> None:
    assert Palette.spread([(1, 2, 3)]).sun == (1, 2, 3)


def test_mixing_goes_from_the_first_colour_to_the_second() -> None:
    black, white = (0, 0, 0), (255, 255, 255)
    assert [mixed(black, white, share) for share in (0.0, 0.4, 1.0)] == [
        black,
        (102, 102, 102),
        white,
    ]


def test_brightness_runs_from_black_to_white() -> None:
    assert (brightness((0, 0, 0)), brightness((255, 255, 255))) == (0, 2550)
    assert rgb([1, 2, 3]) == (1, 2, 3)

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.errors import ProviderError
from flowrun.providers.sse import EventParser

STREAM = (
    ": comment\n"
    "event: message\n"
    "id: 7\n"
    "retry: 10\n"
    "data: first\n"
    "\n"
    "data:no space\n"
    "\n"
    "data: two\n"
    "data:  lines\n"
    "data\n"
    "\n"
    "\n"
    "unknown: field\n"
    "\n"
    "data: é 😀 \u2028 \u0085 \x0b \x0c here\n"
    "\n"
)
EVENTS = ["first", "no space", "two\n lines\n", "é 😀 \u2028 \u0085 \x0b \x0c here"]


def parse(*chunks: bytes) -> list[str]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_line_ends_and_reads_make_no_difference(end: str, size: int) -> None:
    data = STREAM.replace("\n", end).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert parse(*chunks) == EVENTS


@given(
    st.lists(st.integers(0, len(STREAM.encode())), max_size=6),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_any_cut_gives_the_same_events(cuts: list[int], end: str) -> None:
    data = STREAM.replace("\n", end).encode()
    places = [0, *sorted(cuts), len(data)]
    assert parse(*(data[a:b] for a, b in pairwise(places))) == EVENTS


def test_an_event_is_given_as_soon_as_its_line_ends() -> None:
    parser = EventParser()
    assert parser.feed(b"data: now\r\n\r") == ["now"]
    assert parser.feed(b"\ndata: next\n\n") == ["next"]


@pytest.mark.parametrize("cut", range(4))
def test_a_byte_order_mark_is_not_part_of_the_first_line(cut: int) -> None:
    data = b"\xef\xbb\xbfdata: one\n\ndata: \xef\xbb\xbftwo\n\n"
    assert parse(data[:cut], data[cut:]) == ["one", "\ufefftwo"]


@pytest.mark.parametrize("tail", ["", "\n", "\r"])
def test_the_last_event_may_lack_its_blank_line(tail: str) -> None:
    assert parse(f"data: one\n\ndata: [DONE]{tail}".encode()) == ["one", "[DONE]"]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert parse(b"data: a\xffb\n\n") == ["a\ufffdb"]


def test_pitfall_23_a_character_of_four_bytes_may_come_byte_by_byte() -> None:
    text = "naïve 日本 😀👩‍👩‍👧 \u2028 end"
    data = f"data: {text}\n\n".encode()
    assert parse(*(bytes([each]) for each in data)) == [text]


def in_line_ends(*ends: str) -> bytes:
    """The stream with its lines ended by these in turn."""
    lines = STREAM.split("\n")[:-1]
    return "".join(line + ends[n % len(ends)] for n, line in enumerate(lines)).encode()


@pytest.mark.parametrize(
    "ends",
    [("\n",), ("\r\n",), ("\r",), ("\n", "\r\n", "\n\n")],
    ids=["LF", "CRLF", "CR", "mixed"],
)
def test_pitfall_24_line_ends_make_no_difference_wherever_it_is_split(
    ends: tuple[str, ...],
) -> None:
    data = in_line_ends(*ends)
    events = parse(data)
    assert events == EVENTS if len(ends) == 1 else events
    for place in range(len(data)):
        assert parse(data[:place], data[place:]) == events
        assert parse(data[:place], data[place : place + 1], data[place + 1 :]) == events


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_pitfall_25_comments_are_no_events(end: str) -> None:
    comment = f": OPENROUTER PROCESSING{end}{end}".encode()
    parser = EventParser()
    assert parser.feed(comment * 3 + b":" + end.encode()) == []
    sent = f'data: {{"a":1}}{end}{end}'.encode()
    events = parser.feed(sent + comment + sent)
    assert [*events, *parser.finish()] == ['{"a":1}'] * 2


def test_pitfall_26_an_event_of_many_megabytes_is_read_in_linear_time() -> None:
    """Counted: of what was kept, nothing is looked at again before the line ends."""
    size, step = 12_000_000, 4096
    line = b"data: " + b"x" * size + b"\n\n"
    touched = 0

    class Counted(bytes):
        """Bytes that count how many of them are cut up."""

        def split(self, *how: Any) -> list[bytes]:
            nonlocal touched
            touched += len(self)
            return super().split(*how)

    chunks = [Counted(line[start : start + step]) for start in range(0, len(line), step)]
    assert [len(event) for event in parse(*chunks)] == [size]
    assert touched == len(line)


@pytest.mark.parametrize("data", [b"data: 123456789", b"data: 1\ndata: 2\ndata: 3\n"])
def test_an_event_has_a_bound(data: bytes) -> None:
    with pytest.raises(ProviderError, match=r"^sent an event above 0 MiB$"):
        EventParser(max_event_bytes=14).feed(data)


def test_comments_do_not_count_towards_the_bound() -> None:
    parser = EventParser(max_event_bytes=14)
    assert parser.feed(b": keep-alive\n" * 100 + b"data: x\n\n") == ["x"]

"""Server-sent events from bytes, however the network cuts them.

Only CR, LF and CR LF end a line, as the standard has it: U+2028 and its like are text. What
is wanted of an event is its data; its other fields and comments are passed over.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

from __future__ import annotations

from flowrun.errors import ProviderError

_BOM = b"\xef\xbb\xbf"
_LARGEST = 64 * 2**20


class EventParser:
    """Collects bytes into events; `max_event_bytes` bounds what one event may hold."""

    def __init__(self, *, max_event_bytes: int = _LARGEST) -> None:
        self._max = max_event_bytes
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self._ended_in_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> list[str]:
        """The data of each event that the bytes complete.

        Raises: ProviderError if an event grows above the bound.
        """
        if self._ended_in_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._ended_in_cr = False
        if not chunk:
            return []
        self._ended_in_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = chunk.split(b"\n")
        events: list[str] = []
        for piece in whole:
            self._keep(piece)
            self._end_line(events)
        self._keep(rest)
        return events

    def finish(self) -> list[str]:
        """The data of the event that the stream ended in: many servers omit its last blank line."""
        events: list[str] = []
        if self._line:
            self._end_line(events)
        self._end_event(events)
        return events

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._line.append(piece)
        self._size += len(piece)
        if self._size > self._max:
            raise ProviderError(f"sent an event above {self._max // 2**20} MiB")

    def _end_line(self, events: list[str]) -> None:
        line = b"".join(self._line)
        self._line.clear()
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self._end_event(events)
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
        else:
            self._size -= len(line)

    def _end_event(self, events: list[str]) -> None:
        if self._data:
            events.append(b"\n".join(self._data).decode("utf-8", "replace"))
        self._data.clear()
        self._size = 0

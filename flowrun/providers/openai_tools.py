"""The tool calls of one reply on OpenAI's wire, put together from however they come.

A call may come whole or in pieces, its arguments as text or as data. Speakers leave out the
index or the id, give all calls one index, or repeat the name with each piece; some make a new
id for each piece. So a piece begins another call only where it names a tool.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field

from flowrun.chat.messages import ToolCallPiece
from flowrun.dataclass import dataclass
from flowrun.digest import is_crowded
from flowrun.errors import ProviderError
from flowrun.providers.reading import without_halves


@dataclass(frozen=True, slots=True)
class _Piece:
    index: int | None
    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, piece: _Piece) -> None:
        self.id = self.id or piece.id
        self.name = self.name or piece.name
        self.arguments.append(piece.arguments)

    def is_over_before(self, piece: _Piece) -> bool:
        """Whether the piece begins another call."""
        if not piece.name or not self.name:
            return False
        if piece.id and self.id:
            return piece.id != self.id
        return piece.name != self.name or (
            piece.arguments.startswith("{") and _is_object("".join(self.arguments))
        )


class CallPieces:
    """Collects the calls of one reply; true if there are any."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def feed(self, message: Mapping[str, object], *, is_whole: bool) -> None:
        """Takes in what a message or a delta holds. Raises: ProviderError if it is too deep."""
        for piece in _pieces(message):
            call = None if is_whole else self._begun(piece)
            if call is None or call.is_over_before(piece):
                call = _Call()
                self._calls.append(call)
            if piece.index is not None:
                self._at[piece.index] = call
            call.add(piece)

    def whole(self) -> tuple[ToolCallPiece, ...]:
        """The calls in the order in which they began; each has an id of its own."""
        given = {each.id for each in self._calls}
        free = (each for n in range(1, 2**63) if (each := f"call_{n}") not in given)
        used: set[str] = set()
        found = []
        for index, call in enumerate(self._calls):
            identity = call.id if call.id and call.id not in used else next(free)
            used.add(identity)
            arguments = without_halves("".join(call.arguments))
            if arguments.strip() in ("", "null"):
                arguments = "{}"
            found.append(
                ToolCallPiece(index, without_halves(identity), without_halves(call.name), arguments)
            )
        return tuple(found)

    def _begun(self, piece: _Piece) -> _Call | None:
        """The call that the piece may go on with."""
        if piece.index is not None:
            return self._at.get(piece.index)
        same = (each for each in self._calls if piece.id and each.id == piece.id)
        return next(same, self._calls[-1] if self._calls else None)


def is_object(text: str) -> bool:
    """Whether the text is a JSON object and nothing else."""
    try:
        return not is_crowded(text) and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _is_object(text: str) -> bool:
    return text.rstrip().endswith("}") and is_object(text)


def _pieces(message: Mapping[str, object]) -> Iterator[_Piece]:
    calls = message.get("tool_calls")
    if not calls:
        older = message.get("function_call")
        calls = [{"index": 0, "function": older}] if isinstance(older, Mapping) else []
    for each in calls if isinstance(calls, list) else [calls]:
        if isinstance(each, Mapping):
            held = each.get("function")
            function = held if isinstance(held, Mapping) else each
            index = each.get("index")
            piece = _Piece(
                index=index if isinstance(index, int) and not isinstance(index, bool) else None,
                id=_text(each.get("id")),
                name=_text(function.get("name")),
                arguments=_arguments(function.get("arguments")),
            )
            if piece.id or piece.name or piece.arguments:
                yield piece


def _arguments(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise ProviderError("called a tool with arguments of too many levels") from None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

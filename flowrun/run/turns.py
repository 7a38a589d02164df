"""The journal of a conversation: its replies, what its tools gave, and what was begun.

A reply is kept the moment it comes. A tool that is not pure leaves an intent before it is called,
which its result replaces: an intent without a result is a call of which nobody knows whether it
took effect, and it is never made again unasked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Literal, TypeAlias

from flowrun.chat.messages import ChatReply
from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, digest
from flowrun.run import answers, values
from flowrun.store.base import Store


class Turns:
    """The replies of one conversation that called tools or were sent back.

    Each is kept under all that was said before it: a reply that comes out otherwise, because an
    earlier one was damaged, is followed by none of the old ones.
    """

    def __init__(self, store: Store, conversation: str) -> None:
        self._store = store
        self._so_far = digest("turns/1", {"conversation": conversation})
        self._is_kept = False

    def find(self, turn: int) -> ChatReply | None:
        """The kept reply; None if there is none."""
        kept = self._store.get(self._key(turn))
        reply = None if kept is None else answers.from_kept(kept, self._store.blob)
        self._is_kept = reply is not None
        return reply

    def keep(self, turn: int, reply: ChatReply) -> None:
        """Keeps a reply, unless it is the one just found; the conversation goes on from it."""
        key = self._key(turn)
        if not self._is_kept:
            answer, blobs = answers.to_kept(reply)
            self._store.put(key, {**answer, "created": int(time.time())}, blobs)
        self._so_far = digest("turns/1", {"after": key, "reply": _said(reply)})

    def _key(self, turn: int) -> str:
        return digest("turn/1", {"conversation": self._so_far, "turn": turn})


def _said(reply: ChatReply) -> JsonValue:
    return [reply.text, *([each.id, each.name, each.arguments] for each in reply.tool_calls)]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool's call gave, or the problem with it."""

    value: object = None
    problem: str = ""


State: TypeAlias = Literal["begun", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal says of a call: that it was begun, or what came of it.

    `process` is the number of the process that began it, if another that runs has that number.
    """

    state: State
    result: Result
    process: int | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """The calls of tools, each under a key that says whose it is."""

    store: Store

    def find(self, key: str) -> Entry | None:
        """What is known of a call, None if nothing.

        A result that cannot be read any more counts as begun: the call was made.
        """
        kept = self.store.get(key)
        if kept is None:
            return None
        match kept.get("state"), kept.get("problem"):
            case "failed", str(problem):
                return Entry("failed", Result(problem=problem))
            case "done", _:
                try:
                    return Entry("done", Result(values.from_kept(kept, self.store.blob)))
                except (LookupError, ValueError, TypeError):
                    pass
        return Entry("begun", Result(), _running(kept.get("process")))

    def begin(self, key: str, tool: str) -> None:
        """Notes that a call is about to be made."""
        self.store.put(key, {**_entry("begun", tool), "process": os.getpid()})

    def finish(self, key: str, tool: str, result: Result) -> None:
        """Keeps what came of a call."""
        if result.problem:
            self.store.put(key, {**_entry("failed", tool), "problem": result.problem})
        else:
            kept, blobs = values.to_kept(result.value)
            self.store.put(key, {**_entry("done", tool), **kept}, blobs)


def _running(process: JsonValue) -> int | None:
    """The number of another process that runs; None for any other."""
    if not isinstance(process, int) or process <= 0 or process == os.getpid():
        return None
    try:
        os.kill(process, 0)
    except PermissionError:
        return process
    except (ProcessLookupError, OverflowError):
        return None
    return process


def _entry(state: State, tool: str) -> Mapping[str, JsonValue]:
    return {"state": state, "tool": tool, "created": int(time.time())}

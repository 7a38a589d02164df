"""What providers want back of earlier replies, for clients that do not send it back.

Many clients keep of a reply what OpenAI's protocol knows: its text and its calls. Gemini and
Anthropic refuse or forget a conversation whose signed thoughts are gone. So the blocks of a reply
that calls tools are kept for its account, and found again by those calls: by the first one's id,
and only where all of them are what they were, for ids such as "call_1" come again.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from flowrun.chat.messages import Block, ChatRequest, Message, ToolCall
from flowrun.digest import digest

_KEY = "gateway-memory/1"


class _Kept(NamedTuple):
    blocks: tuple[Block, ...]
    size: int


class Memory:
    """Keeps the blocks of replies that called tools, the latest used ones.

    It holds at most so many replies, and at most so many characters of them as JSON.
    """

    def __init__(self, most: int = 10_000, *, most_characters: int = 64 * 2**20) -> None:
        self._most = most
        self._most_characters = most_characters
        self._size = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(
        self, account_id: str, reply_calls: Sequence[ToolCall], blocks: Sequence[Block]
    ) -> None:
        """Keeps the blocks of a reply under its calls; one without either leaves nothing."""
        if not reply_calls or not blocks:
            return
        key = _key(account_id, reply_calls)
        self._forget(key)
        size = sum(len(json.dumps(each)) for each in blocks)
        self._kept[key] = _Kept(tuple(blocks), size)
        self._size += size
        while len(self._kept) > self._most or self._size > self._most_characters:
            self._forget(next(iter(self._kept)))

    def restored(self, account_id: str, request: ChatRequest) -> ChatRequest:
        """The request, with the blocks that its assistant's turns had and do not tell."""
        if not self._kept:
            return request
        messages = tuple(self._with_blocks(account_id, each) for each in request.messages)
        if all(new is old for new, old in zip(messages, request.messages, strict=True)):
            return request
        return replace(request, messages=messages)

    def _with_blocks(self, account_id: str, message: Message) -> Message:
        if not message.tool_calls or message.blocks:
            return message
        key = _key(account_id, message.tool_calls)
        kept = self._kept.get(key)
        if kept is None:
            return message
        self._kept.move_to_end(key)
        return replace(message, blocks=kept.blocks)

    def _forget(self, key: str) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._size -= gone.size


def _key(account_id: str, calls: Sequence[ToolCall]) -> str:
    return digest(
        _KEY, [account_id, *([each.id, each.name, _spelled(each.arguments)] for each in calls)]
    )


def _spelled(arguments: str) -> str:
    """The arguments in one spelling: some clients read them and write them anew."""
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments

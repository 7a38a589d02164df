from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.images import Image
from flowrun.chat.messages import (
    ChatReply,
    ChatRequest,
    FinishReason,
    ImageUrl,
    Message,
    ResponseFormat,
    Text,
    ToolDefinition,
)
from flowrun.errors import AccessDenied, FlowrunError, ProviderError, Unavailable, Unsupported
from flowrun.providers.auto import Verdicts, able, choose, question, verdict
from flowrun.serving import AutoSettings
from tests.support.replies import png

SETTINGS = AutoSettings("e", "h", "i", "v", 10, "j")
PICTURE = Image.from_bytes(png("a"))
TOOL = ToolDefinition("t", "", {})


def asked(*parts: str | Image | ImageUrl, **more: object) -> ChatRequest:
    made = tuple(Text(each) if isinstance(each, str) else each for each in parts)
    return replace(ChatRequest("auto", (Message("user", made),)), **more)  # type: ignore[arg-type] # of any field


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (asked("a"), None),
        (asked("a" * 10), None),
        (asked("a" * 6, "a" * 5), "h"),
        (asked("a", tools=(TOOL,)), "h"),
        (asked("a", response_format=ResponseFormat("json_schema", "s", {})), "h"),
        (asked("a", response_format=ResponseFormat("json_object")), None),
        (asked(PICTURE), "v"),
        (asked(ImageUrl("https://example.org/a.png"), tools=(TOOL,)), "v"),
        (asked("a" * 99, modalities=("image",)), "i"),
        (asked(PICTURE, modalities=("text", "image")), "i"),
    ],
)
def test_the_request_decides_by_its_form(request_: ChatRequest, name: str | None) -> None:
    assert choose(request_, SETTINGS) == name


def test_all_messages_count_for_the_length() -> None:
    turns = tuple(Message("user", (Text("abcdef"),)) for _ in range(2))
    assert choose(ChatRequest("auto", turns), SETTINGS) == "h"


def test_a_judge_sees_the_end_and_is_asked_for_one_word() -> None:
    made = question(asked("begin" + "x" * 5000 + "end"), "cheap")
    shown = made.messages[1].parts[0]
    assert isinstance(shown, Text)
    assert (made.model, made.options) == ("cheap", {"max_completion_tokens": 256})
    assert "begin" not in shown.text
    assert "xend\n</request>" in shown.text


@pytest.mark.parametrize(
    ("text", "finish", "said"),
    [
        ("easy", "stop", "easy"),
        (' "Easy."\n', "stop", "easy"),
        ("hard", "stop", "hard"),
        ("easy", "length", "hard"),
        ("easy, I think", "stop", "hard"),
        ("", "stop", "hard"),
    ],
)
def test_whatever_is_not_plainly_easy_is_hard(text: str, finish: FinishReason, said: str) -> None:
    assert verdict(ChatReply(text, finish, "m")) == said


def test_what_all_choices_can_is_known_of_auto() -> None:
    text = Capabilities(True, False, True, True, True, True)
    drawing = Capabilities(True, True, False, False, False, False)
    assert able(text, text, text, drawing) == Capabilities(True, True, True, True, True, True)
    small = replace(text, tools=False, json_object=False)
    assert able(small, text, text, drawing).tools is True
    assert able(small, text, text, drawing).json_object is None
    assert able(text, text, small, drawing).tools is None
    assert able(text, text, text, Capabilities()) == replace(text, images_in=None, images_out=None)


class Judge:
    """Says these in turn, and counts."""

    def __init__(self, *said: str | FlowrunError) -> None:
        self.said = list(said)
        self.asked = 0

    async def __call__(self) -> ChatReply:
        self.asked += 1
        await asyncio.sleep(0)
        said = self.said.pop(0)
        if isinstance(said, FlowrunError):
            raise said
        return ChatReply(said, "stop", "m")


def test_a_judge_is_asked_once_for_equal_requests() -> None:
    async def main() -> tuple[list[str], int]:
        verdicts, judge = Verdicts(), Judge("easy", "hard")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(verdicts.of("j", asked("a"), judge)) for _ in range(5)]
        found: list[str] = [each.result() for each in tasks]
        found.append(await verdicts.of("j", asked("b"), judge))
        return found, judge.asked

    assert asyncio.run(main()) == (["easy"] * 5 + ["hard"], 2)


@pytest.mark.parametrize("error", [Unavailable("down"), Unsupported("no"), ProviderError("odd")])
def test_without_an_answer_it_is_hard_and_asked_again(error: FlowrunError) -> None:
    async def main() -> list[str]:
        verdicts, judge = Verdicts(), Judge(error, "easy")
        return [await verdicts.of("j", asked("a"), judge) for _ in range(2)]

    assert asyncio.run(main()) == ["hard", "easy"]


def test_a_judge_that_may_not_be_asked_is_no_secret() -> None:
    async def main() -> str:
        verdicts, judge = Verdicts(), Judge(AccessDenied("no key"), "easy")
        with pytest.raises(AccessDenied):
            await verdicts.of("j", asked("a"), judge)
        return await verdicts.of("j", asked("a"), judge)

    assert asyncio.run(main()) == "easy"


def test_the_oldest_verdicts_are_forgotten() -> None:
    async def main() -> int:
        verdicts, judge = Verdicts(most=2), Judge(*["easy"] * 9)
        for text in ("a", "b", "a", "c", "a", "b"):
            await verdicts.of("j", asked(text), judge)
        return judge.asked

    assert asyncio.run(main()) == 4

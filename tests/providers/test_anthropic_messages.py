from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.messages import Block, ImageUrl, Message, Part, Text, ToolCall
from flowrun.errors import Unsupported
from flowrun.providers.anthropic_messages import wire_turns
from tests.support.wire_bodies import DATA_URL, PICTURE

ASK = Message("user", (Text("a"),))
CALL = ToolCall("toolu_1", "now", "{}")
OTHER = ToolCall("toolu_2", "now", "{}")
THOUGHT: Block = {"type": "thinking", "thinking": "", "signature": "S"}
CARRIED: Block = {"by": "anthropic", "block": THOUGHT}


def turns(*messages: Message) -> Any:
    return wire_turns((ASK, *messages))[1:]


def said(text: str = "", *calls: ToolCall, blocks: tuple[Block, ...] = ()) -> Any:
    parts: tuple[Part, ...] = (Text(text),) if text else ()
    (turn,) = turns(Message("assistant", parts, calls, blocks=blocks))
    return turn["content"]


def result(identity: str, *parts: Part) -> Message:
    return Message("tool", parts, tool_call_id=identity)


def use(call: ToolCall = CALL, **given: object) -> dict[str, object]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": given}


def words(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize("text", ["", " \n"])
def test_pitfall_03_a_turn_that_only_calls_has_no_empty_text(text: str) -> None:
    assert said(text, CALL) == [use()]


def test_pitfall_04_results_come_first_in_the_turn() -> None:
    found = turns(
        Message("assistant", (), (CALL, OTHER)),
        Message("user", (Text("wait"),)),
        result("toolu_1", Text("1")),
        result("toolu_2"),
        Message("user", (Text("and?"),)),
    )
    assert [each["role"] for each in found] == ["assistant", "user"]
    assert found[1]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [words("1")]},
        {"type": "tool_result", "tool_use_id": "toolu_2"},
        words("wait"),
        words("and?"),
    ]


def test_pitfall_09_63_a_call_without_arguments_has_an_empty_object() -> None:
    for nothing in ("", " ", "null", "{}"):
        assert said("", ToolCall("toolu_1", "now", nothing)) == [use()]


@pytest.mark.parametrize("arguments", ["[]", "7", "{oops", '"x"', "[" * 100_000, "[0," * 300_000])
def test_pitfall_63_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(Unsupported) as caught:
        said("", ToolCall("a", "now", arguments))
    assert caught.value.param == "messages"
    assert 'the arguments of a call of "now" are no JSON object' in str(caught.value)


def test_pitfall_11_the_ids_of_others_are_made_fit_and_stay_apart() -> None:
    strange = ["call:1.x/" + "y" * 80, "call:1.x/" + "y" * 81, "", "é"]
    calls = tuple(ToolCall(each, "now", "{}") for each in strange)
    asked, answered = turns(Message("assistant", (), calls), *map(result, strange))
    sent = [each["id"] for each in asked["content"]]
    assert [each["tool_use_id"] for each in answered["content"]] == sent
    assert len(set(sent)) == 4
    assert all(each.isascii() and len(each) <= 64 for each in sent)
    assert sent[0].startswith("call_1_x_y")


def test_pitfall_08_a_thought_without_words_goes_back_before_the_call() -> None:
    blocks: tuple[Block, ...] = (CARRIED, {"by": "anthropic", "call": 0})
    assert said("", CALL, blocks=blocks) == [THOUGHT, use()]


def test_blocks_keep_their_places_between_texts_and_calls() -> None:
    blocks: tuple[Block, ...] = (
        {"by": "anthropic", "text": 2},
        CARRIED,
        {"by": "anthropic", "call": 0},
        {"by": "gemini", "block": {"x": 1}},
        CARRIED,
        {"by": "anthropic", "text": 3},
        {"by": "anthropic", "later": 1},
    )
    assert said("abcde", CALL, OTHER, blocks=blocks) == [
        words("ab"), THOUGHT, use(), THOUGHT, words("cde"), use(OTHER)
    ]  # fmt: skip


def test_text_that_was_changed_since_is_kept_whole() -> None:
    blocks: tuple[Block, ...] = (
        CARRIED,
        {"by": "anthropic", "text": 2},
        {"by": "anthropic", "text": 3},
    )
    assert said("a ***", blocks=blocks) == [THOUGHT, words("a "), words("***")]
    assert said("a *", blocks=blocks) == [THOUGHT, words("a *")]
    assert said("", CALL, blocks=blocks) == [THOUGHT, use()]


def test_a_call_that_was_left_out_since_is_not_missed() -> None:
    places: list[Block] = [{"by": "anthropic", "call": n} for n in range(3)]
    assert said("", CALL, blocks=(CARRIED, *places)) == [THOUGHT, use()]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (ImageUrl("http://e.org/x"), {"type": "url", "url": "http://e.org/x"}),
        (PICTURE, {"type": "base64", "media_type": "image/png", "data": DATA_URL[22:]}),
        (ImageUrl(DATA_URL), {"type": "base64", "media_type": "image/png", "data": DATA_URL[22:]}),
    ],
    ids=["address", "bytes", "data URL"],
)
def test_pitfall_14_pictures_stand_in_messages_and_in_results(
    part: Part, source: dict[str, object]
) -> None:
    shown = {"type": "image", "source": source}
    (turn,) = turns(
        Message("assistant", (), (CALL,)), result("toolu_1", Text("x"), part)
    )[1:]  # fmt: skip
    assert turn["content"][0]["content"] == [words("x"), shown]
    (turn,) = wire_turns([Message("user", (Text("a"), Text("b"), part, Text("c")))])
    assert isinstance(turn, dict)
    assert turn["content"] == [words("ab"), shown, words("c")]


@pytest.mark.parametrize("url", ["data:image/tiff;base64,AA", "data:image/png,AA", "file:///x", ""])
def test_a_picture_that_cannot_be_sent_is_refused(url: str) -> None:
    with pytest.raises(Unsupported, match="a picture must be a PNG, JPEG, GIF or WebP") as caught:
        wire_turns([Message("user", (ImageUrl(url),))])
    assert caught.value.param == "messages"


def test_a_picture_where_none_can_stand_is_refused() -> None:
    with pytest.raises(Unsupported, match="in a user's message or a tool's result only"):
        turns(Message("assistant", (PICTURE,)))


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (Message("system", (Text("be brief"),)),),
        (Message("assistant", (Text("hi"),)), ASK),
        (Message("user", (Text(" "),)),),
    ],
    ids=["nothing", "system only", "assistant first", "blank"],
)
def test_pitfall_62_a_conversation_begins_with_a_user(messages: tuple[Message, ...]) -> None:
    with pytest.raises(Unsupported) as caught:
        wire_turns(messages)
    assert caught.value.param == "messages"
    assert str(caught.value) == (
        "cannot take these messages: the first message beside the system's must be a user's, "
        "and say something"
    )


def test_turns_of_one_side_are_one() -> None:
    found = turns(
        Message("user", (Text("b"),)),
        Message("assistant", (Text(""),)),
        Message("user", (Text("c"),)),
        Message("assistant", (Text("d"),)),
        Message("assistant", (Text("e"),)),
    )
    assert [[each["text"] for each in turn["content"]] for turn in found] == [["d", "e"]]

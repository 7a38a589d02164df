from __future__ import annotations

from typing import Any

import pytest

from flowrun.chat.messages import Block, ImageUrl, Message, Part, Text, ToolCall
from flowrun.errors import Unsupported
from flowrun.providers.gemini_messages import UNSIGNED, wire_contents
from flowrun.providers.gemini_models import facts_of
from tests.support.gemini_types import valid_request
from tests.support.wire_bodies import DATA_URL, PICTURE

THIRD, SECOND = facts_of("gemini-3.1-pro-preview"), facts_of("gemini-2.5-pro")
ASK = Message("user", (Text("a"),))
CALL, OTHER, THIRD_CALL = (ToolCall(f"c{n}", name, "{}") for n, name in enumerate("fgh"))
FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc-1"
FIRST, SECOND_ONE, LAST, DRAWN = "Uy/+", "VA==", "RQ==", "SQ=="
"""Signatures, which are bytes."""
SHOWN = {"inlineData": {"mimeType": "image/png", "data": DATA_URL[22:]}}


def contents(*messages: Message, facts: Any = THIRD) -> Any:
    return valid_request({"contents": wire_contents((ASK, *messages), facts)})["contents"][1:]


def result(call: ToolCall, *parts: Part) -> Message:
    return Message("tool", parts or (Text("ok"),), tool_call_id=call.id)


def said(
    text: str = "", *calls: ToolCall, blocks: tuple[Block, ...] = (), facts: Any = THIRD
) -> Any:
    parts: tuple[Part, ...] = (Text(text),) if text else ()
    turn = Message("assistant", parts, calls, blocks=blocks)
    return contents(turn, *map(result, calls), facts=facts)[0]["parts"]


def made(call: ToolCall, signature: str = "") -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": {}}}
    return {**part, "thoughtSignature": signature} if signature else part


def note(**place: Any) -> Block:
    return {"by": "gemini", **place}


@pytest.mark.parametrize("facts", [THIRD, SECOND], ids=["third", "second"])
def test_pitfall_05_results_stand_in_one_content_in_the_calls_order(facts: Any) -> None:
    calls = (CALL, OTHER, THIRD_CALL)
    found = contents(
        Message("assistant", (), calls),
        result(OTHER, Text("2")),
        Message("user", (Text("wait"),)),
        result(THIRD_CALL, Text("3")),
        result(CALL, Text("1")),
        facts=facts,
    )
    assert [each["role"] for each in found] == ["model", "user", "user"]
    answers = [each["functionResponse"] for each in found[1]["parts"]]
    assert answers == [
        {"id": f"c{n}", "name": name, "response": {"output": str(n + 1)}}
        for n, name in enumerate("fgh")
    ]
    assert found[2]["parts"] == [{"text": "wait"}]


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([result(CALL)], 'the call "c1" of "g" has no result right after it'),
        ([], 'the call "c0" of "f" has no result right after it'),
        (
            [result(CALL), result(OTHER), result(THIRD_CALL)],
            'the result "c2" is of no call right before it',
        ),
        ([result(CALL), result(OTHER), result(CALL)], 'the result "c0" is of no call right'),
    ],
    ids=["one missing", "all missing", "another's", "twice"],
)
def test_pitfall_05_calls_and_results_must_pair(turns: list[Message], why: str) -> None:
    with pytest.raises(Unsupported) as caught:
        contents(Message("assistant", (), (CALL, OTHER)), *turns)
    assert caught.value.param == "messages"
    assert str(caught.value).startswith(f"cannot take these messages: {why}")


def test_one_id_may_name_a_call_of_each_step() -> None:
    step = (Message("assistant", (), (CALL,)), result(CALL))
    assert [each["role"] for each in contents(*step, *step)] == ["model", "user"] * 2
    twin = ToolCall(CALL.id, "g", "{}")
    found = contents(Message("assistant", (), (CALL, twin)), result(CALL), result(twin))
    assert [each["functionResponse"]["name"] for each in found[1]["parts"]] == ["f", "g"]


def test_pitfall_07_a_signature_goes_back_on_the_call_it_came_on_and_no_other() -> None:
    blocks = (note(call=0, signature="Uy/+"), note(call=1))
    assert said("", CALL, OTHER, blocks=blocks) == [made(CALL, "Uy/+"), made(OTHER)]
    second = (note(call=1, signature=SECOND_ONE),)
    assert said("", CALL, OTHER, blocks=second) == [made(CALL), made(OTHER, SECOND_ONE)]


def test_pitfall_06_everything_goes_back_as_it_stood() -> None:
    thought: Block = {"thought": True, "text": "Hm", "thoughtSignature": SECOND_ONE}
    blocks: tuple[Block, ...] = (
        note(text=2),
        note(block=thought),
        note(call=0, signature=FIRST),
        {"by": "anthropic", "block": {"x": 1}},
        note(text=1, signature=LAST),
        note(later=1),
    )
    assert said("abc", CALL, OTHER, blocks=blocks) == [
        {"text": "ab"},
        thought,
        made(CALL, FIRST),
        {"text": "c", "thoughtSignature": LAST},
        made(OTHER),
    ]


def test_pitfall_06_a_signature_may_come_back_without_any_place_but_its_calls() -> None:
    assert said("ab", CALL, blocks=(note(call=0, signature=FIRST),)) == [
        {"text": "ab"},
        made(CALL, FIRST),
    ]


def test_an_empty_text_is_sent_where_it_is_signed() -> None:
    blocks = (note(text=1), note(text=0, signature=LAST))
    assert said("a", blocks=blocks) == [{"text": "a"}, {"text": "", "thoughtSignature": LAST}]


def test_text_that_was_changed_since_is_kept_whole() -> None:
    blocks = (note(text=2), note(call=0, signature=FIRST), note(text=2, signature=LAST))
    assert said("a *", CALL, blocks=blocks) == [
        {"text": "a *"},
        made(CALL, FIRST),
        {"text": "", "thoughtSignature": LAST},
    ]


@pytest.mark.parametrize("index", [-7, -1, 1, 9])
def test_places_of_nothing_are_passed_over(index: int) -> None:
    blocks = (
        note(call=0, signature=FIRST),
        note(call=index, signature=SECOND_ONE),
        note(image=index),
    )
    assert said("", CALL, blocks=blocks) == [made(CALL, FIRST)]


def test_drawn_pictures_go_back_where_they_stood() -> None:
    turn = Message(
        "assistant",
        (Text("ab"), PICTURE),
        blocks=(note(text=1), note(image=0, signature=DRAWN), note(text=1)),
    )
    (found,) = contents(turn)
    assert found["parts"] == [{"text": "a"}, {**SHOWN, "thoughtSignature": DRAWN}, {"text": "b"}]
    (plain,) = contents(Message("assistant", (PICTURE, Text("x"))))
    assert plain["parts"] == [SHOWN, {"text": "x"}]


def test_pitfall_60_steps_of_others_get_the_word_for_none() -> None:
    found = contents(
        Message("assistant", (Text("x"),), (CALL, OTHER), blocks=({"by": "anthropic"},)),
        result(CALL),
        result(OTHER),
        Message("assistant", (), (CALL,), blocks=(note(call=0, signature=FIRST),)),
        result(CALL),
        Message("assistant", (), (OTHER,)),
        result(OTHER),
    )
    assert found[0]["parts"] == [{"text": "x"}, made(CALL, UNSIGNED), made(OTHER)]
    assert found[2]["parts"] == [made(CALL, FIRST)]
    assert found[4]["parts"] == [made(OTHER, UNSIGNED)]


def test_pitfall_60_models_that_sign_nothing_get_no_such_word() -> None:
    assert said("x", CALL, facts=SECOND) == [{"text": "x"}, made(CALL)]


def test_pitfall_11_names_and_ids_of_others_are_made_fit_and_stay_apart() -> None:
    strange = ["call 1.x/" + "y" * 200, "call 1.x/" + "y" * 201, "", "é"]
    calls = tuple(ToolCall(each, each, "{}") for each in strange)
    asked, answered = contents(Message("assistant", (), calls), *map(result, calls))
    sent = [each["functionCall"] for each in asked["parts"]]
    got = [each["functionResponse"] for each in answered["parts"]]
    for key in ("id", "name"):
        words = [each[key] for each in sent]
        assert words == [each[key] for each in got]
        assert len(set(words)) == 4
        assert all(each.isascii() and len(each) <= 64 and each[0] == "_" for each in words)
    kept = ToolCall("toolu_1", "mcp.x:y-z", "{}")
    assert said("", kept)[0]["functionCall"] == {"id": "toolu_1", "name": "mcp.x:y-z", "args": {}}


@pytest.mark.parametrize("nothing", ["", " ", "null", "{}"])
def test_pitfall_63_a_call_without_arguments_has_an_empty_object(nothing: str) -> None:
    assert said("", ToolCall("c0", "f", nothing))[0]["functionCall"]["args"] == {}


@pytest.mark.parametrize("arguments", ["[]", "7", "{oops", "[" * 100_000, "[0," * 300_000])
def test_pitfall_63_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(Unsupported) as caught:
        said("", ToolCall("a", "now", arguments))
    assert caught.value.param == "messages"
    assert 'the arguments of a call of "now" are no JSON object' in str(caught.value)


def test_pitfall_14_pictures_stand_in_results_where_they_can() -> None:
    found = contents(
        Message("assistant", (), (CALL,)), result(CALL, Text("see "), PICTURE, ImageUrl(FILE))
    )[1]["parts"]
    assert found == [
        {
            "functionResponse": {
                "id": "c0",
                "name": "f",
                "response": {"output": "see [image 1]"},
                "parts": [SHOWN],
            }
        },
        {"text": "[image 1]"},
        {"fileData": {"fileUri": FILE}},
    ]


def test_pitfall_14_older_models_see_them_beside_the_results() -> None:
    found = contents(
        Message("assistant", (), (CALL, OTHER)),
        result(CALL, PICTURE, Text("!")),
        result(OTHER, ImageUrl(DATA_URL)),
        facts=SECOND,
    )[1]["parts"]
    outputs = [each["functionResponse"]["response"]["output"] for each in found[:2]]
    assert outputs == ["[image 1]!", "[image 2]"]
    assert found[2:] == [{"text": "[image 1]"}, SHOWN, {"text": "[image 2]"}, SHOWN]


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (PICTURE, SHOWN),
        (ImageUrl(DATA_URL), SHOWN),
        (ImageUrl(FILE), {"fileData": {"fileUri": FILE}}),
    ],
    ids=["bytes", "data URL", "file"],
)
def test_pictures_stand_between_the_words(part: Part, sent: dict[str, Any]) -> None:
    (found,) = wire_contents([Message("user", (Text("a"), Text("b"), part, Text("c")))], THIRD)
    assert isinstance(found, dict)
    assert found["parts"] == [{"text": "ab"}, sent, {"text": "c"}]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x.png",
        "https://example.org/x.png",
        "https://generativelanguage.googleapis.com.evil.example/v1beta/files/a",
        "gs://bucket/x.png",
        "data:text/plain;base64,AA",
        "data:image/png,AA",
        "",
    ],
)
def test_pitfall_50_an_address_is_never_put_where_a_file_belongs(url: str) -> None:
    with pytest.raises(Unsupported) as caught:
        wire_contents([Message("user", (ImageUrl(url),))], THIRD)
    assert caught.value.param == "messages"
    assert "a picture must come whole, or be a file that was uploaded there" in str(caught.value)


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
        wire_contents(messages, THIRD)
    assert caught.value.param == "messages"
    assert str(caught.value) == (
        "cannot take these messages: the first message beside the system's must be a user's, "
        "and say something"
    )


def test_turns_of_one_side_are_one() -> None:
    found = contents(
        Message("assistant", (Text("b"),)),
        Message("system", (Text("s"),)),
        Message("assistant", (Text("c"),), (CALL,)),
        result(CALL),
        Message("assistant", ()),
        ASK,
        ASK,
    )
    assert [each["role"] for each in found] == ["model", "user", "user"]
    assert found[0]["parts"] == [{"text": "b"}, {"text": "c"}, made(CALL, UNSIGNED)]
    assert found[2]["parts"] == [{"text": "aa"}]

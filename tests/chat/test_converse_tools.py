"""The tool loop as `converse` has it: pure of what tools are and where replies are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from flowrun.chat.converse import Answer, Watch, converse
from flowrun.chat.messages import (
    Block,
    ChatReply,
    ChatRequest,
    Message,
    Part,
    Text,
    ToolCall,
    ToolDefinition,
)
from flowrun.chat.toolcalls import Judged, chosen, refused
from flowrun.digest import JsonValue
from flowrun.errors import ReplyError, ToolError
from flowrun.masking import Masker
from flowrun.providers.fake import Answer as Said
from flowrun.providers.fake import Fake

ANY = {"type": "object"}
TOOLS = (ToolDefinition("look", "", ANY), ToolDefinition("route", "", ANY))
CALL = ToolCall("1", "look", '{"at": "sky"}')


class Kit:
    """Tools that give their names, and what of a conversation they were given to keep."""

    def __init__(self, kept: Sequence[ChatReply] = (), most: int = 8) -> None:
        self.routes = ("route",)
        self.most_turns = most
        self.asked: list[tuple[int, Sequence[Judged]]] = []
        self.keeping = dict(enumerate(kept))

    def kept(self, turn: int) -> ChatReply | None:
        return self.keeping.get(turn)

    def keep(self, turn: int, reply: ChatReply) -> None:
        self.keeping[turn] = reply

    async def results(self, turn: int, calls: Sequence[Judged]) -> Sequence[tuple[Part, ...]]:
        self.asked.append((turn, calls))
        return [refused(e.problem) if e.problem else (Text(f"seen {e.name}"),) for e in calls]


def calls(*made: ToolCall) -> ChatReply:
    return ChatReply("", "tool_calls", "m", tool_calls=made)


def read(reply: ChatReply) -> str:
    """The reply's text, or the name of the route. Raises: ReplyError."""
    if found := chosen(reply, TOOLS, ("route",)):
        if found.arguments.get("no"):
            raise ReplyError("not that", text=reply.text, repairable=True)
        return found.name
    if "?" in reply.text:
        raise ReplyError("it asks", text=reply.text, repairable="??" not in reply.text)
    return reply.text


class Slot:
    """Counts who holds it, and how often it was taken."""

    def __init__(self) -> None:
        self.held = self.taken = 0

    async def __aenter__(self) -> None:
        self.held, self.taken = self.held + 1, self.taken + 1

    async def __aexit__(self, *_: object) -> None:
        self.held -= 1


def talk(
    fake: Fake,
    kit: Kit | None,
    *,
    choice: JsonValue = None,
    repairs: int = 1,
    masker: Masker | None = None,
    slot: Slot | None = None,
) -> Answer[str]:
    request = ChatRequest("m", (Message("user", (Text("u"),)),), tools=TOOLS, tool_choice=choice)
    watch = Watch(lambda _: None, lambda *_: None, masker=masker, slot=slot)
    talking = converse(fake, request, read=read, repairs=repairs, watch=watch, tools=kit)
    return asyncio.run(talking)


def test_a_reply_that_calls_is_answered_and_asked_on() -> None:
    fake, kit = Fake([calls(CALL), "blue"]), Kit()
    assert talk(fake, kit).value == "blue"
    assert kit.asked == [(0, [Judged("look", '{"at": "sky"}', {"at": "sky"})])]
    assert fake.requests[1].messages[1:] == (
        Message("assistant", (), (CALL,)),
        Message("tool", (Text("seen look"),), tool_call_id="1"),
    )
    assert kit.keeping == {0: calls(CALL)}


def test_a_kept_reply_is_not_asked_for() -> None:
    fake, kit = Fake(["blue"]), Kit([calls(CALL), calls(CALL)])
    assert talk(fake, kit).value == "blue"
    assert [turn for turn, _ in kit.asked] == [0, 1]
    assert len(fake.requests) == 1
    assert len(fake.requests[0].messages) == 5


def test_a_kept_reply_that_was_sent_back_is_sent_back_again() -> None:
    fake = Fake(["blue?", "blue"])
    kit = Kit()
    first = talk(fake, kit)
    again = Fake(["blue"])
    assert talk(again, Kit([kit.keeping[0]])).value == first.value
    assert again.requests[0] == fake.requests[1]


def test_the_last_reply_is_not_kept_whatever_it_is() -> None:
    for said in ("blue", "blue??"):
        kit = Kit()
        fake = Fake([said])
        if said == "blue":
            talk(fake, kit)
        else:
            with pytest.raises(ReplyError):
                talk(fake, kit)
        assert kit.keeping == {}


def test_only_the_newest_faulty_reply_is_shown_after_tools() -> None:
    fake = Fake([calls(CALL), "one?", "two?", "blue"])
    talk(fake, Kit(), repairs=2)
    assert [len(each.messages) for each in fake.requests] == [1, 3, 5, 5]


def test_a_faulty_reply_stays_where_the_model_went_on_from_it() -> None:
    fake = Fake(["one?", calls(CALL), "two?", "blue"])
    talk(fake, Kit(), repairs=2)
    assert [len(each.messages) for each in fake.requests] == [1, 3, 5, 7]


@pytest.mark.parametrize("most", [1, 2])
def test_calls_without_end_are_ended(most: int) -> None:
    kit = Kit(most=most)
    plural = "s" * (most > 1)
    with pytest.raises(
        ReplyError, match=f"^the model still calls tools after {most} turn{plural}$"
    ):
        talk(Fake([calls(CALL)]), kit)
    assert len(kit.asked) == len(kit.keeping) == most


def test_calls_that_are_invalid_count_as_turns() -> None:
    kit = Kit(most=2)
    with pytest.raises(ReplyError, match="still calls tools"):
        talk(Fake([calls(ToolCall("1", "no", "{}"))]), kit)
    assert len(kit.asked) == 2


def test_a_route_is_no_turn_of_calls() -> None:
    fake, kit = Fake([calls(CALL), calls(ToolCall("2", "route", "{}"))]), Kit(most=1)
    assert talk(fake, kit).value == "route"
    assert len(kit.asked) == 1


def test_a_route_that_cannot_be_used_is_told_so_as_its_result() -> None:
    faulty = calls(ToolCall("2", "route", '{"no": true}'))
    fake, kit = Fake([faulty, "blue"]), Kit()
    assert talk(fake, kit).value == "blue"
    assert fake.requests[1].messages[-1] == Message(
        "tool",
        (Text("error: This reply cannot be used: not that. Choose again."),),
        tool_call_id="2",
    )


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_a_forced_choice_is_free_after_a_call(choice: JsonValue) -> None:
    fake = Fake([calls(ToolCall("1", "no", "{}")), calls(CALL), calls(CALL), "blue"])
    talk(fake, Kit(), choice=choice)
    assert [each.tool_choice for each in fake.requests] == [choice, choice, "auto", "auto"]


def test_an_answer_in_words_is_faulty_where_a_call_is_forced() -> None:
    fake = Fake(["blue"])
    with pytest.raises(ReplyError, match="it calls no tool, and it must"):
        talk(fake, Kit(), choice="required")
    assert len(fake.requests) == 2


def test_a_cut_reply_is_judged_before_the_missing_call() -> None:
    with pytest.raises(ReplyError, match="it asks"):
        talk(Fake([ChatReply("??", "length", "m")]), Kit(), choice="required")


@pytest.mark.parametrize("kit", [Kit(), None])
def test_calls_that_nobody_offered_are_no_calls(kit: Kit | None) -> None:
    said: Said = ChatReply("blue", "stop", "m", tool_calls=(CALL,))
    assert talk(Fake([said]), kit, choice="none").value == "blue"
    assert kit is None or kit.asked == []


def test_what_tools_raise_ends_the_conversation() -> None:
    class Broken(Kit):
        async def results(self, turn: int, calls: Sequence[Judged]) -> Sequence[tuple[Part, ...]]:
            raise ToolError("gone")

    kit = Broken()
    with pytest.raises(ToolError, match="gone"):
        talk(Fake([calls(CALL)]), kit)
    assert kit.keeping == {0: calls(CALL)}


def test_secrets_in_calls_are_masked_before_anybody_sees_them() -> None:
    secret = "sk-0123456789abcdef"
    fake, kit = Fake([calls(ToolCall(secret, secret, f'{{"a": "{secret}"}}')), "blue"]), Kit()
    talk(fake, kit, masker=Masker([secret]))
    assert secret not in f"{kit.asked}{kit.keeping}{fake.requests[1:]}"


def test_a_slot_is_taken_for_each_request_and_held_by_no_tool() -> None:
    slot = Slot()

    class Watching(Kit):
        async def results(self, turn: int, calls: Sequence[Judged]) -> Sequence[tuple[Part, ...]]:
            assert slot.held == 0
            return await super().results(turn, calls)

    talk(Fake([calls(CALL), "blue?", "blue"]), Watching(), slot=slot)
    assert (slot.taken, slot.held) == (3, 0)


def test_blocks_go_back_as_they_came() -> None:
    thought: Block = {"by": "x", "block": {"thinking": "", "signature": "S=="}}
    said = replace(calls(CALL), blocks=(thought,))
    asking = ChatReply("what?", "stop", "m", blocks=(thought, {"by": "x", "text": 5}))
    fake = Fake([said, asking, "blue"])
    assert talk(fake, Kit()).value == "blue"
    assert fake.requests[1].messages[1] == Message("assistant", (), (CALL,), blocks=(thought,))
    assert fake.requests[2].messages[3].blocks == asking.blocks


def test_a_block_that_holds_a_secret_does_not_go_back() -> None:
    blocks: tuple[Block, ...] = (
        {"by": "x", "block": {"parts": ["a hunter22", 7]}},
        {"by": "x", "block": {"parts": ["a", None], "signature": "S=="}},
    )
    fake, kit = Fake([replace(calls(CALL), blocks=blocks), "blue"]), Kit()
    talk(fake, kit, masker=Masker(["hunter22"]))
    assert fake.requests[1].messages[1].blocks == kit.keeping[0].blocks == blocks[1:]

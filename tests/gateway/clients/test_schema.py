"""Each client asks each provider for data by a schema; OpenAI's also by its helpers."""

from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from flowrun.chat.messages import ChatReply, ToolCall
from flowrun.chat.usage import Usage
from tests.gateway.clients.conftest import World
from tests.support.clients import Client
from tests.support.dialects import Speaker
from tests.support.upstreams import Upstreams


class Lamp(BaseModel):
    name: str
    watts: int


class Shop(BaseModel):
    lamps: list[Lamp]
    kind: Literal["small", "large"]
    note: str | None


LAMP = '{"name": "Öl", "watts": 4}'
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "watts": {"type": "integer"}},
    "required": ["name", "watts"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "lamp", "strict": True, "schema": SCHEMA}}
REPLY = ChatReply(LAMP, "stop", "m-1", Usage(9, output_tokens=4))
ASKED: list[Any] = [{"role": "user", "content": "Name a lamp."}]


def label(speaker: Speaker) -> str:
    return f"{speaker.name}/{speaker.model}"


def test_data_by_a_schema(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY, REPLY)
    asked = {"model": label(speaker), "messages": ASKED, "response_format": FORMAT}
    whole = client.whole(**asked)["choices"][0]["message"]["content"]
    assert json.loads(whole) == json.loads(client.stream(**asked).text) == json.loads(LAMP)
    assert '"watts"' in upstreams.asked[0].body.decode()


def test_data_of_any_form(client: Client, speaker: Speaker, upstreams: Upstreams) -> None:
    upstreams.say(REPLY)
    asked = {"model": label(speaker), "messages": ASKED, "response_format": {"type": "json_object"}}
    assert json.loads(client.whole(**asked)["choices"][0]["message"]["content"]) == json.loads(LAMP)


@pytest.fixture(scope="session")
def helped(world: World) -> Any:
    with openai.OpenAI(
        base_url=f"{world.gateway.url}/v1", api_key=world.rich, max_retries=0
    ) as client:
        yield client


def test_openai_parses_into_a_class(
    helped: openai.OpenAI, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(REPLY, REPLY)
    asked: Any = {"model": label(speaker), "messages": ASKED, "response_format": Lamp}
    for completions in (helped.chat.completions, helped.beta.chat.completions):
        message = completions.parse(**asked).choices[0].message
        assert message.parsed == Lamp(name="Öl", watts=4)


def test_openai_parses_classes_inside_of_a_class(
    helped: openai.OpenAI, speaker: Speaker, upstreams: Upstreams
) -> None:
    shop = Shop(lamps=[Lamp(name="Öl", watts=4)] * 2, kind="large", note=None)
    upstreams.say(ChatReply(shop.model_dump_json(), "stop", "m-1", Usage(9, output_tokens=4)))
    asked: Any = {"model": label(speaker), "messages": ASKED, "response_format": Shop}
    assert helped.chat.completions.parse(**asked).choices[0].message.parsed == shop


def test_openai_streams_into_a_class(
    helped: openai.OpenAI, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(REPLY)
    asked: Any = {"model": label(speaker), "messages": ASKED, "response_format": Lamp}
    with helped.chat.completions.stream(**asked) as stream:
        kinds = {each.type for each in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.parsed == Lamp(name="Öl", watts=4)


def test_openai_streams_calls_into_a_class(
    helped: openai.OpenAI, speaker: Speaker, upstreams: Upstreams
) -> None:
    calls = (ToolCall("call_a", "Lamp", LAMP), ToolCall("call_b", "Lamp", LAMP))
    usage = Usage(9, output_tokens=4)
    upstreams.say(ChatReply("", "tool_calls", "m-1", usage, tool_calls=calls))
    asked: Any = {
        "model": label(speaker),
        "messages": ASKED,
        "tools": [openai.pydantic_function_tool(Lamp)],
    }
    with helped.chat.completions.stream(**asked) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    parsed = [each.function.parsed_arguments for each in message.tool_calls]
    assert parsed == [Lamp(name="Öl", watts=4)] * 2


def test_openai_tells_of_an_answer_that_was_cut(
    helped: openai.OpenAI, speaker: Speaker, upstreams: Upstreams
) -> None:
    upstreams.say(ChatReply('{"name": "Ö', "length", "m-1", Usage(9, output_tokens=4)))
    asked: Any = {"model": label(speaker), "messages": ASKED, "response_format": Lamp}
    with pytest.raises(openai.LengthFinishReasonError):
        helped.chat.completions.parse(**asked)


def test_openai_tells_of_a_refusal(
    helped: openai.OpenAI, speaker: Speaker, upstreams: Upstreams
) -> None:
    usage = Usage(9, output_tokens=4)
    upstreams.say(ChatReply("", "content_filter", "m-1", usage, refusal="Not this."))
    asked: Any = {"model": label(speaker), "messages": ASKED}
    message = helped.chat.completions.create(**asked).choices[0].message
    assert (message.content, message.refusal) == (None, "Not this.")

"""`flowrun serve` in an empty folder: the embedded model answers each client, and curl."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from flowrun.chat.images import Image
from tests.support.clients import CLIENTS, Client, Refused
from tests.support.serve_process import Served, served

pytestmark = pytest.mark.local
ASKED: list[Any] = [{"role": "user", "content": "Say hello."}]
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "c", "strict": True, "schema": SCHEMA}}
TOOL = {
    "type": "function",
    "function": {"name": "paint", "description": "Paints a wall.", "parameters": SCHEMA},
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with nothing configured and no key set."""
    with served(tmp_path_factory.mktemp("empty")) as found:
        yield found


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda each: each.name)
def somebody(request: pytest.FixtureRequest, alone: Served) -> Iterator[Client]:
    """Each client, with a key that nobody asks for."""
    found = request.param(alone.url, "none")
    yield found
    found.close()


def test_it_says_how_to_try_it(alone: Served) -> None:
    assert alone.said[0] == f"flowrun serves at {alone.url}/v1"
    assert "no key is needed" in alone.said[1]


def test_a_whole_answer(somebody: Client) -> None:
    found = somebody.whole(model="recommended", messages=ASKED, max_completion_tokens=12)
    assert found["choices"][0]["message"]["content"].strip()
    assert found["model"] == "local/smollm2-135m-instruct"
    assert found["usage"]["completion_tokens"] > 0


def test_a_stream(somebody: Client) -> None:
    heard = somebody.stream(model="fastest", messages=ASKED, max_completion_tokens=12)
    assert heard.text.strip()
    assert heard.finish in ("stop", "length")
    assert heard.chunks[-1]["usage"]["completion_tokens"] > 0


def test_data_by_a_schema(somebody: Client) -> None:
    asked: dict[str, Any] = {"model": "auto", "messages": ASKED, "response_format": FORMAT}
    whole = somebody.whole(**asked)["choices"][0]["message"]["content"]
    assert json.loads(whole)["colour"] in ("red", "blue")
    assert json.loads(somebody.stream(**asked).text)["colour"] in ("red", "blue")


def test_a_forced_tool_over_two_turns(somebody: Client) -> None:
    asked: dict[str, Any] = {"model": "recommended", "tools": [TOOL], "max_completion_tokens": 40}
    choice = somebody.whole(messages=ASKED, tool_choice="required", **asked)["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "paint"
    assert json.loads(call["function"]["arguments"])["colour"] in ("red", "blue")
    result = {"role": "tool", "tool_call_id": call["id"], "content": "painted"}
    turns = [*ASKED, choice["message"], result]
    found = somebody.whole(messages=turns, tool_choice="none", **asked)
    assert found["choices"][0]["finish_reason"] in ("stop", "length")


def test_a_picture(somebody: Client) -> None:
    messages = [{"role": "user", "content": "A lake at dusk."}]
    asked: dict[str, Any] = {"model": "image", "messages": messages, "modalities": ["image"]}
    message = somebody.whole(**asked)["choices"][0]["message"]
    (url,) = [each["image_url"]["url"] for each in message["images"]]
    drawn = Image.from_bytes(base64.b64decode(url.partition(",")[2]))
    assert drawn.mime_type == "image/png"
    assert "placeholder" in message["content"]
    assert somebody.stream(**asked).images == [url]


def test_what_it_cannot_do_is_told(somebody: Client) -> None:
    with pytest.raises(Refused) as caught:
        somebody.whole(model="recommended", messages=ASKED, modalities=["image"])
    assert (caught.value.status, caught.value.param) == (400, "modalities")


class Colour(BaseModel):
    colour: str


def test_openai_parses_into_a_class(alone: Served) -> None:
    with openai.OpenAI(base_url=f"{alone.url}/v1", api_key="none", max_retries=0) as client:
        asked: Any = {"model": "recommended", "messages": ASKED, "response_format": Colour}
        found = client.chat.completions.parse(**asked, max_completion_tokens=60, temperature=0)
    assert found.choices[0].message.parsed is not None


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "stream"])
def test_curl(alone: Served, is_streamed: bool) -> None:
    body = {"model": "recommended", "messages": ASKED, "stream": is_streamed}
    command = [
        *("curl", "--silent", "--no-buffer", "--fail-with-body"),
        f"{alone.url}/v1/chat/completions",
        *("-H", "content-type: application/json"),
        *("-d", json.dumps({**body, "max_completion_tokens": 12})),
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if is_streamed:
        assert printed.startswith("data: {")
        assert printed.endswith("data: [DONE]\n\n")
    else:
        assert json.loads(printed)["choices"][0]["message"]["content"].strip()

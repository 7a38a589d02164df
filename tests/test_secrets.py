"""A key that an endpoint tells to everybody is nowhere to be found."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.endpoint import endpoint
from tests.support.replies import completion, echo, error, event, piece, sse, unary
from tests.support.wire import Action, Seen

KEY = "sk-canary-0123456789abcdef"


def tells_the_key(seen: Seen) -> Iterator[Action]:
    """What a spiteful endpoint answers, in a manner that the prompt decides."""
    key = seen.headers.get("authorization", "").removeprefix("Bearer ")
    text = f"{seen.prompt}: your key is {key}, {key}"
    match seen.prompt.partition(" ")[0]:
        case "error":
            yield error(400, text)
        case "denied":
            yield error(401, text)
        case "json":
            yield unary(completion(seen, {"content": f'{{"key": "{key}"}}'}))
        case "hidden":
            hidden = "".join(f"\\u{ord(each):04x}" for each in key)
            yield unary(completion(seen, {"content": f'{{"key": "{hidden}", "{hidden}": 1}}'}))
        case "broken":
            yield unary(completion(seen, {"content": f'{{"key": "{key}" oops'}))
        case "refusal":
            yield unary(completion(seen, {"refusal": text}))
        case "image":
            yield from echo(seen)
        case "garbage":
            yield unary({"error": text})
        case _ if seen.stream:
            half = text.index(key) + 7
            parts = [text[:half], text[half:]]
            events = [event(piece(seen, {"content": each})) for each in parts]
            yield from sse([*events, event(piece(seen, {}, "stop"))])
        case _:
            body = completion(seen, {"content": text, "reasoning": text})
            yield unary({**body, "id": key, "model": key, "system_fingerprint": key})


SPITE = """
defaults: {repair: 0, retry: 0}
schemas: {key: {type: object, properties: {key: {type: string}}, required: [key]}}
steps:
  text: {prompt: text}
  after: {prompt: "text {{ text }}"}
  json: {prompt: json, response_format: key}
  data: {value: {deep: ["{{ json.key }}"]}}
  hidden: {prompt: hidden, response_format: key}
  cut: {prompt: "error LONG"}
  error: {prompt: error}
  denied: {prompt: denied, model: mine/other, on_error: ignore}
  broken: {prompt: broken, response_format: key}
  refusal: {prompt: refusal}
  garbage: {prompt: garbage}
  image: {prompt: image, modalities: [image]}
outputs:
  text: {file: text.txt, value: "{{ text }} {{ after }}"}
  data: {file: data.json, value: "{{ data }}"}
  shown: "{{ json }}"
  hidden: "{{ hidden }}"
  image: "{{ image }}"
"""


CONFIG = """
[endpoints.mine]
base_url = "{url}"
key_env = "MINE_API_KEY"
[models]
recommended = "mine/echo"
image = "mine/picture"
"""


def spellings(key: str) -> list[bytes]:
    """The key as it may be written."""
    found = {
        key,
        key[:12],
        base64.b64encode(key.encode()).decode(),
        quote(key, safe=""),
        json.dumps(key),
    }
    return [each.strip('"').encode() for each in found]


@pytest.mark.parametrize("flags", [[], ["--stream"], ["--json"]], ids=["plain", "stream", "json"])
def test_a_key_that_the_endpoint_tells_is_nowhere_to_be_found(
    tmp_path: Path, flags: list[str]
) -> None:
    # So long that the message is cut in the middle of the key.
    (tmp_path / "p.yaml").write_text(SPITE.replace("LONG", "x" * 260))
    with endpoint(tells_the_key) as server:
        (tmp_path / "flowrun.toml").write_text(CONFIG.format(url=server.url))
        ended = subprocess.run(
            [sys.executable, "-m", "flowrun.cli.main", "execute", "p.yaml", *flags],
            cwd=tmp_path,
            env={**os.environ, "MINE_API_KEY": KEY, "FLOWRUN_DEBUG": "1"},
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1, ended.stderr.decode()
    assert b"***" in ended.stderr + ended.stdout
    assert {each.headers["authorization"] for each in server.seen} == {f"Bearer {KEY}"}
    assert len(server.seen) == 11
    everything = {
        "stdout": ended.stdout,
        "stderr": ended.stderr,
        **{str(each): each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()},
    }
    assert any(name.endswith("text.txt") for name in everything)
    assert any(name.endswith(".jsonl") for name in everything)
    assert any("store" in name for name in everything)
    leaks = [name for name, data in everything.items() for each in spellings(KEY) if each in data]
    assert leaks == []

"""The scripted endpoint itself: what the other tests rest on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from typing import Any

import httpx2
import pytest

from tests.support.endpoint import BEHAVIOURS, ByModel, Server, endpoint
from tests.support.replies import instance, png
from tests.support.wire import Seen


def ask(server: Server, model: str, prompt: str = "hello", **fields: Any) -> httpx2.Response:
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}
    return httpx2.post(f"{server.url}/chat/completions", json=body, timeout=5)


def test_echo_says_what_it_was_asked() -> None:
    with endpoint() as server:
        reply = ask(server, "bench/echo").json()
    assert reply["choices"][0]["message"]["content"] == "hello"


def test_a_stream_adds_up_to_the_whole_answer() -> None:
    with endpoint() as server:
        reply = ask(server, "echo", "a text of some length " * 3, stream=True)
    events = [line[6:] for line in reply.text.split("\n") if line.startswith("data: {")]
    choices = [each for event in events for each in json.loads(event)["choices"]]
    assert "".join(each["delta"].get("content", "") for each in choices) == (
        "a text of some length " * 3
    )
    assert reply.text.endswith("data: [DONE]\n\n")


def test_data_follows_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 4},
            "marks": {"type": "array", "items": {"$ref": "#/$defs/mark"}, "minItems": 2},
        },
        "$defs": {"mark": {"type": "integer", "minimum": 7}},
    }
    assert instance(schema, "seed") == {"title": "titl", "marks": [7, 7]}


def test_pictures_are_real(tmp_path: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "picture.png"
    path.write_bytes(png("seed", 5, 3))
    with image.open(path) as opened:
        assert opened.size == (5, 3)
        opened.load()


def test_a_behaviour_may_end_after_some_attempts() -> None:
    with endpoint() as server:
        found = [ask(server, "chaos-503.2").status_code for _ in range(3)]
        other = ask(server, "chaos-503.2", "another conversation").status_code
    assert (found, other) == ([503, 503, 200], 503)


def test_mixed_faults_never_come_five_times_running() -> None:
    script = ByModel(mix_rate=1.0)
    seen = [_request("chaos-mix", attempt) for attempt in range(5)]
    answers = [b"".join(each for each in script(one) if isinstance(each, bytes)) for one in seen]
    assert answers[-1].startswith(b"HTTP/1.1 200")
    assert b'"content": "hello"' in answers[-1]


def _request(model: str, sequence: int) -> Seen:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]})
    return Seen(sequence, 0.0, "POST", "/v1/chat/completions", b"", body.encode())


def test_only_answers_written_whole_count_as_paid() -> None:
    with endpoint() as server:
        ask(server, "echo")
        with pytest.raises(httpx2.TransportError):
            ask(server, "chaos-cut")
    assert [each.model for each in server.paid] == ["echo"]
    assert server.seen[1].gone_at is not None


@pytest.mark.parametrize("name", ["reset-early", "close-early", "reset-headers", "reset-body"])
@pytest.mark.parametrize("stream", [False, True])
def test_broken_connections_break(name: str, stream: bool) -> None:
    with endpoint() as server, pytest.raises(httpx2.TransportError):
        ask(server, f"chaos-{name}", stream=stream)


def test_a_hung_request_does_not_hold_others() -> None:
    with endpoint() as server:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{server.url}/chat/completions", json={"model": "chaos-hang"}, timeout=0.1)
        assert ask(server, "echo").status_code == 200


def test_every_behaviour_answers_unary_and_streamed() -> None:
    for name, answer in BEHAVIOURS.items():
        for stream in (False, True):
            seen = _request(f"chaos-{name}", 0)
            seen.json["stream"] = stream
            assert next(iter(answer(seen)), None) is not None


def test_a_server_of_its_own_process_tells_what_it_saw() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.endpoint", "--latency-ms", "20"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        before = time.monotonic()
        httpx2.post(f"{url}/chat/completions", json={"model": "echo"}, timeout=5)
        assert time.monotonic() - before >= 0.02
        stats = httpx2.get(f"{url.removesuffix('/v1')}/stats").json()
        process.terminate()
    assert (stats["requests"], stats["answered"]) == (1, 1)


def test_the_network_is_out_of_reach() -> None:
    with pytest.raises(AssertionError, match="a test looked up"):
        socket.getaddrinfo("example.org", 80)
    with socket.socket() as endpoint_, pytest.raises(AssertionError, match="a test connected to"):
        endpoint_.connect(("192.0.2.1", 80))

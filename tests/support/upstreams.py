"""Every provider on one loopback server: each by its own protocol, all by one script.

The first part of a path names the endpoint, and whose protocol it speaks: `/anthropic/v1/messages`,
`/busy-gemini-1/v1beta/...` likewise Gemini's. What a request says is checked by the types of the
provider's own client package, and so is what is answered.

The script holds what is answered in turn; at `/picture.png` there is a picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from flowrun.chat.images import Image
from flowrun.chat.messages import ChatReply
from flowrun.chat.usage import Usage
from tests.support import gemini_types, openai_types
from tests.support.dialects import ANTHROPIC, GEMINI, GUMLOOP, OPENAI, OPENROUTER, Speaker
from tests.support.image_bodies import parts_of
from tests.support.openai_speaking import data_event
from tests.support.replies import SSE, data_url, image_item, png, sse, unary
from tests.support.wire import Action, End, Seen, chunk, head, whole

JSON = "application/json"
SPEAKERS: Mapping[str, Speaker] = {
    each.name: each for each in (OPENAI, OPENROUTER, GUMLOOP, ANTHROPIC, GEMINI)
}
ROOTS = {"gemini": "v1beta", "openrouter": "api/v1", "gumloop": "api/v1"}
PICTURE = png("a picture that lies somewhere")
DRAWN = Image.from_bytes(png("drawn"))
FRAME = Image.from_bytes(png("half drawn"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with an error's status, in the words of the protocol."""

    status: int
    kind: str
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """A stream that breaks after so many events of the reply.

    It reports an error; or it is just cut, or nothing more comes of it.
    """

    reply: ChatReply
    events: int
    kind: str = "overloaded_error"
    said: str = "too busy"
    is_cut: bool = False
    hangs: bool = False


Step: TypeAlias = ChatReply | Refusal | Broken


class Upstreams:
    """What is answered and what was asked; `faults` are requests that no provider would take."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.asked: list[Seen] = []
        self.faults: list[str] = []

    def say(self, *steps: Step) -> None:
        """Forgets everything, and answers so from now on."""
        self.steps[:], self.asked[:], self.faults[:] = steps, [], []

    @property
    def bodies(self) -> list[Any]:
        """The bodies of what was asked."""
        return [json.loads(each.body) for each in self.asked]

    def __call__(self, seen: Seen) -> Iterable[Action]:
        """What is done about one request."""
        if seen.method == "GET":
            return [whole(200, PICTURE, "image/png")]
        self.asked.append(seen)
        speaker = speaker_of(seen.path)
        try:
            _require_valid(speaker, seen)
        except (AssertionError, ValueError) as error:
            self.faults.append(f"{seen.path}: {error!r}: {seen.body!r:.2000}")
            return _refusal(speaker, Refusal(400, "invalid_request_error", "it is not valid"))
        if not self.steps:
            self.faults.append(f"{seen.path}: the script is at its end")
            return _refusal(speaker, Refusal(500, "api_error", "the script is at its end"))
        return _answer(speaker, seen, self.steps.pop(0))


def speaker_of(path: str) -> Speaker:
    """Whose protocol is spoken at a path."""
    name = path.strip("/").partition("/")[0].removeprefix("busy-").partition("-")[0]
    return SPEAKERS[name]


def table(root: str, name: str, key_env: str | None = None) -> str:
    """The table of an endpoint of flowrun.toml, whose server has that address."""
    speaker = speaker_of(name)
    dialect = speaker.name if speaker.name in ("anthropic", "gemini") else "openai"
    key = f'key_env = "{key_env}"\n' if key_env else ""
    path = ROOTS.get(speaker.name, "v1")
    return (
        f'[endpoints.{name}]\nbase_url = "{root}/{name}/{path}"\ndialect = "{dialect}"\n{key}'
        f'[prices."{name}/{speaker.model}"]\ninput = 1\noutput = 2\n'
    )


def picture_url(root: str) -> str:
    """Where the picture is."""
    return f"{root}/picture.png"


def _require_valid(speaker: Speaker, seen: Seen) -> None:
    name, value = speaker.key_header
    assert seen.headers.get(name) in (value, value.replace("secret", "own-secret"))
    if seen.path.endswith("/images/edits"):
        parts = parts_of(seen.body, seen.headers["content-type"])
        openai_types.valid_edit([str(each.get_param("name", header=_FORM)) for each in parts])
    elif seen.path.endswith("/images/generations"):
        openai_types.valid_drawing(seen.json)
    elif speaker is OPENAI:
        openai_types.valid_request(seen.json)
    else:
        speaker.valid(seen.json)


_FORM = "content-disposition"


def _answer(speaker: Speaker, seen: Seen, step: Step) -> Iterable[Action]:
    match step:
        case Refusal():
            return _refusal(speaker, step)
        case Broken():
            return _broken(speaker, step)
        case ChatReply() if "/images/" in seen.path:
            return _drawing(seen, step)
        case ChatReply() if _is_streamed(seen):
            return sse(_valid_events(speaker, step))
        case ChatReply():
            body = speaker.unary(step)
            _draw_into(speaker, body, step.images)
            return [unary(_valid_body(speaker, body))]


def _is_streamed(seen: Seen) -> bool:
    if b'name="stream"' in seen.body:
        return True
    is_form = "multipart" in seen.headers.get("content-type", "")
    return ":streamGenerateContent" in seen.path or (not is_form and seen.stream)


def _valid_body(speaker: Speaker, body: dict[str, Any]) -> dict[str, Any]:
    return openai_types.valid_message(body) if speaker is OPENAI else body


def _valid_events(speaker: Speaker, reply: ChatReply) -> list[bytes]:
    events = list(speaker.events(reply))
    if speaker is OPENAI:
        for each in events:
            if each.startswith(b"data: {"):
                openai_types.valid_chunk(json.loads(each.removeprefix(b"data: ")))
    if reply.images:
        at = next(n for n, each in enumerate(events) if speaker.ending in each)
        events[at:at] = [_frame(speaker, reply, each) for each in reply.images]
    return events


def _draw_into(speaker: Speaker, body: dict[str, Any], images: tuple[Image, ...]) -> None:
    """Puts the pictures into a whole reply, where the provider would."""
    if not images:
        return
    if speaker is GEMINI:
        content = body["candidates"][0].setdefault("content", {"role": "model", "parts": []})
        content["parts"] += [_inline(each) for each in images]
        gemini_types.valid_reply(body)
    else:
        message = body["choices"][0]["message"]
        message["images"] = [image_item(each.data) for each in images]


def _frame(speaker: Speaker, reply: ChatReply, image: Image) -> bytes:
    """An event with a picture."""
    if speaker is GEMINI:
        content = {"role": "model", "parts": [_inline(image)]}
        body = {"candidates": [{"index": 0, "content": content}], "responseId": reply.id}
        return data_event(gemini_types.valid_reply(body))
    delta = {"images": [image_item(image.data)]}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return data_event({"id": reply.id, "model": reply.model, "choices": [choice]})


def _inline(image: Image) -> dict[str, Any]:
    encoded = data_url(image.data).partition(",")[2]
    return {"inlineData": {"mimeType": image.mime_type, "data": encoded}}


def _drawing(seen: Seen, reply: ChatReply) -> Iterable[Action]:
    """What the images API answers: the last picture is the one, those before are on the way."""
    told = {
        "created": 1,
        "background": "opaque",
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
    }
    usage = _image_usage(reply.usage or Usage())
    encoded = [data_url(each.data).partition(",")[2] for each in reply.images]
    if not _is_streamed(seen):
        body = {**told, "data": [{"b64_json": encoded[-1]}], "usage": usage}
        return [unary(openai_types.valid_picture(body))]
    kind = "image_edit" if seen.path.endswith("/edits") else "image_generation"
    told["created_at"] = told.pop("created")
    events = [
        {"type": f"{kind}.partial_image", "b64_json": each, "partial_image_index": at, **told}
        for at, each in enumerate(encoded[:-1])
    ]
    done = {"type": f"{kind}.completed", "b64_json": encoded[-1], "usage": usage, **told}
    return sse(_event(openai_types.valid_frame(each)) for each in (*events, done))


def _event(body: dict[str, Any]) -> bytes:
    return f"event: {body['type']}\n".encode() + data_event(body)


def _image_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"text_tokens": usage.prompt_tokens, "image_tokens": 0},
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }


def _refusal(speaker: Speaker, step: Refusal) -> Iterable[Action]:
    body = json.dumps(speaker.failure(step.kind, step.said)).encode()
    return [whole(step.status, body, JSON, **dict(step.headers))]


def _broken(speaker: Speaker, step: Broken) -> Iterator[Action]:
    yield head(200, {"content-type": SSE})
    for each in speaker.events(step.reply)[: step.events]:
        yield chunk(each)
    if step.hangs:
        yield End.HANG
    if not step.is_cut:
        failure = json.dumps(speaker.failure(step.kind, step.said))
        yield chunk(f"event: error\ndata: {failure}\n\n".encode())
    yield End.CLOSE

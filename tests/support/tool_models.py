"""Models that call tools, well or badly: what a script says is put on the wire in many ways.

A script is a function of the conversation: it gives what to call, or the text to say.

    def search_twice(talk: Talk) -> Said:
        if talk.results:
            return f"found {talk.results}"
        return [call("search", query="lamps"), call("search", query="bulbs")]

    with endpoint(calling(search_twice)) as server: ...

TOOL_MODELS holds scripts by name: the model `tool-<name>` of the scripted endpoint, which is
also `chaos-tool-<name>`. The tools that they call are those that the request offers. All but
the endless ones say "done: " and the results once they have any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.support.replies import DONE, Body, completion, event, instance, piece, says, sse, unary
from tests.support.replies import text as says_text
from tests.support.wire import Action, Answer, Seen


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it goes over the wire; text stands there as it is, data is sent as data.

    `identity` is left out where it is None, and made from its place where it is "".
    """

    name: str
    arguments: Any
    identity: str | None = ""


Said: TypeAlias = str | list[Call]
"""A text, or calls that are made at once."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The conversation so far, as a script sees it.

    `results` are the tools' results since the user last spoke, `turns` how often the model has
    called tools. `tools` are the functions that are offered, by name.
    """

    opening: str
    results: tuple[str, ...]
    turns: int
    tools: Mapping[str, Mapping[str, Any]]
    choice: Any = None
    messages: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def fitting(self, name: str | None = None) -> Call:
        """A call of the named tool, or of the first, with arguments that fit."""
        name = name or next(iter(self.tools), "nothing")
        schema = self.tools.get(name, {}).get("parameters") or {"type": "object"}
        return call_with(name, json.dumps(instance(schema, self.opening)))


Script: TypeAlias = Callable[[Talk], Said]


def call(name: str, **arguments: Any) -> Call:
    """A call whose arguments are JSON text, as they should be."""
    return Call(name, json.dumps(arguments))


def call_with(name: str, arguments: Any) -> Call:
    """A call with these arguments as they are."""
    return Call(name, arguments)


def talk_of(seen: Seen) -> Talk:
    """A request as a script sees it."""
    body = seen.json
    messages = tuple(body.get("messages", ()))
    results: list[str] = []
    for each in messages:
        if each.get("role") == "tool":
            results.append(str(each.get("content")))
        elif each.get("role") == "user" and not _is_shown(each):
            results.clear()
    functions = [each["function"] for each in body.get("tools", ())]
    return Talk(
        opening=seen.opening,
        results=tuple(results),
        turns=sum(bool(each.get("tool_calls")) for each in messages),
        tools={each["name"]: each for each in functions},
        choice=body.get("tool_choice"),
        messages=messages,
    )


def _is_shown(message: Mapping[str, Any]) -> bool:
    """Whether a user's message only shows the images of results."""
    content = message.get("content")
    return isinstance(content, list) and str(content[0].get("text", "")).startswith("[image ")


def calling(script: Script, *, finish: str = "tool_calls", pieces: int = 7) -> Answer:
    """The script on the wire, whole or streamed with arguments in pieces of so many letters."""

    def answer(seen: Seen) -> Iterator[Action]:
        said = script(talk_of(seen))
        if isinstance(said, str):
            return says_text(seen, said)
        calls = [_on_wire(index, each) for index, each in enumerate(said)]
        if not seen.stream:
            return says(seen, {"content": None, "tool_calls": calls}, finish)
        return sse([*map(event, _streamed(seen, calls, finish, pieces)), DONE])

    return answer


def _on_wire(index: int, wanted: Call) -> Body:
    found: Body = {"index": index, "type": "function"}
    if wanted.identity is not None:
        found["id"] = wanted.identity or f"call-{index}"
    return {**found, "function": {"name": wanted.name, "arguments": wanted.arguments}}


def _streamed(seen: Seen, calls: list[Body], finish: str, size: int) -> Iterator[Body]:
    """The first piece of a call has its id and name, the others bits of its arguments."""
    yield piece(seen, {"role": "assistant", "content": None})
    for each in calls:
        function = each["function"]
        arguments = function["arguments"]
        if not isinstance(arguments, str):
            yield piece(seen, {"tool_calls": [each]})
            continue
        first = {**each, "function": {**function, "arguments": ""}}
        yield piece(seen, {"tool_calls": [first]})
        step = max(size, len(arguments) // 50)
        for at in range(0, len(arguments), step):
            bit = {"index": each["index"], "function": {"arguments": arguments[at : at + step]}}
            yield piece(seen, {"tool_calls": [bit]})
    yield piece(seen, {}, finish)


def once(make: Callable[[Talk], Said]) -> Script:
    """What `make` says as long as there are no results, then "done: " and the results."""
    return lambda talk: f"done: {' | '.join(talk.results)}" if talk.results else make(talk)


def raw_calls(**message: Any) -> Answer:
    """A message of this form for as long as there are no results, whatever is asked for."""

    def answer(seen: Seen) -> Iterator[Action]:
        talk = talk_of(seen)
        if talk.results:
            return says_text(seen, f"done: {' | '.join(talk.results)}")
        if seen.stream:
            chunks = [piece(seen, message), piece(seen, {}, "stop")]
            return sse([*map(event, chunks), DONE])
        return iter([unary(completion(seen, message, "stop"))])

    return answer


def as_told(talk: Talk) -> Said:
    """Calls that the first message of the user spells out: JSON, a list of name and arguments."""
    if not talk.opening.startswith("["):
        return "I was told nothing."
    return [Call(name, _text(arguments)) for name, arguments in json.loads(talk.opening)]


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _with(arguments: Any) -> Callable[[Talk], Said]:
    return lambda talk: [call_with(talk.fitting().name, arguments)]


def _twice(identity: str | None) -> Callable[[Talk], Said]:
    return lambda talk: [Call(c.name, c.arguments, identity) for c in [talk.fitting()] * 2]


def _as_data(talk: Talk) -> Said:
    fitting = talk.fitting()
    return [call_with(fitting.name, json.loads(fitting.arguments))]


def _one_after_the_other(talk: Talk) -> Said:
    names = list(talk.tools)
    return [talk.fitting(names[talk.turns])] if talk.turns < len(names) else "done"


def _four_turns(talk: Talk) -> Said:
    """All tools at once, four times, each with a `text` that no other call has."""
    if talk.turns == 4:
        return f"done: {talk.results[-1]}"
    return [call(name, text=f"{talk.opening} {name} {talk.turns}") for name in talk.tools]


def _mended(talk: Talk) -> Said:
    if talk.turns > 1:
        return f"done: {talk.results[-1]}"
    return [talk.fitting()] if talk.turns else [call_with(talk.fitting().name, "{oops")]


DEEP = '{"a":' * 5000 + "1" + "}" * 5000
HUGE = json.dumps({"query": "x" * 5_000_000})
STRANGE_ID = "id:1.x/" + "y" * 90

SCRIPTS: dict[str, Script] = {
    "one": once(lambda talk: [talk.fitting()]),
    "two": once(lambda talk: [talk.fitting(), talk.fitting()]),
    "each": once(lambda talk: [talk.fitting(name) for name in talk.tools]),
    "told": once(as_told),
    "then": _one_after_the_other,
    "four": _four_turns,
    "bad-args": once(_with('{"query": "lamps", ')),
    "schema-args": once(_with('{"unexpected": [true, {"a": null}]}')),
    "array-args": once(_with('["lamps"]')),
    "empty-args": once(_with("")),
    "null-args": once(_with(None)),
    "obj-args": once(_as_data),
    "huge-args": once(_with(HUGE)),
    "deep-args": once(_with(DEEP)),
    "twice-args": once(_with('{"query": "a", "query": "b"}')),
    "nan-args": once(_with('{"query": NaN}')),
    "unknown": once(lambda _: [call("rm_rf", path="/")]),
    "no-name": once(lambda _: [call("")]),
    "no-id": once(_twice(None)),
    "same-id": once(_twice("x")),
    "strange-id": once(_twice(STRANGE_ID)),
    "many": once(lambda talk: [talk.fitting()] * 40),
    "loop": lambda talk: [talk.fitting()],
    "bad-loop": lambda talk: [call_with(talk.fitting().name, "{")],
    "mend": _mended,
    "none": lambda talk: f"I call nothing: {talk.opening}",
}
"""Scripts by the end of their model's name."""

_F: Body = {"name": "search", "arguments": '{"query": "lamps"}'}

TOOL_MODELS: dict[str, Answer] = {
    **{f"tool-{name}": calling(script) for name, script in SCRIPTS.items()},
    "tool-stop": calling(SCRIPTS["two"], finish="stop"),
    "tool-cut": calling(SCRIPTS["one"], finish="length"),
    "tool-letters": calling(SCRIPTS["two"], pieces=1),
    "tool-legacy": raw_calls(function_call=_F),
    "tool-flat": raw_calls(tool_calls=[{**_F, "id": "1"}]),
    "tool-no-index": raw_calls(
        tool_calls=[{"id": "1", "function": _F}, {"id": "2", "function": _F}]
    ),
    "tool-same-index": raw_calls(
        tool_calls=[
            {"index": 0, "id": "1", "function": _F},
            {"index": 0, "id": "2", "function": _F},
        ]
    ),
    "tool-junk": raw_calls(tool_calls=[7, {}, {"function": []}, {"id": "1", "function": _F}]),
    "tool-words": raw_calls(
        content="Let me look.", tool_calls=[{"index": 0, "id": "1", "function": _F}]
    ),
}
"""What the endpoint does under these names."""

"""Replies that try to break out of a pipeline: none has an effect that the file does not allow."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import on_terminal
from tests.support.hostile import (
    DESK_KEY,
    HAS_PROC,
    OTHER_SECRET,
    PROVIDER_KEY,
    REDIRECTS,
    Ran,
    Shop,
    cast,
    gives,
    opened,
    says,
    speaks,
)
from tests.support.hostile_calls import DEEP, ESCAPES, EVERY, HUGE, LONG, SUM, TEMPLATE, Case
from tests.support.tool_models import TOOL_MODELS, Call, Said, Talk, call, call_with, calling
from tests.support.wire import Answer


def answered(shop: Shop, case: Case) -> Ran:
    """A run of the agent and the steps behind it."""
    ran = shop.run("quoted")
    assert sorted(shop.calls()) == sorted(map(list, case.runs))
    assert shop.paths() == list(case.visits)
    results = "\n".join(ran.results)
    assert [each for each in case.told if each not in results] == []
    assert ran.done.code == 0
    assert ran.prompts[-1] == f"after: done: {' | '.join(ran.results)}"
    return ran


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=f"{kind}-{n}") for kind, every in EVERY.items() for n, c in every.items()],
)
def test_calls_do_what_the_file_allows_and_nothing_else(tmp_path: Path, case: Case) -> None:
    with opened(tmp_path, cast(agent=says(case.said))) as shop:
        shop.check(answered(shop, case))


# Conversations


def for_ever(said: Said) -> Answer:
    return calling(lambda _: said)


@dataclass(frozen=True, slots=True)
class Talking:
    """What a model does in a whole conversation of one step, and how it ends.

    `notes` counts the calls that have an effect, `requests` what the model was asked.
    """

    step: str
    answer: Answer
    why: str = ""
    notes: int = 0
    requests: int = 1
    flags: Sequence[str] = ()


FAULTY = [call_with("note", "{")]
TALKS = {
    "calls-for-ever": Talking("agent", for_ever([call("note", text="x")]),
        "still calls tools after 4 turns", notes=4, requests=5),
    "faults-for-ever": Talking("agent", for_ever(FAULTY), "still calls tools", requests=5),
    "streamed-for-ever": Talking("agent", for_ever([call("note", text="x")]),
        "still calls tools", notes=4, requests=5, flags=["--stream"]),
    "unknown-for-ever": Talking("agent", for_ever([call(ESCAPES)] * 99), "still calls tools",
        requests=5),
    "crowded": Talking("agent", for_ever([call("note", text=list(range(600_000)))]),
        "JSON with more than 500,000 values"),
    "cut": Talking("agent", calling(lambda _: [call("note", text="x")], finish="length"),
        "cut off", requests=2),
    "filtered": Talking("agent", calling(lambda _: [call("note", text="x")],
        finish="content_filter"), "content filter"),
    "although-none": Talking("mute", for_ever([call("note", text="x")]), "calls a tool",
        requests=2),
    "although-none-offered": Talking("after", cast(agent=speaks("x"),
        after=for_ever([call("note", text="x")])), "calls a tool", requests=3),
    "two-routes": Talking("triage", for_ever([call("refund", order_id="1"),
        call("exchange", order_id="2")]), "still calls tools", requests=5),
    "route-and-tool": Talking("triage", for_ever([call("refund", order_id="1"),
        call("note", text="x")]), "still calls tools", requests=5),
    "route-of-wrong-type": Talking("triage", for_ever([call("refund", order_id=["1"])]),
        "still calls tools", requests=5),
    "route-with-more": Talking("triage", for_ever([call("exchange", order_id="1", tool="refund")]),
        "still calls tools", requests=5),
    "route-lacks": Talking("triage", for_ever([call("refund")]), "still calls tools", requests=5),
    "route-deep": Talking("triage", for_ever([call_with("refund",
        '{"order_id": "1", "x": ' + "[" * DEEP + "]" * DEEP + "}")]),
        "still calls tools", requests=5),
    "route-as-text": Talking("exchanged", speaks('{"tool": "exchange", "arguments": {}}')),
}  # fmt: skip


@pytest.mark.parametrize("talking", TALKS.values(), ids=TALKS)
def test_conversations_end_whatever_a_model_does(tmp_path: Path, talking: Talking) -> None:
    with opened(tmp_path, talking.answer) as shop:
        ran = shop.run(talking.step, flags=talking.flags)
        shop.check(ran)
    assert ran.done.code == bool(talking.why)
    assert talking.why in ran.done.err
    assert len(shop.calls()) == talking.notes
    assert len(ran.asked) == talking.requests


@pytest.mark.parametrize("name", TOOL_MODELS)
def test_no_model_of_the_test_endpoint_does_harm(tmp_path: Path, name: str) -> None:
    with opened(tmp_path, None, name=name) as shop:
        mail = json.dumps([["note", '{"text": "-rf"}'], ["show", {"word": "-rf"}]])
        ran = shop.run("clerk", mail=mail)
        shop.check(ran)
        if name == "tool-told":
            assert ran.results == ["noted -rf", 'error: "-rf" would be an option of the program']


# Routes, and what stands behind them


def route(order_id: str, **more: Any) -> Answer:
    return calling(lambda _: [call("refund", order_id=order_id, **more)])


@pytest.mark.parametrize(
    "order_id",
    [
        TEMPLATE,
        ESCAPES,
        "-rf --help",
        "$(touch ../outside/x)",
        "../../outside/x",
        "",
        "x" * 1_000_000,
    ],
    ids=["template", "escapes", "option", "substitution", "path", "empty", "huge"],
)
def test_arguments_of_a_route_are_data(tmp_path: Path, order_id: str) -> None:
    with opened(tmp_path, cast(triage=route(order_id))) as shop:
        ran = shop.run("letter")
        shop.check(ran)
    assert ran.done.code == 0
    assert shop.calls() == [["order", order_id]]
    shown = json.dumps({"number": order_id}, ensure_ascii=False)
    assert ran.prompts[-1] == f"letter: about {order_id}: {shown}"


def test_names_of_methods_are_fields_like_others(tmp_path: Path) -> None:
    more = dict.fromkeys(("items", "get", "__class__", "keys", "__init__", "tool"), "x")
    with opened(tmp_path, cast(triage=route("1", **more))) as shop:
        ran = shop.run("letter", "triage")
        shop.check(ran)
    assert ran.done.code == 0
    said = json.loads(shop.out()["triage.json"])
    assert said == {"tool": "refund", "arguments": {"order_id": "1", **more}}


# Data of a model, wherever a file can use data


@dataclass(frozen=True, slots=True)
class Planned:
    """Fields of a plan; the steps that use them, and what came of it."""

    fields: Mapping[str, Any]
    steps: Sequence[str] = ("plan",)
    why: str = ""
    files: Sequence[str] = ()
    runs: Sequence[Sequence[str]] = ()


def page(name: str, why: str = "", *files: str) -> Planned:
    return Planned({"name": name}, why=why, files=files)


def pages(*names: str, why: str = "", files: Sequence[str] = ()) -> Planned:
    return Planned({"items": names}, why=why, files=["pages/page.md", *files])


PLANS = {
    "file-up": page("../../../outside/victim.txt", "which leads out of the folder"),
    "file-up-inside": page("a/../../x", "which leads out of the folder"),
    "file-absolute": page("/etc/cron.d/x", "", "pages/etc/cron.d/x"),
    "file-link": page("../link/victim.txt", "which leads out of the folder"),
    "file-empty": page("", "it names a folder"),
    "file-folder": page(".", "it names a folder"),
    "file-nul": page("a\0b", "control character"),
    "file-escapes": page(ESCAPES, "control character"),
    "file-backslash": page("..\\..\\x", "backslash"),
    "file-long": page("x" * 5_000, "too long"),
    "file-long-part": page("x" * 300, "name too long"),
    "file-many-parts": page("x/" * 40 + "x", "more than 32 parts"),
    "file-temporary": page(".flowrun-0123456789abcdef.tmp", "being written"),
    "file-template": page("{{ 1234 * 4321 }}", "", "pages/{{ 1234 * 4321 }}"),
    "file-home": page("~", "", "pages/~"),
    "file-override": page("\u202egnp.exe", "", "pages/\u202egnp.exe"),
    "files-up": pages("fine", "../../../../outside/victim", why="leads out",
        files=["each/fine.txt"]),
    "files-twice": pages("a", "b", "a", why="twice", files=["each/a.txt", "each/b.txt"]),
    "files-link": pages("../link/victim", why="leads out"),
    "text-template": Planned({"text": TEMPLATE}, ["computed"], files=["pages/page.md"]),
    "text-option": Planned({"text": "--help", "verdict": "show"}, ["shown"],
        "would be an option", ["pages/page.md"]),
    "text-list": Planned({"text": "['-a']", "verdict": "show"}, ["shown"], "", ["pages/page.md"],
        [["log", "show", "['-a']"]]),
    "text-wrong-type": Planned({"text": ["--help"]}, ["shown"], "does not fit the schema"),
    "verdict-template": Planned({"verdict": "{{ 'show' }}"}, ["shown"], files=["pages/page.md"]),
    "items-options": Planned({"items": ["-rf", "$(x)"]}, ["noted"], "",
        ["pages/page.md", "each/-rf.txt", "each/$(x).txt"],
        [["note", "-rf", "1"], ["note", "$(x)", "1"]]),
    "items-nested": Planned({"items": [["x"]]}, ["noted"], "does not fit the schema"),
    "items-endless": Planned({"items": ["x"] * 100_001}, ["noted"],
        "more than 100,000 items", ["pages/page.md"]),
    "stars": Planned({"count": 99}, ["judged"], "stars", ["pages/page.md"]),
    "stars-huge": Planned({"count": 10**400}, ["judged"], "stars", ["pages/page.md"]),
    "text-too-long": Planned({"text": "x" * 3_000}, ["judged"], "text", ["pages/page.md"]),
    "input-file": Planned({"text": "@/etc/passwd"}, ["judged"], "", ["pages/page.md"],
        [["note", "review said @/etc/passwd", "1"]]),
    "argument-url": Planned({"name": "@evil.example"}, ["looked_up"], "", ["pages/@evil.example"]),
    "argument-up": Planned({"name": ".."}, ["looked_up"], "would be another one"),
    "argument-object": Planned({"more": {"a": TEMPLATE}}, ["looked_up"], "", ["pages/page.md"]),
    "arguments": Planned({"name": "-rf"}, ["ordered"], "", ["pages/-rf"], [["order", "-rf"]]),
    "field-attribute": Planned({"name": "__class__", "verdict": "choose"}, ["chosen"],
        'no field "__class__"', ["pages/__class__"]),
    "field-huge": Planned({"name": "x" * LONG, "verdict": "choose"}, ["chosen"], "no field"),
    "model-url": Planned({"name": "http://127.0.0.1:1/x"}, ["asked"], "unknown provider",
        ["pages/http:/127.0.0.1:1/x"]),
    "model-other": Planned({"name": "openai/gpt-x"}, ["asked"], "needs a key",
        ["pages/openai/gpt-x"]),
    "model-path": Planned({"name": "local//etc/passwd"}, ["asked"], "is not there",
        ["pages/local/etc/passwd"]),
    "model-escapes": Planned({"name": f"mine{ESCAPES}/x"}, ["asked"],
        "the model\'s name must be one line"),
    "model-huge": Planned({"name": "x" * LONG}, ["asked"],
        "the model\'s name must be one line"),
    "model-huge-served": Planned({"name": "mine/" + "x" * LONG}, ["asked"],
        "the model\'s name must be one line"),
}  # fmt: skip


@pytest.mark.parametrize("planned", PLANS.values(), ids=PLANS)
def test_data_of_a_model_stays_data(tmp_path: Path, planned: Planned) -> None:
    with opened(tmp_path, cast(plan=gives(**planned.fields))) as shop:
        ran = shop.run(*planned.steps)
        shop.check(ran)
    assert planned.why in ran.done.err
    assert ran.done.code == bool(planned.why)
    assert sorted(shop.calls()) == sorted(map(list, planned.runs))
    assert sorted(shop.out()) == sorted(planned.files)
    assert SUM not in ran.done.out + "".join(shop.out().values())


# A server


def server(*said: Call) -> Answer:
    return cast(librarian=says(list(said)))


def test_of_a_server_only_what_the_file_allows_is_called(tmp_path: Path) -> None:
    others = ("docs__die", "docs__fail", "docs.echo", "docs", "echo", "docs__picture", "docs__")
    wrong = [call("docs__echo", text=7), call("docs__echo"), call_with("docs__weather", "[]")]
    words = [call("docs__echo", text=f"{TEMPLATE}{ESCAPES}")]
    with opened(tmp_path, server(*map(call, others), *wrong, *words)) as shop:
        ran = shop.run("librarian")
        shop.check(ran)
    assert ran.done.code == 0
    assert all(each.startswith("error: ") for each in ran.results[:-1])
    assert json.loads(ran.results[-1]) == {"result": f"{TEMPLATE}{ESCAPES}"}
    assert len(ran.results) == 11
    assert shop.out()["found.json"].endswith(ran.results[-1])


def test_a_server_that_gives_too_much_is_ended_and_started_again(tmp_path: Path) -> None:
    first, second = [call("docs__huge", size=2 * HUGE)], [call("docs__echo", text="back")]
    with opened(tmp_path, cast(librarian=says(first, second))) as shop:
        ran = shop.run("librarian")
        shop.check(ran)
    assert ran.done.code == 0
    assert "more than 10 MB" in ran.results[0]
    assert ran.results[1] == '{"result": "back"}'


# As people run it


@pytest.mark.parametrize("flags", [["--stream"], ["--json"], ["-q"]], ids=lambda each: each[0])
def test_texts_and_faults_of_a_model_are_harmless_to_see(tmp_path: Path, flags: list[str]) -> None:
    said = f"{ESCAPES}\n{ESCAPES}{TEMPLATE}"
    plan = speaks(f"{ESCAPES}{{{ESCAPES}")
    with opened(tmp_path, cast(agent=speaks(said), after=speaks(said), plan=plan)) as shop:
        ran = shop.run("quoted", "computed", flags=flags)
        shop.check(ran)
    assert ran.done.code == 1
    assert TEMPLATE in shop.out()["answer.md"]


def test_no_redirect_leads_to_a_private_address(tmp_path: Path) -> None:
    calls = [call("item", item=f"redirect-{name}") for name in REDIRECTS]
    assert len(calls) <= 16
    with opened(tmp_path, cast(agent=says(calls))) as shop:
        ran = shop.run_outside("agent")
        shop.check(ran)
    assert ran.done.code == 0
    assert [each[:6] for each in ran.results] == ["error:"] * len(REDIRECTS)


@HAS_PROC
def test_the_environment_of_the_run_itself_tells_no_key(tmp_path: Path) -> None:
    def its_parent(talk: Talk) -> Said:
        parent = talk.results[0].rpartition(")")[2].split()[1]
        return [call("view", path=f"/proc/{parent}/environ")]

    with opened(
        tmp_path, cast(agent=says([call("view", path="/proc/self/stat")], its_parent))
    ) as shop:
        ran = shop.run_outside("quoted")
        shop.check(ran, [PROVIDER_KEY, DESK_KEY])
    assert ran.done.code == 0
    # The file lets the model read anything, and only keys are known to be secrets.
    assert "SHOP_API_KEY=***" in ran.results[1]
    assert f"OTHER_SECRET={OTHER_SECRET}" in ran.results[1]


def test_a_terminal_obeys_nothing_of_a_model(tmp_path: Path) -> None:
    said = [call(f"note{ESCAPES}"), call("note", text=ESCAPES), call("item", item="broken")]
    with opened(tmp_path, cast(agent=says(said))) as shop:
        code, _, screen = on_terminal(
            "execute", str(shop.folder / "shop.yaml"), "-s", "after", is_for_both=True
        )
    assert code == 0
    assert [
        each for each in ("\x1b]0;", "\x07", "\x1b[2J\x9b", "\x9b", "\u202e") if each in screen.raw
    ] == []


def test_a_run_that_goes_on_repeats_nothing_that_a_model_had_done(tmp_path: Path) -> None:
    with opened(tmp_path, for_ever([call("note", text="x")])) as shop:
        shop.run("agent")
        ran = shop.run("agent")
        shop.check(ran)
    assert ran.done.code == 1
    assert len(shop.calls()) == 4
    assert len(ran.asked) == 6


# That what is looked for would be found


def _offend(shop: Shop, offence: str) -> None:
    match offence:
        case "changed":
            (shop.outside / "victim.txt").write_text("touched")
        case "vanished":
            (shop.folder.parent / "home" / "victim.txt").unlink()
        case "new":
            (shop.folder.parent / "new.txt").touch()
        case "source":
            (shop.folder / "desk.py").write_text("")
        case "key":
            (shop.folder / "out" / "x").write_bytes(base64.b64encode(f"ab{DESK_KEY}c".encode()))
        case "visit":
            with socket.create_connection(("127.0.0.1", int(shop.canary.url.split(":")[2][:-3]))):
                shop.canary.settle()


@pytest.mark.parametrize("offence", ["changed", "vanished", "new", "source", "key", "visit"])
def test_an_offence_is_seen(tmp_path: Path, offence: str) -> None:
    with opened(tmp_path, cast()) as shop:
        ran = shop.run("after")
        shop.check(ran)
        _offend(shop, offence)
        with pytest.raises(AssertionError):
            shop.check(ran)


@HAS_PROC
def test_a_process_that_stays_is_seen(tmp_path: Path) -> None:
    with opened(tmp_path, cast()) as shop:
        ran = shop.run("after")
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=shop.folder):
            assert shop.left_running() == ["cat\0"]
        shop.check(ran)

"""The tools of a server as steps and models see them; with servers of the official package."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flowrun.chat.images import Image
from flowrun.errors import StepError
from flowrun.tools.base import ToolFacts
from flowrun.tools.mcp import wire_name
from tests.support.mcp_raw import tool
from tests.support.mcp_tooling import box, by_hand, declared, official, refusal


def facts(folder: Path, *pages: object, **server: Any) -> dict[str, ToolFacts]:
    async def run() -> dict[str, ToolFacts]:
        async with box(folder) as toolbox:
            found = await toolbox.ready(declared(command=by_hand(*pages), **server))
            return {name: each.facts for name, each in found.items()}

    return asyncio.run(run())


def test_a_server_from_the_index_tells_the_time(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC")

    async def run() -> object:
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared("clock", command=command))
            assert set(found) == {"get_current_time", "convert_time"}
            assert found["convert_time"].facts.definition.name == "clock__convert_time"
            return await found["convert_time"].call(
                {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
            )

    assert "'time_difference': '+9.0h'" in str(asyncio.run(run()))


def test_a_server_of_the_official_package_gives_values_of_every_kind(tmp_path: Path) -> None:
    async def run() -> None:
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared(command=official("stdio")))
            assert await found["echo"].call({"text": "hello"}) == {"result": "hello"}
            weather = await found["weather"].call({"city": "Oslo"})
            assert weather == {"city": "Oslo", "degrees": 21.5}
            assert found["weather"].facts.definition.description == "How warm it is."
            picture = await found["picture"].call({})
            assert isinstance(picture, Image)
            assert (picture.mime_type, picture.width) == ("image/png", 1)
            told = await refusal(found["fail"])
            assert told == "Error executing tool fail: there is no such order"
            died = await refusal(found["die"], status=3)
            last = 'exit status 3; it said last: "out of paper"'
            assert died == f'the MCP server "docs" ended: {last}'
            assert await found["echo"].call({"text": "back"}) == {"result": "back"}

    asyncio.run(run())


def test_a_server_of_the_official_package_that_changes_is_refused(tmp_path: Path) -> None:
    async def run() -> str:
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared(command=official("stdio", "--changing")))
            await refusal(found["die"], status=3)
            assert await found["weather"].call({"city": "Oslo"})
            return await refusal(found["echo"], text="hello")

    told = 'the MCP server "docs" changed its tool "echo" when it was started again'
    assert asyncio.run(run()) == told


def test_a_tool_is_told_as_its_server_lists_it(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    listed = tool("add", description="Adds.", inputSchema=schema, outputSchema=schema)
    found = facts(tmp_path, [listed])["add"]
    assert found.definition.name == "docs__add"
    assert found.definition.description == "Adds."
    assert (found.definition.parameters, found.returns) == (schema, schema)


def test_only_the_file_makes_a_tool_pure(tmp_path: Path) -> None:
    listed = [tool("read", annotations={"readOnlyHint": True, "idempotentHint": True})]
    assert not facts(tmp_path, listed)["read"].is_pure
    assert facts(tmp_path, listed, is_pure=True)["read"].is_pure


def test_only_allowed_tools_are_there(tmp_path: Path) -> None:
    listed = [tool("a"), tool("b"), tool("c", inputSchema={"type": "object", "minProperties": "x"})]
    assert list(facts(tmp_path, listed, allow=("b",))) == ["b"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["search", "read"], "read, search; did you mean search?"),
        ([], "none"),
        ([f"x{n:02}" for n in range(30)],
         ", ".join(f"x{n:02}" for n in range(20)) + ", …"),
    ],
    ids=["near", "none", "many"],
)  # fmt: skip
def test_an_allowed_tool_that_is_not_there_is_named(
    tmp_path: Path, names: list[str], told: str
) -> None:
    with pytest.raises(StepError) as caught:
        facts(tmp_path, [tool(name) for name in names], allow=("serch",))
    assert str(caught.value) == f'the MCP server "docs" has no tool "serch"; it has: {told}'


@pytest.mark.parametrize("kind", ["inputSchema", "outputSchema"])
def test_a_faulty_schema_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StepError) as caught:
        facts(tmp_path, [tool("add", **{kind: {"type": "object", "minProperties": "x"}})])
    told = str(caught.value)
    assert told.startswith('the MCP server "docs" describes its tool "add" by a faulty schema: ')


@pytest.mark.parametrize(
    "change",
    [
        {"description": "other"},
        {"inputSchema": {"type": "object", "required": ["x"]}},
        {"outputSchema": {"type": "object"}},
    ],
    ids=["description", "parameters", "returns"],
)
def test_another_listing_is_another_version(tmp_path: Path, change: dict[str, Any]) -> None:
    async def run() -> str:
        page.write_text(json.dumps({**tool("add"), **change}), "utf-8")
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared(command=command))
            return found["add"].facts.version

    page = tmp_path / "add.json"
    command = by_hand(["add.json"])
    changed, again = asyncio.run(run()), asyncio.run(run())
    change = {}
    assert changed == again != asyncio.run(run())


def test_another_command_is_another_version(tmp_path: Path) -> None:
    one = facts(tmp_path, [tool("a")])["a"].version
    assert one != facts(tmp_path, [tool("a")], [])["a"].version


def test_arguments_that_are_no_plain_json_are_refused(tmp_path: Path) -> None:
    async def run() -> str:
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared(command=by_hand([tool("echo")])))
            return await refusal(found["echo"], text="\ud800")

    assert asyncio.run(run()).startswith("the arguments are no plain JSON: ")


def test_a_result_that_is_not_what_the_server_promised_is_refused(tmp_path: Path) -> None:
    returns = {"type": "object", "required": ["n"]}
    listed = tool("raw", outputSchema=returns)

    async def run(**result: object) -> str:
        async with box(tmp_path) as toolbox:
            found = await toolbox.ready(declared(command=by_hand([listed])))
            return await refusal(found["raw"], result={"content": [], **result})

    assert "does not fit" in asyncio.run(run(structuredContent={}))
    assert "does not fit" in asyncio.run(run())


@pytest.mark.parametrize(
    ("server", "name", "wire"),
    [
        ("docs", "search", "docs__search"),
        ("docs", "get-time_2", "docs__get-time_2"),
        ("docs", "a.b/c", "docs__a_b_c_"),
        ("docs", "x" * 60, "docs__" + "x" * 49 + "_"),
        ("docs", "a__b", "docs__a__b_"),
        ("docs", "_b", "docs___b_"),
        ("docs", "ä", "docs____"),
    ],
)
def test_a_name_on_the_wire_is_short_and_plain(server: str, name: str, wire: str) -> None:
    found = wire_name(server, name, ())
    assert found == wire or (found.startswith(wire) and len(found) == len(wire) + 8)
    assert len(found) <= 64


def test_no_two_tools_share_a_name_on_the_wire() -> None:
    named = [("a", "b__c"), ("a__b", "c"), ("a_", "b"), ("a", "_b"), ("a", "b.c"), ("a", "b/c")]
    assert len({wire_name(*each, ()) for each in named}) == len(named)
    taken = [wire_name("docs", "a.b", ())]
    longer = wire_name("docs", "a.b", taken)
    assert longer not in taken
    assert len(longer) <= 64


def test_a_plain_name_that_is_taken_gets_another() -> None:
    assert wire_name("docs", "a", ["docs__a"]).startswith("docs__a_")

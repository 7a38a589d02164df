from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from flowrun.cli.models import ago, key_state
from flowrun.providers.base import Endpoint
from tests.cli.command import flowrun, write
from tests.support.endpoint import Server, endpoint
from tests.support.faults import echo_key
from tests.support.replies import unary
from tests.support.wire import Action, Seen

ROWS = [{"id": "zeta"}, {"id": "alpha", "owned_by": "x"}, {"id": "sly\x1b[31m"}, {"name": "none"}]
GROUPS = [{"groupLabel": "all", "options": [{"value": "chew", "label": "Chew"}, {"value": "ant"}]}]


def configure(server: Server, *more: str) -> None:
    lines = ["[endpoints.mine]", f'base_url = "{server.url}"', *more]
    write("flowrun.toml", "\n".join(lines))


def test_presets_and_endpoints_are_listed() -> None:
    write(
        "flowrun.toml",
        '[models]\nquick = "fake/echo"\nlost = "nowhere/x"\n[fake.bob]\nreplies = ["a"]',
    )
    done = flowrun("models")
    assert (done.code, done.err) == (0, "")
    lines = [line.split("  ") for line in done.out.splitlines()]
    shown = {line[0]: line[-1].strip() for line in lines}
    assert shown["name"] == "model"
    assert shown["fastest"] == "local/smollm2-135m-instruct"
    assert shown["quick"] == "fake/echo"
    assert shown["lost"].startswith('cannot be used: "nowhere/x" names the unknown provider')
    assert shown["fake"] == "echo, image, bob"
    assert shown["openai"] == "any"


def test_json_says_the_same_to_programs() -> None:
    found = json.loads(flowrun("models", "--json").out)
    assert found["presets"]["image"] == "local/placeholder"
    assert found["endpoints"]["openai"] == {
        "key": "OPENAI_API_KEY: not set",
        "models": "any",
    }


def test_the_tables_keep_to_the_width() -> None:
    done = flowrun("models", env={"COLUMNS": "70"})
    assert max(map(len, done.out.splitlines())) <= 70


def test_in_a_narrow_window_no_name_and_no_state_of_a_key_is_cut() -> None:
    done = flowrun("models", env={"COLUMNS": "30"})
    assert "…" not in done.out
    assert "OPENROUTER_API_KEY: not set" in done.out
    assert done.out.count("local/smollm2-135m-instruct") == 4


def test_models_are_named_or_counted_where_they_are_known() -> None:
    with endpoint(lambda _: [unary({"object": "list", "data": ROWS})]) as server:
        table = '[endpoints.{0}]\nbase_url = "{1}"\n'
        named = table.format("named", server.url) + 'models = ["large", "small"]\n'
        write("flowrun.toml", named + table.format("mine", server.url))
        flowrun("models", "named")
        flowrun("models", "mine")
    found = json.loads(flowrun("models", "--json").out)["endpoints"]
    assert found["named"]["models"] == "large, small"
    assert found["mine"]["models"] == "2 in the kept list"
    assert found["openai"]["models"] == "any"


def test_a_key_is_never_shown() -> None:
    key = "sk-a-very-secret-key"
    done = flowrun("models", env={"OPENAI_API_KEY": key})
    assert "OPENAI_API_KEY: set" in done.out
    assert key not in done.out + done.err


@pytest.mark.parametrize(
    ("variable", "environ", "said"),
    [(None, {}, "needs none"), ("K", {}, "K: not set"), ("K", {"K": " "}, "K: not set"),
     ("K", {"K": "x"}, "K: set")],
)  # fmt: skip
def test_the_state_of_a_key(variable: str | None, environ: dict[str, str], said: str) -> None:
    assert key_state(Endpoint("mine", "openai", key_env=variable), environ) == said


@pytest.mark.parametrize(
    ("body", "names"),
    [({"object": "list", "data": ROWS}, ["alpha", "sly", "zeta"]),
     ({"model_groups": GROUPS}, ["ant", "chew"])],
)  # fmt: skip
def test_an_endpoint_is_asked_for_its_list(body: dict[str, object], names: list[str]) -> None:
    def answer(seen: Seen) -> Iterable[Action]:
        assert (seen.method, seen.path) == ("GET", "/v1/models")
        return [unary(body)]

    with endpoint(answer) as server:
        configure(server)
        done = flowrun("models", "mine")
        listed = flowrun("models", "mine", "--json")
    assert (done.code, done.out.splitlines(), done.err) == (0, names, "")
    assert [each.replace("\x1b[31m", "") for each in json.loads(listed.out)] == names


def test_a_list_is_kept_and_shown_offline() -> None:
    with endpoint(lambda _: [unary({"object": "list", "data": ROWS})]) as server:
        configure(server)
        flowrun("models", "mine")
    shown = flowrun("models", "mine", "--offline")
    assert (shown.code, shown.out.splitlines()) == (0, ["alpha", "zeta"])
    assert shown.err == "as mine told less than a minute ago\n"
    listed = flowrun("models", "mine", "--offline", "--json")
    assert json.loads(listed.out) == ["alpha", "zeta"]


def test_a_list_that_was_never_kept_is_no_empty_one() -> None:
    done = flowrun("models", "openai", "--offline")
    said = "no list of openai is kept: flowrun models openai asks for one"
    assert (done.code, done.out, done.err) == (2, "", f"flowrun: {said}\n")
    assert flowrun("models", "local", "--offline").out.splitlines()[1:] == ["placeholder"]


def test_a_list_that_cannot_be_kept_is_shown_all_the_same() -> None:
    write(".flowrun", "a file")
    with endpoint() as server:
        configure(server)
        done = flowrun("models", "mine")
    assert (done.code, done.out.splitlines()) == (0, ["echo", "word"])
    assert done.err.startswith("warning: the list cannot be kept: ")


@pytest.mark.parametrize(
    ("age_s", "said"),
    [(59.0, "less than a minute"), (60.0, "1 minute"), (7300.0, "2 hours"), (2e5, "2 days")],
)
def test_an_age_is_told_in_its_largest_unit(age_s: float, said: str) -> None:
    assert ago(age_s) == said


def test_what_auto_chooses_between_is_shown() -> None:
    write("flowrun.toml", '[models]\nsmartest = "fake/echo"')
    line = next(each for each in flowrun("models").out.splitlines() if each.startswith("auto"))
    assert line.partition(" ")[2].strip() == (
        "by rule: local/smollm2-135m-instruct, fake/echo, local/placeholder"
    )


def test_an_empty_list_is_said() -> None:
    with endpoint(lambda _: [unary({"data": []})]) as server:
        configure(server)
        done = flowrun("models", "mine")
    assert (done.code, done.out, done.err) == (0, "", "mine lists no models\n")


@pytest.mark.parametrize(
    ("name", "models"),
    [("local", ["smollm2-135m-instruct", "placeholder"]), ("fake", ["echo", "image", "bob"])],
)
def test_models_of_this_process_are_known(name: str, models: list[str]) -> None:
    write("flowrun.toml", '[fake.bob]\nreplies = ["a"]')
    assert flowrun("models", name).out.splitlines() == models


@pytest.mark.parametrize(
    ("name", "message"),
    [("opnai", 'no endpoint is called "opnai"; did you mean openai?'),
     ("xyz", 'no endpoint is called "xyz"; endpoints: gumloop, openai, openrouter, '
     'anthropic, gemini, local, fake'),
     ("openai", "openai needs a key: set the environment variable OPENAI_API_KEY")],
)  # fmt: skip
def test_an_endpoint_that_cannot_be_asked_is_2(name: str, message: str) -> None:
    done = flowrun("models", name)
    assert (done.code, done.out, done.err) == (2, "", f"flowrun: {message}\n")


def test_an_endpoint_that_refuses_is_1_without_its_key() -> None:
    key = "sk-a-very-secret-key"
    with endpoint(echo_key(401)) as server:
        configure(server, 'key_env = "MINE_API_KEY"')
        done = flowrun("models", "mine", env={"MINE_API_KEY": key})
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("flowrun: mine ")
    assert "***" in done.err
    assert key not in done.err

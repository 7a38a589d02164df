"""Load and execute, as Python and the command line call them."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

import flowrun
from flowrun.api import Options, constant_models, examine, execute, execute_async, load
from flowrun.config import Config
from flowrun.errors import PipelineError, UsageError
from flowrun.run.events import Event, StepFinished, StepStreamed
from flowrun.run.execution import Execution
from tests.support.endpoint import Server, endpoint
from tests.support.replies import error, png
from tests.support.running import picture

KEY = "sk-canary-0123456789abcdef"
HELLO = """
inputs: {who: {type: string, default: you}}
defaults: {model: fake/echo}
steps: {a: {prompt: "hello {{ inputs.who }}"}}
outputs: {said: "{{ a }}"}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the test works in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "p.yaml") -> str:
    Path(name).write_text(dedent(text))
    return name


@pytest.fixture
def server() -> Iterator[Server]:
    """An endpoint that needs a key; flowrun.toml knows it."""
    with endpoint() as running:
        configure(running)
        yield running


def configure(server: Server, more: str = "") -> None:
    Path("flowrun.toml").write_text(
        f'[endpoints.mine]\nbase_url = "{server.url}"\nkey_env = "MINE_API_KEY"\n'
        f'[models]\nrecommended = "mine/echo"\nimage = "mine/picture"\n{more}'
    )


# Loading


def test_a_pipeline_is_loaded_and_checked(folder: Path) -> None:
    pipeline = load(written(HELLO))
    assert [task.id for task in pipeline.plan.tasks] == ["a"]
    assert pipeline.plan.name == "p"
    assert pipeline.folder.root == folder.resolve()
    assert not Path(".flowrun").exists()


def test_a_faulty_file_is_refused_with_every_fault() -> None:
    source = 'steps: {a: {prompt: "{{ b }}", promt: x}}'
    with pytest.raises(PipelineError) as caught:
        load(written(source))
    assert {each.code for each in caught.value.diagnostics} == {"unknown-step", "unknown-key"}
    with pytest.raises(PipelineError):
        execute("p.yaml")


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        load(name)


def test_the_configuration_of_the_pipelines_folder_holds(folder: Path) -> None:
    (folder / "deep").mkdir()
    Path("deep/flowrun.toml").write_text('[fake.one]\nreplies = ["one"]\n')
    Path("deep/p.yaml").write_text("steps: {a: {prompt: hi, model: fake/one}}")
    assert execute("deep/p.yaml").outputs == {"a": "one"}
    assert (folder / "deep" / ".flowrun").is_dir()


# Executing


def test_a_pipeline_is_executed_from_python() -> None:
    result = execute(written(HELLO), {"who": "Ada"})
    assert result.outputs == {"said": "hello Ada"}
    assert result.is_done
    assert result.steps["a"].model == "fake/echo"
    assert result.steps["a"].status == "done"
    assert execute("p.yaml", {"who": "Ada"}).steps["a"].status == "cached"


def test_the_public_names_do_the_same() -> None:
    assert flowrun.execute(flowrun.load(written(HELLO))).outputs == {"said": "hello you"}
    assert asyncio.run(flowrun.execute_async("p.yaml")).outputs == {"said": "hello you"}


def test_inputs_are_bound_before_anything_is_run() -> None:
    with pytest.raises(UsageError, match='no input is called "whom"; did you mean who'):
        execute(written(HELLO), {"whom": "x"})
    assert not Path(".flowrun").exists()


def test_default_files_are_read_from_the_pipelines_folder(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "p.png").write_bytes(png("seed"))
    Path("in/p.yaml").write_text(
        "inputs: {x: {type: image, default: p.png}}\nsteps: {a: {value: '{{ inputs.x }}'}}"
    )
    result = execute("in/p.yaml")
    assert result.outputs == {"a": picture()}
    assert Path("out/p/a.png").read_bytes() == png("seed")


def test_the_result_can_be_picked_by_step_and_model() -> None:
    written("""
    steps:
      a: {prompt: a, model: fake/echo}
      b: {prompt: "b {{ a }}", model: fake/echo}
      c: {prompt: c, model: fake/echo}
    """)
    result = execute("p.yaml", options=Options(select=["b"]))
    assert result.outputs == {"b": "b a"}
    with pytest.raises(UsageError, match='no step is called "d"'):
        execute("p.yaml", options=Options(select=["d"]))
    Path("flowrun.toml").write_text('[fake.other]\nreplies = ["other"]\n')
    result = execute("p.yaml", options=Options(select=["a"], models={"a": "fake/other"}))
    assert result.outputs == {"a": "other"}


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("aa", 'no step "aa" asks a model; did you mean a?'),
        ("zzz", 'no step "zzz" asks a model; steps that ask one: a'),
        ("v", 'no step "v" asks a model; '),
    ],
)
def test_a_model_for_a_step_that_asks_none_is_refused(step: str, problem: str) -> None:
    written("steps: {a: {prompt: a, model: fake/echo}, v: {value: 1}}")
    with pytest.raises(UsageError) as caught:
        execute("p.yaml", options=Options(models={step: "fake/echo"}))
    assert str(caught.value).startswith(problem)


def test_without_a_cache_nothing_is_kept_and_nothing_found() -> None:
    execute(written(HELLO))
    options = Options(cache=False)
    assert [execute("p.yaml", options=options).steps["a"].status for _ in range(2)] == ["done"] * 2
    assert execute("p.yaml").steps["a"].status == "cached"


def test_events_are_reported_and_the_execution_is_handed_out() -> None:
    events: list[Event] = []
    handed: list[Execution] = []
    options = Options(
        report=events.append, on_start=handed.append, run_id="my-run", is_watched=True
    )
    result = execute(written(HELLO), options=options)
    assert handed[0].run_id == result.run_id == "my-run"
    assert "".join(each.text for each in events if isinstance(each, StepStreamed)) == "hello you"


def test_an_execution_can_be_stopped_before_it_begins() -> None:
    result = execute(written(HELLO), options=Options(on_start=lambda run: run.stop()))
    assert (result.status, result.outputs) == ("interrupted", {})


def test_keep_going_tries_every_item() -> None:
    Path("flowrun.toml").write_text('[fake.f]\nrules = [{contains = "ok", reply = "fine"}]\n')
    written("steps: {a: {foreach: \"['bad', 'ok']\", prompt: '{{ item }}', model: fake/f}}")
    events: list[Event] = []
    options = Options(concurrency=1, keep_going=True, report=events.append)
    assert execute("p.yaml", options=options).status == "failed"
    items = [each for each in events if isinstance(each, StepFinished) and each.item is not None]
    assert [each.status for each in items] == ["failed", "done"]


# Folders


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("page", "page"),
        ("Product page 2.0", "Product page 2.0"),
        ("größe", "größe"),
        ("../../evil", ""),
        ("/etc", ""),
        ("..", ""),
        (".hidden", ""),
        ("a/b", ""),
        ("x" * 200, ""),
        ("ends with dot.", ""),
    ],
)
def test_outputs_stand_in_a_folder_of_the_pipelines_name(folder: Path, name: str, out: str) -> None:
    written(f"name: {json.dumps(name)}\nsteps: {{a: {{value: 1}}}}\n"
            "outputs: {o: {file: o.txt, value: x}}")  # fmt: skip
    (path,) = execute("p.yaml").files["o"]
    found = Path(path).resolve()
    assert found.parent.parent == (folder / "out").resolve()
    assert found.parent.name == (out or found.parent.name)


def test_the_folder_of_outputs_can_be_named(folder: Path) -> None:
    written("steps: {a: {value: 1}}\noutputs: {o: {file: o.txt, value: x}}")
    execute("p.yaml", options=Options(out="elsewhere/deep"))
    assert (folder / "elsewhere" / "deep" / "o.txt").read_text() == "x"


def test_state_is_for_its_owner_only() -> None:
    execute(written(HELLO))
    for each in Path(".flowrun").rglob("*"):
        mode = stat.S_IMODE(each.stat().st_mode)
        assert mode == (0o700 if each.is_dir() else 0o600), each


def test_a_state_folder_that_cannot_be_made_is_refused_before_anything_is_sent() -> None:
    Path(".flowrun").write_text("in the way")
    with pytest.raises(UsageError, match=r'".flowrun" cannot be made: .*FLOWRUN_STORE'):
        execute(written(HELLO))


# Keys


def test_a_key_that_is_not_set_is_refused_before_anything_is_sent(server: Server) -> None:
    written("steps: {a: {prompt: a}, b: {prompt: b, model: fake/echo, fallback: [mine/x]}}")
    with pytest.raises(UsageError, match=r"\Amine needs a key: set the environment variable MINE_"):
        execute("p.yaml")
    assert server.seen == []


def test_a_key_of_a_model_chosen_on_the_way_fails_its_step(server: Server) -> None:
    written("inputs: {m: {}}\nsteps: {a: {prompt: a, model: '{{ inputs.m }}'}}")
    result = execute("p.yaml", {"m": "mine/x"})
    assert result.steps["a"].reason == "mine needs a key: set the environment variable MINE_API_KEY"
    assert server.seen == []


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422], ids=str)
def test_what_would_fare_no_better_is_asked_once(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_API_KEY", KEY)
    written("steps: {a: {foreach: 'range(100) | list', prompt: '{{ item }}'}}")
    with endpoint(lambda _: iter([error(status, "no")])) as refusing:
        configure(refusing)
        result = execute("p.yaml", options=Options(concurrency=8, keep_going=True))
        assert result.status == "failed"
        limit = 8 if status in (401, 402, 403) else 100
        assert len(refusing.seen) <= limit
        assert len({each.body for each in refusing.seen}) == len(refusing.seen)


def test_a_run_over_http_asks_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", KEY)
    written("""
    steps:
      a: {foreach: "range(20) | list", prompt: "say {{ item }}"}
      b: {prompt: "{{ a | join(' ') }}"}
    """)
    with endpoint() as whole:
        configure(whole)
        first, second = execute("p.yaml"), execute("p.yaml")
        assert len(whole.seen) == 21
    assert (first.outputs, second.steps["b"].status) == (second.outputs, "cached")


def test_another_address_is_another_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", KEY)
    written("steps: {a: {prompt: hi}}")
    for _ in range(2):
        with endpoint() as each:
            configure(each)
            execute("p.yaml")
            assert len(each.seen) == 1


def test_a_running_loop_awaits_the_execution() -> None:
    async def main() -> Mapping[str, object]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(execute_async("p.yaml", {"who": name})) for name in "ab"]
        return {task.result().run_id: task.result().outputs["said"] for task in tasks}

    written(HELLO)
    assert sorted(asyncio.run(main()).values()) == ["hello a", "hello b"]  # type: ignore[type-var]  # texts


def test_examining_reports_every_fault_and_writes_nothing(folder: Path) -> None:
    checked = examine(written('steps: {a: {prompt: "{{ b }}", promt: x}}'))
    assert {each.code for each in checked.diagnostics} == {"unknown-step", "unknown-key"}
    assert examine(written(HELLO)).diagnostics == ()
    assert [each.name for each in folder.iterdir()] == ["p.yaml"]


def test_a_file_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match=r'\A"" is no file name\Z'):
        load("")


def test_the_models_of_blocks_and_of_files_that_are_used_are_known_too(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(
        "steps: {x: {prompt: x, model: fake/image, modalities: [image]}}"
    )
    file = tmp_path / "test.yaml"
    file.write_text(
        "steps: {b: {steps: {c: {prompt: x, model: fake/echo, fallback: [recommended]}}}, "
        "u: {uses: child.yaml}}"
    )
    plan = load(file, config=Config(state=tmp_path / "state", out=tmp_path / "out")).plan
    assert constant_models(plan, {}) == ["fake/echo", "recommended", "fake/image"]
    assert constant_models(plan, {"b.c": "fastest"})[0] == "fastest"

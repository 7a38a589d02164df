"""The pipelines that are shipped: each is sound, and runs offline on the embedded model."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

import flowrun
from flowrun.api import Options, examine, load
from flowrun.chat.images import Image

HOME = Path(__file__).parent.parent / "pipelines"
PIPELINES = sorted(HOME.glob("*.yaml"))
MODELS = {"fastest", "image"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_are_at_least_a_dozen() -> None:
    assert len(PIPELINES) >= 12


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_each_is_sound_and_names_its_schema(path: Path) -> None:
    assert examine(path).diagnostics == ()
    assert path.read_text("utf-8").startswith(
        "# yaml-language-server: $schema=../flowrun.schema.json\n"
    )


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_each_asks_presets_only_and_takes_a_seed(path: Path) -> None:
    plan = load(path).plan
    assert {ask.model for _way, ask in plan.asks()} <= MODELS
    assert "seed" in {each.name for each in plan.inputs}


def test_together_they_use_every_kind_of_step_and_of_flow() -> None:
    tasks = [task for path in PIPELINES for _way, task in load(path).plan.all_tasks()]
    assert {task.kind for task in tasks} == {"prompt", "value", "call", "uses", "block"}
    assert any(task.repeat is not None for task in tasks)
    tools = [tool for task in tasks for tool in task.tools()]
    assert {type(tool.action).__name__ for tool in tools} >= {
        "NoneType",
        "PythonFunction",
        "ShellCommand",
    }


@pytest.mark.local
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_each_runs_offline_and_writes_what_it_promises(path: Path, tmp_path: Path) -> None:
    result = flowrun.execute(path, {"seed": 7}, Options(out=str(tmp_path / "out")))
    assert dict(result.faults) == {}
    assert result.is_done
    look_at(result.files.values())


@pytest.mark.local
def test_release_notes_are_written_where_git_has_no_history(tmp_path: Path) -> None:
    path = tmp_path / "release_notes.yaml"
    shutil.copy(HOME / path.name, path)
    result = flowrun.execute(path, options=Options(out=str(tmp_path / "out")))
    assert result.is_done
    assert result.partial
    look_at(result.files.values())
    assert "Add a dark theme" in (tmp_path / "out" / "RELEASE.md").read_text("utf-8")


def look_at(files: Iterable[Sequence[str]]) -> None:
    written = [Path(each) for several in files for each in several]
    assert {each.suffix for each in written} & {".md"}
    for each in written:
        data = each.read_bytes()
        if each.suffix == ".json":
            assert json.loads(data)
        elif each.suffix == ".png":
            assert Image.from_bytes(data).mime_type == "image/png"
        else:
            assert len(data.decode().splitlines()) > 5

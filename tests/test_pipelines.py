"""The pipelines that are shipped: each is sound, and runs offline on the embedded model."""

import json
from pathlib import Path

import pytest

import flowrun
from flowrun.api import Options, examine, load
from flowrun.chat.images import Image

PIPELINES = sorted((Path(__file__).parent.parent / "pipelines").glob("*.yaml"))
MODELS = {"fastest", "image"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_are_at_least_five() -> None:
    assert len(PIPELINES) >= 5


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_each_is_sound_and_names_its_schema(path: Path) -> None:
    assert examine(path).diagnostics == ()
    assert path.read_text("utf-8").startswith(
        "# yaml-language-server: $schema=../flowrun.schema.json\n"
    )


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_each_asks_presets_only_and_takes_a_seed(path: Path) -> None:
    plan = load(path).plan
    assert {task.ask.model for task in plan.tasks if task.ask is not None} <= MODELS
    assert "seed" in {each.name for each in plan.inputs}


@pytest.mark.local
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_each_runs_offline_and_writes_what_it_promises(path: Path, tmp_path: Path) -> None:
    result = flowrun.execute(path, {"seed": 7}, Options(out=str(tmp_path / "out")))
    assert dict(result.faults) == {}
    assert result.is_done
    written = [Path(each) for files in result.files.values() for each in files]
    assert {each.suffix for each in written} & {".md"}
    for each in written:
        data = each.read_bytes()
        if each.suffix == ".json":
            assert json.loads(data)
        elif each.suffix == ".png":
            assert Image.from_bytes(data).mime_type == "image/png"
        else:
            assert len(data.decode().splitlines()) > 5

"""One pipeline file, unchanged, against models of every kind: only flowrun.toml differs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import flowrun
from flowrun.providers.llama import threads
from flowrun.providers.weights import SMOLLM2
from flowrun.reports.record import read
from tests.cli import command
from tests.support.endpoint import Server, endpoint

PIPELINE = """\
name: town
inputs:
  town: {type: string, default: Lisbon}
schemas:
  facts:
    type: object
    properties:
      country: {type: string, minLength: 4, maxLength: 20}
      sights:
        {type: array, items: {type: string, minLength: 4, maxLength: 24}, minItems: 2, maxItems: 2}
    required: [country, sights]
    additionalProperties: false
defaults: {model: fastest, temperature: 0, max_completion_tokens: 60}
steps:
  facts:
    prompt: Name the country of {{ inputs.town }}, and two sights.
    response_format: facts
  advice:
    foreach: facts.sights
    as: sight
    prompt: Say in a few words why to see {{ sight }} in {{ inputs.town }}.
    max_completion_tokens: 200
    stop: ["."]
  card:
    model: image
    modalities: [image]
    prompt: A postcard from {{ inputs.town }} in {{ facts.country }}, with {{ facts.sights[0] }}
outputs:
  facts: "{{ facts }}"
  advice: "{{ advice }}"
  card: {file: card.png, value: "{{ card }}"}
  models: "{{ [run.facts.model, run.advice.model, run.card.model] }}"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A project whose flowrun.toml leads the presets somewhere."""

    folder: Path
    model: str
    image: str = "local/placeholder"
    server: Server | None = None

    def execute(self, *words: str) -> command.Done:
        """Runs the pipeline without kept answers."""
        return command.flowrun("execute", "town.yaml", "--no-cache", "--json", *words)


def placed(folder: Path, configuration: str) -> Path:
    (folder / "town.yaml").write_text(PIPELINE)
    (folder / "flowrun.toml").write_text(dedent(configuration))
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def scripted(here: Path) -> Iterator[Place]:
    """A scripted server, which makes the pictures as well."""
    with endpoint() as server:
        placed(here, f"""
            [models]
            fastest = "bench/echo"
            image = "bench/echo"
            [endpoints.bench]
            base_url = "{server.url}"
        """)  # fmt: skip
        yield Place(here, "bench/echo", "bench/echo", server)


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """The URL of the embedded engine's own server."""
    models = os.environ.get("FLOWRUN_MODELS") or Path.home() / ".cache" / "flowrun" / "models"
    weights = Path(models) / SMOLLM2.filename
    if not weights.exists():
        pytest.skip("the weights of the embedded model are not on this machine")
    xllamacpp = pytest.importorskip("xllamacpp")
    with _served(xllamacpp, weights) as url:
        yield url


KEY = "sk-of-the-engine-itself"


@contextmanager
def _served(xllamacpp: Any, weights: Path) -> Iterator[str]:
    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights)
    settings.model_alias = {"smol"}
    settings.n_ctx = 4096
    settings.n_parallel = 2
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads()
    settings.warmup = False
    settings.verbosity = 0
    settings.ui = False
    settings.api_keys = [KEY]
    server = xllamacpp.Server(settings)
    assert server.listening_address.startswith("http://127.0.0.1:")
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture
def served(here: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The embedded engine's own server; pictures stay placeholders."""
    placed(here, f"""
        [models]
        fastest = "engine/smol"
        [endpoints.engine]
        base_url = "{engine}"
        key_env = "ENGINE_API_KEY"
    """)  # fmt: skip
    monkeypatch.setenv("ENGINE_API_KEY", KEY)
    return Place(here, "engine/smol")


def check(place: Place, done: command.Done) -> Mapping[str, Any]:
    """Sees that a run gave valid outputs and said which model; gives what it printed."""
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    assert (found["status"], found["absent"]) == ("done", {})
    outputs = found["outputs"]
    facts = outputs["facts"]
    assert set(facts) == {"country", "sights"}
    assert 4 <= len(facts["country"]) <= 20
    assert [4 <= len(each) <= 24 for each in facts["sights"]] == [True, True]
    assert len(outputs["advice"]) == 2
    assert all(isinstance(each, str) and each for each in outputs["advice"])
    assert outputs["models"] == [place.model, place.model, place.image]
    data = (place.folder / "out" / "town" / "card.png").read_bytes()
    assert flowrun.Image.from_bytes(data).sha256 == outputs["card"]["sha256"]
    assert {name: each["model"] for name, each in found["steps"].items()} == {
        "facts": place.model,
        "advice": place.model,
        "card": place.image,
    }
    assert found["usage"]["output_tokens"] > 0
    _check_record(place, found["run"])
    return found


def _check_record(place: Place, run: str) -> None:
    events = read(place.folder / ".flowrun" / "runs" / f"{run}.jsonl")
    models = {(each["step"], each["model"]) for each in events if each["event"] == "StepFinished"}
    assert models == {("facts", place.model), ("advice", place.model), ("card", place.image)}


def test_a_scripted_server_answers_unary_and_streamed_alike(scripted: Place) -> None:
    unary = check(scripted, scripted.execute())
    streamed = scripted.execute("--stream")
    assert check(scripted, streamed)["outputs"] == unary["outputs"]
    assert "advice[1] | Say in a few words why to see " in streamed.err
    assert scripted.server is not None
    assert [each.stream for each in scripted.server.seen] == [False] * 4 + [True] * 4


@pytest.mark.local
def test_the_embedded_engines_own_server_answers_unary_and_streamed(served: Place) -> None:
    unary = check(served, served.execute())
    streamed = served.execute("--stream")
    assert check(served, streamed)["outputs"]["facts"] == unary["outputs"]["facts"]
    assert "facts | {" in streamed.err


@pytest.mark.local
def test_the_embedded_model_answers_without_a_configuration(here: Path, engine: str) -> None:
    placed(here, "")
    place = Place(here, "local/smollm2-135m-instruct")
    check(place, place.execute())


def test_the_file_is_sound_with_either(scripted: Place) -> None:
    assert command.flowrun("check", "town.yaml").err == "town.yaml: sound\n"


def test_python_gives_what_the_command_line_gives(scripted: Place) -> None:
    found = check(scripted, scripted.execute())
    options = flowrun.Options(out="by-python", cache=False)
    result = flowrun.execute("town.yaml", {"town": "Lisbon"}, options)
    awaited = asyncio.run(flowrun.execute_async("town.yaml", options=options))
    for each in (result, awaited):
        assert isinstance(each, flowrun.RunResult)
        assert (each.status, each.is_done) == ("done", True)
        card = each.outputs["card"]
        assert isinstance(card, flowrun.Image)
        assert card.sha256 == found["outputs"]["card"]["sha256"]
        plain = {name: value for name, value in each.outputs.items() if name != "card"}
        assert plain == {name: value for name, value in found["outputs"].items() if name != "card"}
        (path,) = each.files["card"]
        assert Path(path).read_bytes() == card.data
        assert each.steps["facts"].model == "bench/echo"
        assert each.usage.as_json() == found["usage"]


def test_python_shares_kept_answers_with_the_command_line(scripted: Place) -> None:
    assert command.flowrun("execute", "town.yaml", "-q").code == 0
    result = flowrun.execute(flowrun.load("town.yaml"))
    assert {each.status for each in result.steps.values()} == {"cached"}
    assert scripted.server is not None
    assert len(scripted.server.seen) == 4

"""`flowrun serve FOLDER`: each client asks a pipeline as if it were a model."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowrun.chat.images import Image
from tests.support.clients import CLIENTS, Client, Refused
from tests.support.replies import data_url, png
from tests.support.serve_process import Served, new_key, served

PRAISE = """
description: Praises a thing.
inputs:
  thing: {type: string}
  times: {type: integer, default: 1}
steps:
  line: {model: fake/echo, prompt: "Praise {{ inputs.thing }} {{ inputs.times }} times."}
outputs:
  line: "{{ line }}"
"""
DRAW = """
inputs:
  photo: {type: image}
steps:
  drawn: {model: fake/image, modalities: [image], prompt: "Blue. {{ inputs.photo }}"}
outputs:
  drawn: "{{ drawn }}"
"""
FAILS = PRAISE.replace("fake/echo", "fake/mute")
TOML = '[[fake.mute.rules]]\ncontains = "never said"\nreply = "x"\n'


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pipelines")
    (folder / "mine").mkdir()
    for name, text in (("praise", PRAISE), ("draw", DRAW), ("fails", FAILS)):
        (folder / "mine" / f"{name}.yaml").write_text(text, "utf-8")
    (folder / "flowrun.toml").write_text(TOML, "utf-8")
    with served(folder, "mine") as found:
        yield found


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda each: each.name)
def caller(request: pytest.FixtureRequest, pipelines: Served) -> Iterator[Client]:
    found = request.param(pipelines.url, "none")
    yield found
    found.close()


def asking(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_it_is_listed(caller: Client) -> None:
    assert {"pipeline/praise", "pipeline/draw", "pipeline/fails"} <= set(caller.models())


def test_a_text_goes_to_its_first_input(caller: Client) -> None:
    found = caller.whole(model="pipeline/praise", messages=asking("a lamp"))
    assert found["choices"][0]["message"]["content"] == "Praise a lamp 1 times."
    assert found["model"] == "pipeline/praise"


def test_data_goes_to_its_inputs_by_name(caller: Client) -> None:
    said = json.dumps({"thing": "a lamp", "times": 2})
    heard = caller.stream(model="pipeline/praise", messages=asking(said))
    assert (heard.text, heard.finish) == ("Praise a lamp 2 times.", "stop")
    assert "line" in "".join(each.get("reasoning") or "" for each in heard.deltas)


def test_pictures_go_in_and_come_out(caller: Client) -> None:
    part = {"type": "image_url", "image_url": {"url": data_url(png("photo"))}}
    messages = [{"role": "user", "content": [part]}]
    found = caller.whole(model="pipeline/draw", messages=messages)["choices"][0]["message"]
    (url,) = [each["image_url"]["url"] for each in found["images"]]
    assert Image.from_bytes(base64.b64decode(url.partition(",")[2])).mime_type == "image/png"


def test_what_it_does_not_take_is_told(caller: Client) -> None:
    with pytest.raises(Refused) as caught:
        caller.whole(model="pipeline/praise", messages=asking('{"thing": 1, "times": 2}'))
    assert (caught.value.status, caught.value.param) == (400, "messages")


def test_a_run_that_fails_is_told(caller: Client) -> None:
    with pytest.raises(Refused) as caught:
        caller.whole(model="pipeline/fails", messages=asking("a lamp"))
    assert (caught.value.status, caught.value.code) == (502, "step_failed")


def test_who_pays_is_given_a_pipeline_with_a_budget_alone(tmp_path: Path) -> None:
    dear = PRAISE.replace("fake/echo", "'{{ inputs.thing }}'")
    (tmp_path / "dear.yaml").write_text(dear, "utf-8")
    (tmp_path / "free.yaml").write_text(PRAISE, "utf-8")
    (tmp_path / "bound.yaml").write_text(PRAISE + "budget: {usd: 0.05}\n", "utf-8")
    key = new_key(tmp_path, "ann", "5")
    with served(tmp_path, "dear.yaml", "free.yaml", "bound.yaml") as server:
        client = CLIENTS[0](server.url, key)
        for name in ("bound", "free"):
            found = client.whole(model=f"pipeline/{name}", messages=asking("a lamp"))
            assert found["choices"][0]["message"]["content"] == "Praise a lamp 1 times."
        with pytest.raises(Refused) as caught:
            client.whole(model="pipeline/dear", messages=asking("a lamp"))
        client.close()
    assert (caught.value.status, caught.value.code) == (400, "price_unknown")

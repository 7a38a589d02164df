"""Both families of clients read the list of models from one body."""

from __future__ import annotations

import json
import urllib.request

import openai
import pytest

from tests.gateway.clients.conftest import World
from tests.support.clients import Client


def test_each_client_lists_the_same_names(client: Client, world: World) -> None:
    found = client.models()
    assert {"recommended", "smartest", "fastest", "auto", "image"} <= set(found)
    assert len(found) == len(set(found))
    asked = urllib.request.Request(
        f"{world.gateway.url}/v1/models", headers={"authorization": f"Bearer {world.rich}"}
    )
    with urllib.request.urlopen(asked) as answer:
        body = json.load(answer)
    assert found == [each["id"] for each in body["data"]]


def test_openai_is_told_of_one_model(world: World) -> None:
    url = f"{world.gateway.url}/v1"
    with openai.OpenAI(base_url=url, api_key=world.rich, max_retries=0) as client:
        assert client.models.retrieve("recommended").owned_by == "local"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("nobody/nothing")

"""One server for all tests of clients, over one server of all providers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clients import CLIENTS, Client
from tests.support.dialects import Speaker
from tests.support.endpoint import endpoint
from tests.support.serve_process import Served, new_key, served
from tests.support.upstreams import SPEAKERS, Upstreams, table

KEYS = {f"{name.upper()}_TEST_KEY": "secret" for name in SPEAKERS}
BUSY = [f"busy-{name}-{each.name}" for name in SPEAKERS for each in CLIENTS]


@dataclass(frozen=True, slots=True)
class World:
    """The gateway, who is behind it, and the keys of one who has credits and one who has none."""

    gateway: Served
    upstreams: Upstreams
    root: str
    folder: Path
    rich: str
    poor: str


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("serve")
    upstreams = Upstreams()
    with endpoint(upstreams) as server:
        root = server.url.removesuffix("/v1")
        tables = [
            table(root, name, f"{name.partition('-')[0].upper()}_TEST_KEY") for name in SPEAKERS
        ]
        tables += [table(root, name, f"{name.split('-')[1].upper()}_TEST_KEY") for name in BUSY]
        host = root.removeprefix("http://")
        settings = f'[serve]\nprivate = ["{host}"]\n[credits]\nunknown_price = "free"\n'
        (folder / "flowrun.toml").write_text(settings + "".join(tables), "utf-8")
        rich, poor = new_key(folder, "rich", "1000000"), new_key(folder, "poor", "0")
        with served(folder, environ=KEYS) as gateway:
            yield World(gateway, upstreams, root, folder, rich, poor)


@pytest.fixture(scope="session", params=CLIENTS, ids=lambda each: each.name)
def client(request: pytest.FixtureRequest, world: World) -> Iterator[Client]:
    """Each client with the key of the one who has credits."""
    found = request.param(world.gateway.url, world.rich)
    yield found
    found.close()


@pytest.fixture(params=SPEAKERS.values(), ids=lambda each: each.name)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    """Each provider's protocol."""
    found: Speaker = request.param
    return found


@pytest.fixture
def upstreams(world: World) -> Iterator[Upstreams]:
    """Who answers; nothing may be asked of them that they would not take."""
    world.upstreams.say()
    yield world.upstreams
    assert world.upstreams.faults == []


@pytest.fixture
def open_client(world: World) -> Iterator[Callable[[type, str], Client]]:
    """Opens a client with another key."""
    opened = []

    def open_(kind: type, key: str) -> Client:
        opened.append(kind(world.gateway.url, key))
        found: Client = opened[-1]
        return found

    yield open_
    for each in opened:
        each.close()

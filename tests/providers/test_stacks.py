from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.config import Config, read
from flowrun.errors import AccessDenied, UsageError
from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.router import Providers
from flowrun.providers.stacks import MOST_OWN, Stacks
from tests.support.endpoint import endpoint
from tests.support.faults import echo_key
from tests.support.replies import echo
from tests.support.wire import Action, Seen

OWN, OURS = "sk-callers-own-key", "sk-servers-own-key"
ENVIRON = {"MINE_API_KEY": OURS, "MINE_USER": "our-account"}


def configured(url: str) -> Config:
    return read(
        f'[endpoints.mine]\nbase_url = "{url}"\nkey_env = "MINE_API_KEY"\n'
        'header_env = {x-user = "MINE_USER"}\n',
        Path("flowrun.toml"),
    )


def asked() -> ChatRequest:
    return ChatRequest("echo", (Message("user", (Text("hello"),)),))


def stacks() -> Stacks:
    return Stacks(Config(), in_flight=4, environ={}, secrets=[], progress=None, patience_s=600)


def test_a_callers_own_key_is_sent_and_nothing_of_ours() -> None:
    async def main(url: str) -> None:
        async with Providers(configured(url), in_flight=4, environ=ENVIRON) as providers:
            resolved = providers.resolve("mine/echo")
            for own_key in (OWN, None):
                await providers.provider(resolved, own_key=own_key).send(asked())

    with endpoint() as server:
        asyncio.run(main(server.url))
    own, ours = server.seen
    assert own.headers["authorization"] == f"Bearer {OWN}"
    assert "x-user" not in own.headers
    assert ours.headers["authorization"] == f"Bearer {OURS}"
    assert ours.headers["x-user"] == "our-account"


def test_a_caller_with_a_key_needs_none_of_ours() -> None:
    async def main(url: str) -> str:
        async with Providers(configured(url), in_flight=4, environ={}) as providers:
            resolved = providers.resolve("mine/echo")
            with pytest.raises(UsageError, match="needs a key"):
                providers.provider(resolved)
            return (await providers.provider(resolved, own_key=OWN).send(asked())).text

    with endpoint() as server:
        assert asyncio.run(main(server.url)) == "hello"


def test_an_own_key_is_masked_in_every_error_and_so_is_ours() -> None:
    async def main(url: str) -> str:
        async with Providers(configured(url), in_flight=4, environ=ENVIRON) as providers:
            provider = providers.provider(providers.resolve("mine/echo"), own_key=OWN)
            with pytest.raises(AccessDenied) as caught:
                await provider.send(asked())
            return str(caught.value)

    with endpoint(echo_key(401)) as server:
        said = asyncio.run(main(server.url))
    assert OWN not in said
    assert "***" in said


def test_a_limit_that_one_key_has_reached_is_no_others() -> None:
    def answer(seen: Seen) -> Iterable[Action]:
        return echo_key(503)(seen) if OWN in seen.headers["authorization"] else echo(seen)

    async def main(url: str) -> str:
        async with Providers(configured(url), in_flight=4, environ=ENVIRON) as providers:
            resolved = providers.resolve("mine/echo")
            for _ in range(30):
                with pytest.raises(Exception, match="mine"):
                    await providers.provider(resolved, retries=0, own_key=OWN).send(asked())
            return (await providers.provider(resolved, retries=0).send(asked())).text

    with endpoint(answer) as server:
        assert asyncio.run(main(server.url)) == "hello"


@pytest.mark.parametrize("key", ["", "short", "sk-line\nbreak", "schlüssel-lang", "x" * 5000])
def test_what_is_no_key_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        stacks().of_own(ENDPOINTS["openai"], key)
    assert str(caught.value) == "what was given as a key of openai is none"


def test_what_runs_here_takes_no_key() -> None:
    with pytest.raises(UsageError, match=r"^fake takes no key: it runs in this process$"):
        stacks().of_own(ENDPOINTS["fake"], OWN)


def test_the_least_recent_keys_are_forgotten() -> None:
    async def main() -> None:
        found = stacks()
        row = ENDPOINTS["openai"]
        first = found.of_own(row, "key-number-first")
        for number in range(MOST_OWN - 1):
            found.of_own(row, f"key-number-{number}")
        assert found.of_own(row, "key-number-first") == first
        found.of_own(row, "one-key-more")
        assert found.of_own(row, "key-number-first") == first
        for number in range(MOST_OWN):
            found.of_own(row, f"another-key-{number}")
        assert found.of_own(row, "key-number-first") != first
        await found.aclose()

    asyncio.run(main())


def test_dialects_of_one_endpoint_share_its_gate() -> None:
    async def main() -> None:
        environ = {"OPENAI_API_KEY": OURS}
        config = Config(variables=frozenset(environ))
        found = Stacks(
            config, in_flight=4, environ=environ, secrets=[], progress=None, patience_s=600
        )
        async with Providers(config, in_flight=4, environ=environ) as providers:
            names = ("openai/gpt-5.6", "openai/gpt-5.5", "openai/gpt-image-1")
            one, two, images = (
                found.of(each.endpoint, each.model) for each in map(providers.resolve, names)
            )
        assert one == two
        assert one[0] is not images[0]
        assert one[1] is images[1]
        await found.aclose()

    asyncio.run(main())

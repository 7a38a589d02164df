from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from flowrun.chat.capabilities import Capabilities
from flowrun.chat.messages import ChatReply, ChatRequest, Message, Text
from flowrun.config import Config, load, read
from flowrun.errors import Unavailable, UsageError
from flowrun.providers.catalog import ENDPOINTS
from flowrun.providers.fake import Fake
from flowrun.providers.router import Providers, known_capabilities, resolve
from flowrun.providers.stacks import missing_key
from tests.support.endpoint import endpoint

MINE = '[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\nmodels = ["vendor-large"]\n'


def configured(text: str = "", *variables: str) -> Config:
    config = read(text, Path("flowrun.toml"))
    return Config(
        path=config.path,
        models=config.models,
        endpoints=config.endpoints,
        prices=config.prices,
        fakes=config.fakes,
        variables=frozenset(variables),
    )


def asked(model: str) -> ChatRequest:
    return ChatRequest(model, (Message("user", (Text("hello"),)),))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("recommended", "local/smollm2-135m-instruct"),
        ("image", "local/placeholder"),
        ("openai/x", "openai/x"),
        ("openrouter/vendor/model:free", "openrouter/vendor/model:free"),
        ("fake/echo", "fake/echo"),
        ("fake/greeter", "fake/greeter"),
        ("house", "openai/x"),
        ("openai/old", "mine/new"),
        ("vendor-large", "mine/vendor-large"),
        ("anything-else", "mine/anything-else"),
    ],
)
def test_a_name_leads_to_one_model(name: str, label: str) -> None:
    text = (
        '[models]\nhouse = "home"\nhome = "openai/x"\n"openai/old" = "mine/new"\n'
        + MINE
        + '[fake.greeter]\nreplies = ["hello"]'
    )
    assert resolve(name, configured(text)).label == label


def test_a_known_provider_with_a_key_serves_bare_slugs() -> None:
    assert resolve("slug", configured("", "OPENROUTER_API_KEY")).label == "openrouter/slug"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("recomended", "",
         '"recomended" is no preset, and no provider is configured: did you mean recommended?'),
        ("hous", '[models]\nhouse = "openai/x"',
         '"hous" is no preset, and no provider is configured: did you mean house?'),
        ("zzz", "",
         '"zzz" is no preset, and no provider is configured: '
         "write provider/model, or set a provider's key"),
        ("opena/x", "", '"opena/x" names the unknown provider "opena": did you mean openai?'),
        ("qqq/x", "",
         '"qqq/x" names the unknown provider "qqq": '
         "known are gumloop, openai, openrouter, anthropic, gemini, local, fake"),
        ("openai/", "", '"openai/" names no model of openai'),
        ("local/smollm", "",
         '"local/smollm" is not there: did you mean local/smollm2-135m-instruct?'),
        ("local/xyz", "", '"local/xyz" is not there: it has smollm2-135m-instruct, placeholder'),
        ("fake/ecco", "", '"fake/ecco" is not there: did you mean fake/echo?'),
        ("a", '[models]\na = "b"\nb = "c"\nc = "b"',
         "flowrun.toml: [models] leads nowhere: a -> b -> c -> b"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(name, configured(text))
    assert str(caught.value) == said
    told = caught.value.shown or said
    assert not any(each in told for each in ("flowrun.toml", "_API_KEY", "[models]"))


def test_a_slug_that_several_may_serve() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("slug", configured(MINE, "OPENAI_API_KEY"))
    assert str(caught.value) == (
        '"slug" could be served by more than one provider: write openai/slug, mine/slug'
    )


def test_capabilities_are_known_of_some_models() -> None:
    text = MINE + "capabilities = {json_schema = true}"
    known = known_capabilities(configured(text))
    assert known.capabilities("recommended").images_in is False
    assert known.capabilities("image").text_out is False
    assert known.capabilities("mine/x") == Capabilities(json_schema=True)
    assert known.capabilities("openai/x") == Capabilities()


def test_prices_go_with_the_model() -> None:
    config = configured('[prices."openai/x"]\ninput = 1\noutput = 2')
    assert resolve("openai/x", config).price is not None
    assert resolve("openai/y", config).price is None


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": " "}])
def test_a_key_that_is_not_set_is_said_before_anything_is_sent(environ: dict[str, str]) -> None:
    async def main() -> None:
        async with Providers(Config(), in_flight=1, environ=environ) as providers:
            assert missing_key(ENDPOINTS["openai"], environ) == "OPENAI_API_KEY"
            assert missing_key(ENDPOINTS["local"], environ) is None
            with pytest.raises(UsageError, match=r"^openai needs a key: .* OPENAI_API_KEY$"):
                providers.provider(providers.resolve("openai/x"))
            with pytest.raises(UsageError) as caught:
                providers.require(["openai/x", "fake/echo", "openrouter/y", "openai/z"])
            assert str(caught.value).splitlines() == [
                "openai needs a key: set the environment variable OPENAI_API_KEY",
                "openrouter needs a key: set the environment variable OPENROUTER_API_KEY",
            ]

    asyncio.run(main())


def test_what_needs_no_key_is_ready() -> None:
    async def main() -> None:
        async with Providers(Config(), in_flight=1, environ={"OPENAI_API_KEY": "sk"}) as providers:
            providers.require(["recommended", "fake/echo", "openai/x"])

    asyncio.run(main())


@pytest.mark.parametrize("key", ["sk\nx: y", "schlüssel"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    async def main() -> None:
        async with Providers(Config(), in_flight=1, environ={"OPENAI_API_KEY": key}) as providers:
            providers.provider(providers.resolve("openai/x"))

    with pytest.raises(UsageError) as caught:
        asyncio.run(main())
    assert str(caught.value) == ("OPENAI_API_KEY holds characters that cannot be sent in a header")


def test_secrets_are_masked() -> None:
    environ = {"OPENAI_API_KEY": "sk-canary", "GUMLOOP_USER_ID": "user-canary"}
    masker = Providers(Config(), in_flight=1, environ=environ).masker
    assert masker.mask("a sk-canary b user-canary") == "a *** b ***"


def test_what_tools_may_be_given_is_masked() -> None:
    config = read('[tools]\nenv = ["WEATHER_KEY", "NOT_SET"]', Path("flowrun.toml"))
    masker = Providers(config, in_flight=1, environ={"WEATHER_KEY": "w-canary"}).masker
    assert masker.mask("a w-canary b") == "a *** b"


def test_fakes_answer_as_configured() -> None:
    async def main() -> list[str]:
        text = '[fake.greeter]\nreplies = ["Hello.", "Goodbye."]'
        config = configured(text)
        async with Providers(config, in_flight=4, environ={}) as providers:
            found = []
            for name in ("fake/greeter", "fake/echo", "fake/greeter", "fake/greeter"):
                resolved = providers.resolve(name)
                reply = await providers.provider(resolved).send(asked(resolved.model))
                found.append(reply.text)
        return found

    assert asyncio.run(main()) == ["Hello.", "hello", "Goodbye.", "Goodbye."]


def test_each_attempt_passes_through_what_pays_for_it() -> None:
    class Busy(Fake):
        async def send(self, request: ChatRequest) -> ChatReply:
            self.requests.append(request)
            raise Unavailable("busy")

    async def main() -> int:
        async with Providers(Config(), in_flight=4, environ={}) as providers:
            busy = Busy([""])
            resolved = providers.resolve("fake/echo")
            paid = providers.provider(resolved, retries=0, paying=lambda provider: busy)
            with pytest.raises(Unavailable):
                await paid.send(asked(resolved.model))
            return len(busy.requests)

    assert asyncio.run(main()) == 1


def test_a_picture_comes_from_the_fake() -> None:
    async def main() -> int:
        async with Providers(Config(), in_flight=4, environ={}) as providers:
            request = ChatRequest("image", asked("image").messages, modalities=("image",))
            reply = await providers.provider(providers.resolve("fake/image")).send(request)
        return reply.images[0].width

    assert asyncio.run(main()) == 64


def test_the_placeholder_answers_without_a_key_or_a_network() -> None:
    async def main() -> str:
        async with Providers(Config(), in_flight=4, environ={}) as providers:
            resolved = providers.resolve("image")
            request = ChatRequest(resolved.model, asked("x").messages, modalities=("image",))
            reply = await providers.provider(resolved).send(request)
        return reply.images[0].mime_type

    assert asyncio.run(main()) == "image/png"


def test_the_embedded_model_is_not_loaded_before_it_is_asked() -> None:
    async def main() -> None:
        async with Providers(Config(), in_flight=4, environ={}) as providers:
            resolved = providers.resolve("recommended")
            providers.provider(resolved)
            providers.provider(resolved)

    asyncio.run(main())


@pytest.mark.parametrize("in_flight", [4, 64])
def test_an_endpoint_is_asked_over_http_through_one_client(tmp_path: Path, in_flight: int) -> None:
    async def main(url: str) -> list[str]:
        (tmp_path / "flowrun.toml").write_text(
            f'[endpoints.mine]\nbase_url = "{url}"\nkey_env = "MINE_API_KEY"\n'
            'header_env = {x-user = "MINE_USER", x-absent = "MINE_ABSENT"}\n'
            f'[endpoints.other]\nbase_url = "{url}"\nmax_in_flight = 1\n'
        )
        environ = {"MINE_API_KEY": "sk-canary\n", "MINE_USER": "me"}
        config = load(tmp_path, environ)
        told: list[tuple[str, float, int]] = []
        async with Providers(config, in_flight=in_flight, environ=environ) as providers:
            resolved = [providers.resolve(name) for name in ("mine/echo", "other/echo")]
            asking = [
                providers.provider(each, on_retry=lambda *t: told.append(t)) for each in resolved
            ]
            texts = [(await each.send(asked("echo"))).text for each in asking]
            rows = await providers.models(resolved[0].endpoint)
        assert told == []
        return [*texts, *(str(row["id"]) for row in rows)]

    with endpoint() as server:
        assert asyncio.run(main(server.url)) == ["hello", "hello", "echo", "word"]
    mine, other = server.seen
    assert mine.headers["authorization"] == "Bearer sk-canary"
    assert mine.headers["x-user"] == "me"
    assert "x-absent" not in mine.headers
    assert "authorization" not in other.headers


def test_a_configuration_that_cannot_be_used_is_said_at_once() -> None:
    with pytest.raises(UsageError, match="base_url is missing"):
        Providers(configured("[endpoints.mine]"), in_flight=1, environ={})


def test_nothing_costly_is_imported_to_resolve_a_name() -> None:
    code = (
        "import sys, flowrun.providers.router as r, flowrun.config as c;"
        "r.resolve('recommended', c.Config());"
        "print([m for m in ('httpx2', 'aiohttp', 'pydantic', 'PIL', 'xllamacpp', 'tomllib')"
        " if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_what_a_script_says_is_part_of_where_it_leads() -> None:
    one = resolve("fake/clerk", configured('[fake.clerk]\nreplies = ["one"]\n'))
    two = resolve("fake/clerk", configured('[fake.clerk]\nreplies = ["two"]\n'))
    assert one.endpoint.base_url != two.endpoint.base_url
    assert one.label == two.label == "fake/clerk"

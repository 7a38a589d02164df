"""Who is asked for a model's name."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.digest import JsonValue
from flowrun.errors import FlowrunError, UsageError
from flowrun.gateway.candidates import Candidate, Candidates
from flowrun.gateway.faults import Fault
from flowrun.providers.router import Providers
from flowrun.serving import ServeSettings
from tests.support.piped import Piped
from tests.support.serving import configured, priced

ASKED = ChatRequest("name", (Message("user", (Text("Hello."),)),))
TEXT = """
[models]
best = "mine/m"
[endpoints.mine]
base_url = "http://127.0.0.1:1/v1"
key_env = "MINE"
"""


def found(
    folder: Path,
    *names: str,
    is_paid: bool = True,
    text: str = TEXT,
    request: ChatRequest = ASKED,
    own_key: str = "sk-own-0123456789",
) -> list[Candidate]:
    """The candidates of those names, each asked for with a key of its own for `mine`."""
    config = configured(text + priced("mine/m"), folder, {})

    async def main() -> list[Candidate]:
        async with Providers(config, in_flight=1, environ={}) as providers:
            candidates = Candidates(providers, ServeSettings(), {"pipeline/p": Piped([""])})
            keys = {"mine": own_key}
            return [await candidates.of(name, request, keys, is_paid=is_paid) for name in names]

    return asyncio.run(main())


def test_a_name_leads_to_its_model_and_price(tmp_path: Path) -> None:
    first, again, local = found(tmp_path, "best", "mine/m", "recommended")
    assert (first.label, first.request.model, first.has_own_key) == ("mine/m", "m", True)
    assert (first.is_remote, local.is_remote, local.has_own_key) == (True, False, False)
    assert first.price is not None
    assert first.price.output_usd == Decimal(2)
    assert again.price is first.price


def test_an_endpoint_without_a_key_takes_none_that_would_make_it_cheaper(tmp_path: Path) -> None:
    keyless = TEXT.replace('key_env = "MINE"\n', "")
    with pytest.raises(FlowrunError, match="mine takes no key"):
        found(tmp_path, "best", text=keyless)


def test_a_price_that_nobody_pays_is_not_looked_up(tmp_path: Path) -> None:
    (only,) = found(tmp_path, "best", is_paid=False)
    assert only.price is None


def test_a_pipeline_has_no_endpoint_but_a_bound_of_its_cost(tmp_path: Path) -> None:
    (only,) = found(tmp_path, "pipeline/p")
    assert (only.label, only.endpoint, only.is_remote) == ("pipeline/p", None, False)
    assert only.worst_usd == Decimal("0.01")


def test_a_name_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        found(tmp_path, "nobody/q")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pipeline/pp", 'no pipeline "pp" is served: did you mean pipeline/p?'),
        ("pipeline/something", 'no pipeline "something" is served: GET /v1/models lists them'),
        ("p", '"p" is no model: did you mean pipeline/p?'),
    ],
)
def test_a_pipeline_that_is_not_served_is_not_found(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(Fault) as caught:
        found(tmp_path, name, text="")
    fault = caught.value
    assert (fault.message, fault.status, fault.code) == (said, 404, "model_not_found")


def test_a_pipeline_passes_over_what_means_nothing_to_it(tmp_path: Path) -> None:
    options: dict[str, JsonValue] = {"max_completion_tokens": 5, "user": "u"}
    asked = replace(ASKED, options=options, modalities=("image",))
    (candidate,) = found(tmp_path, "pipeline/p", request=asked)
    assert candidate.ignored == ("max_completion_tokens", "user", "modalities")


def test_a_key_that_is_none_is_its_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        found(tmp_path, "mine/m", own_key="short")
    assert (caught.value.status, caught.value.code) == (400, "invalid_provider_key")

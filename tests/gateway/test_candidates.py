"""Who is asked for a model's name."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.chat.messages import ChatRequest, Message, Text
from flowrun.errors import UsageError
from flowrun.gateway.candidates import Candidate, Candidates
from flowrun.providers.router import Providers
from flowrun.serving import ServeSettings
from tests.support.piped import Piped
from tests.support.serving import configured, priced

ASKED = ChatRequest("name", (Message("user", (Text("Hello."),)),))
TEXT = '[models]\nbest = "mine/m"\n[endpoints.mine]\nbase_url = "http://127.0.0.1:1/v1"\n'


def found(folder: Path, *names: str, is_paid: bool = True) -> list[Candidate]:
    """The candidates of those names, each asked for with a key of its own for `mine`."""
    config = configured(TEXT + priced("mine/m"), folder, {})

    async def main() -> list[Candidate]:
        async with Providers(config, in_flight=1, environ={}) as providers:
            candidates = Candidates(providers, ServeSettings(), {"pipeline/p": Piped([""])})
            keys = {"mine": "sk-own-0123456789"}
            return [await candidates.of(name, ASKED, keys, is_paid=is_paid) for name in names]

    return asyncio.run(main())


def test_a_name_leads_to_its_model_and_price(tmp_path: Path) -> None:
    first, again, local = found(tmp_path, "best", "mine/m", "recommended")
    assert (first.label, first.request.model, first.has_own_key) == ("mine/m", "m", True)
    assert (first.is_remote, local.is_remote, local.has_own_key) == (True, False, False)
    assert first.price is not None
    assert first.price.output_usd == Decimal(2)
    assert again.price is first.price


def test_a_price_that_nobody_pays_is_not_looked_up(tmp_path: Path) -> None:
    (only,) = found(tmp_path, "best", is_paid=False)
    assert only.price is None


def test_a_pipeline_has_no_endpoint_but_a_bound_of_its_cost(tmp_path: Path) -> None:
    (only,) = found(tmp_path, "pipeline/p")
    assert (only.label, only.endpoint, only.is_remote) == ("pipeline/p", None, False)
    assert only.worst_usd == Decimal("0.01")


def test_a_name_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        found(tmp_path, "pipeline/q")

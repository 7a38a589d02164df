"""A gateway in this process: its service, its app, and a ledger of its own where keys are asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowrun.config import Config, read
from flowrun.gateway.app import create_app
from flowrun.gateway.auth import Keyring, fingerprint, new_key
from flowrun.gateway.base import UNITS, Account, Ledger, Standing
from flowrun.gateway.candidates import Pipeline
from flowrun.gateway.ledger import open_ledger
from flowrun.gateway.log import Log
from flowrun.gateway.running import Running
from flowrun.gateway.service import Service
from flowrun.providers.router import Providers
from tests.support.asgi import JSON, App, Caller, Got, get

PEPPER = b"0123456789abcdef0123456789abcdef"


@dataclass(slots=True)
class Gateway:
    """One that runs; `key` is that of its one account, None where everybody is let in."""

    app: App
    service: Service
    running: Running
    ledger: Ledger
    key: str | None

    @property
    def headers(self) -> dict[str, str]:
        return JSON if self.key is None else {**JSON, "authorization": f"Bearer {self.key}"}

    def caller(self) -> Caller:
        return Caller(self.app)

    async def ask(self, body: object, headers: Mapping[str, str] | None = None, **how: Any) -> Got:
        return await Caller(self.app).ask(body, headers={**self.headers, **(headers or {})}, **how)

    async def get(self, path: str, **how: Any) -> Got:
        return await get(self.app, path, headers=self.headers, **how)

    async def standing(self) -> Standing:
        (found,) = await self.ledger.standings()
        return found

    async def charged(self, balance: int) -> int:
        """The units that were charged of a balance, with nothing on hold any more."""
        standing = await self.standing()
        assert standing.held_units == 0
        return balance * UNITS - standing.balance_units


def configured(text: str, folder: Path, environ: Mapping[str, str]) -> Config:
    config = read(text, folder / "flowrun.toml")
    return replace(config, variables=frozenset(name for name, each in environ.items() if each))


def openai_at(url: str, name: str = "mine", **settings: str) -> str:
    """The table of an endpoint that speaks OpenAI's protocol, with a price for its models."""
    rows = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return f'[endpoints.{name}]\nbase_url = "{url}"\n{rows}'


def priced(label: str, fresh: str = "1", out: str = "2") -> str:
    return f'[prices."{label}"]\ninput = {fresh}\noutput = {out}\n'


@asynccontextmanager
async def gateway(
    folder: Path,
    text: str = "",
    *,
    credits: int | None = None,
    environ: Mapping[str, str] | None = None,
    pipelines: Mapping[str, Pipeline] | None = None,
    token: str | None = None,
    log: Log | None = None,
    alive_every_s: float = 15.0,
) -> AsyncIterator[Gateway]:
    """A gateway under that flowrun.toml; with `credits` a key is needed, and has so many."""
    config = configured(text, folder, environ or {})
    ledger = open_ledger(None, folder)
    key = None
    if credits is not None:
        key = new_key()
        account = Account("k_test", "test", fingerprint(key, PEPPER))
        await ledger.add(account, now=1.0)
        if credits:
            await ledger.top_up("test", credits * UNITS, note="", now=1.0)
    providers = Providers(config, in_flight=64, environ=environ or {})
    keyring = Keyring(ledger, PEPPER, now=lambda: 0.0)
    service = Service(config, providers, ledger=ledger, keyring=keyring, pipelines=pipelines)
    running = Running()
    app = create_app(service, running, metrics_token=token, log=log, alive_every_s=alive_every_s)
    async with service:
        yield Gateway(app, service, running, ledger, key)

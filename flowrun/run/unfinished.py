"""The token of a run that has not come to its end: what it has done once, it does not do again.

A run that ended well closes its token, so that the next one, with the same inputs, has a new one
and calls again; a run that failed or was killed leaves it to the next, which goes on from there.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import cast

from flowrun.dataclass import dataclass
from flowrun.digest import JsonValue, digest
from flowrun.document.plan import Plan
from flowrun.run.outputs import plain
from flowrun.store.base import Store


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run under way; `token` is its own, and that of the unfinished ones before it."""

    token: str
    store: Store | None = None
    key: str = ""

    def close(self) -> None:
        """The run has ended well."""
        if self.store is not None:
            self.store.put(self.key, {"token": ""})


def begin(plan: Plan, path: str, inputs: Mapping[str, object], store: Store | None) -> Unfinished:
    """The run of the pipeline at `path` with these inputs; without a store none goes on from it.

    Only a plan with calls that are to be made once needs a token that lasts.
    """
    if store is None or not has_lasting_calls(plan):
        return Unfinished(secrets.token_hex(16))
    key = digest("run/1", {"path": path, "inputs": cast(JsonValue, plain(inputs))})
    known = (store.get(key) or {}).get("token")
    if isinstance(known, str) and known:
        return Unfinished(known, store, key)
    token = secrets.token_hex(16)
    store.put(key, {"token": token})
    return Unfinished(token, store, key)


def has_lasting_calls(plan: Plan) -> bool:
    """Whether a step calls a tool whose effect is not to be repeated."""
    return any(task.call is not None and not task.call.tool.is_pure for _, task in plan.all_tasks())

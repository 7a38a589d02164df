"""What `flowrun serve` says when it begins: whom it answers, whom it can ask or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flowrun.config import Config
from flowrun.errors import UsageError
from flowrun.providers import local, placeholder
from flowrun.providers.catalog import LOCAL_IMAGE_MODEL, LOCAL_TEXT_MODEL, PRESETS
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Router
from flowrun.providers.stacks import missing_key

if TYPE_CHECKING:
    from flowrun.gateway.pipelines import Served

_SHOWN = 5
_NOT_INSTALLED = "the embedded model is not installed (pip install '.[local]')"


def greeting(
    url: str,
    config: Config,
    pipelines: Mapping[str, Served],
    environ: Mapping[str, str],
    *,
    has_keys: bool,
) -> list[str]:
    """The lines that are said."""
    router = Router(config)
    reasons = {name: _reason(router, name, environ) for name in _names(config)}
    lines = [
        f"flowrun serves at {url}",
        "a key is needed: flowrun keys add NAME makes one"
        if has_keys
        else "no key is needed, and only this machine is answered: flowrun keys add NAME makes one",
        f"asks: {_asked(router, environ)}",
    ]
    if unset := _unset(router, config, environ):
        lines.append(f"not asked: {unset}")
    lines += _unusable({name: each for name, each in reasons.items() if "/" not in name})
    if pipelines:
        lines.append(f"runs: {_few(pipelines)}")
    lines += _unusable({name: each.missing for name, each in pipelines.items()})
    tried = next((name for name in reasons if _is_tried(router, name, reasons)), None)
    return [*lines, *([] if tried is None else [_try(url, tried, has_keys=has_keys)])]


def _names(config: Config) -> list[str]:
    """Presets, names of the project's own, and models that its endpoints name."""
    models = [f"{name}/{each}" for name, at in config.endpoints.items() for each in at.models]
    return list(dict.fromkeys([*PRESETS, *config.models, *models]))


def _reason(router: Router, name: str, environ: Mapping[str, str]) -> str | None:
    """Why a name cannot be used as things are, None if it can."""
    try:
        router.candidates([name])
        return _missing(router.resolve(name), environ)
    except UsageError as error:
        return "; ".join(str(error).splitlines())


def _missing(resolved: Resolved, environ: Mapping[str, str]) -> str | None:
    endpoint = resolved.endpoint
    if endpoint.dialect == "local":
        return None if _is_installed(resolved.model) else _NOT_INSTALLED
    if (variable := missing_key(endpoint, environ)) is not None:
        return f"{endpoint.name} needs a key: set the environment variable {variable}"
    return None


def _is_installed(model: str) -> bool:
    needed = placeholder.missing() if model == LOCAL_IMAGE_MODEL else local.missing()
    return needed is None


def _asked(router: Router, environ: Mapping[str, str]) -> str:
    """The endpoints that can be asked; who cannot be, and why, where nobody can."""
    asked = [
        name
        for name, each in router.endpoints.items()
        if (each.is_remote and missing_key(each, environ) is None)
        or (each.dialect == "local" and _is_installed(LOCAL_TEXT_MODEL))
    ]
    return ", ".join(asked) or f"nobody yet: {_NOT_INSTALLED}, and no provider's key is set"


def _unset(router: Router, config: Config, environ: Mapping[str, str]) -> str:
    """The endpoints of flowrun.toml whose keys are not set."""
    found = {name: missing_key(router.endpoints[name], environ) for name in config.endpoints}
    return ", ".join(f"{name} ({each} is not set)" for name, each in found.items() if each)


def _unusable(reasons: Mapping[str, str | None]) -> list[str]:
    """A line for each reason, with the names that it keeps from being used."""
    found: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        if reason is not None:
            found.setdefault(reason, []).append(name)
    return [f"{_few(names)} cannot be used: {reason}" for reason, names in found.items()]


def _few(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _is_tried(router: Router, name: str, reasons: Mapping[str, str | None]) -> bool:
    """Whether it can be asked to say hello."""
    return reasons[name] is None and router.capabilities(name).text_out is not False


def _try(url: str, model: str, *, has_keys: bool) -> str:
    authorization = ' -H "authorization: Bearer $FLOWRUN_KEY"' if has_keys else ""
    return (
        f"try:  curl {url}/chat/completions -H 'content-type: application/json'{authorization} "
        f"""-d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello."}}]}}'"""
    )

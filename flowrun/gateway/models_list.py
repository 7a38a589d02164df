"""The body of GET /v1/models, which OpenAI's clients and Gumloop's read alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flowrun.config import Config
from flowrun.digest import JsonValue
from flowrun.errors import UsageError
from flowrun.gateway.base import Listed
from flowrun.gateway.candidates import Pipeline
from flowrun.providers.catalog import MODELS, PRESETS
from flowrun.providers.listing import Known, known_models
from flowrun.providers.resolved import Resolved
from flowrun.providers.router import Providers

_GROUPS = {"preset": "Presets", "alias": "Your names", "pipeline": "Pipelines", "local": "Embedded"}
_OWN = ("id", "object", "created", "owned_by", "architecture", "canonical_slug")


def listed(
    config: Config, providers: Providers, pipelines: Mapping[str, Pipeline]
) -> tuple[Listed, ...]:
    """All that can be asked for by name: each once, nothing is asked of a network."""
    found: dict[str, Listed] = {}
    for each in _all(config, providers, pipelines):
        found.setdefault(each.id, each)
    return tuple(found.values())


def body_of(models: Iterable[Listed], *, created: int) -> dict[str, JsonValue]:
    """The list as both client families read it."""
    rows = list(models)
    groups: dict[str, list[JsonValue]] = {}
    for each in rows:
        option: JsonValue = {"value": each.id, "label": each.id, "status": "active"}
        groups.setdefault(each.group, []).append(option)
    return {
        "object": "list",
        "data": [row_of(each, created=created) for each in rows],
        "model_groups": [
            {"groupLabel": label, "options": options} for label, options in groups.items()
        ],
    }


def row_of(model: Listed, *, created: int) -> dict[str, JsonValue]:
    """One model; `created` is when this server began, for nobody tells more."""
    return {
        "id": model.id,
        "object": "model",
        "created": created,
        "owned_by": model.owner,
        **model.facts,
    }


def _all(
    config: Config, providers: Providers, pipelines: Mapping[str, Pipeline]
) -> Iterator[Listed]:
    for name in (*PRESETS, *config.models):
        kind = "preset" if name in PRESETS else "alias"
        yield from _named(name, kind, providers)
    for name, pipeline in pipelines.items():
        facts: dict[str, JsonValue] = {}
        if pipeline.description:
            facts["description"] = pipeline.description
        facts["inputs"] = [dict(each) for each in pipeline.inputs]
        yield Listed(name, "pipelines", _GROUPS["pipeline"], facts)
    for known in (*known_models(config), *map(_fake, MODELS["fake"])):
        yield from _named(known.label, known.endpoint, providers, known.facts)


def _fake(model: str) -> Known:
    return Known("fake", model, {})


def _named(
    name: str, group: str, providers: Providers, told: Mapping[str, JsonValue] | None = None
) -> Iterator[Listed]:
    """A name that leads somewhere, and what its endpoint has told of it."""
    try:
        resolved = providers.resolve(name)
    except UsageError:
        return
    facts = {**_facts(name, resolved), **_plain(told or {})}
    yield Listed(name, resolved.endpoint.name, _GROUPS.get(group, group), facts)


def _plain(told: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What an endpoint has told, without the names that are this list's own."""
    return {name: value for name, value in told.items() if name not in _OWN}


def _facts(name: str, resolved: Resolved) -> dict[str, JsonValue]:
    """What is known of a model; what nobody knows is left out."""
    has = resolved.capabilities
    facts: dict[str, JsonValue] = {}
    if name != resolved.label:
        facts["canonical_slug"] = resolved.label
    inputs = ["text", *(["image"] if has.images_in else [])]
    outputs = [
        *(["text"] if has.text_out is not False else []),
        *(["image"] if has.images_out else []),
    ]
    facts["architecture"] = {"input_modalities": inputs, "output_modalities": outputs}
    return facts

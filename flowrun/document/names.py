"""What the names of a template mean at one place of it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import field, replace
from typing import cast

from flowrun.dataclass import dataclass
from flowrun.document.access import Subject
from flowrun.document.types import Type


@dataclass(frozen=True, slots=True)
class Names:
    """What names mean at one place of a template.

    `bound`: the template's own variables; `facts`: what conditions around this place say, by the
    path they say it of ("brief.subtitle").
    """

    scope: Mapping[str, Type]
    steps: Collection[str] = ()
    bound: dict[str, Type] = field(default_factory=dict)
    facts: dict[str, Type] = field(default_factory=dict)

    def child(self, facts: Mapping[str, Type] | None = None) -> Names:
        """A copy that may be changed, with more facts."""
        return replace(self, bound=dict(self.bound), facts={**self.facts, **(facts or {})})

    def plus(self, types: Mapping[str, Type]) -> Names:
        """These names with others beside them; of former ones so called nothing is known."""
        facts = {path: each for path, each in self.facts.items() if _root(path) not in types}
        # Layers, for a file has many steps, each of which may have names of its own.
        layers = self.scope.maps if isinstance(self.scope, ChainMap) else [self.scope]
        scope = ChainMap(*cast("list[MutableMapping[str, Type]]", [types, *layers]))
        return replace(self, scope=scope, facts=facts)

    def bind(self, name: str, type_: Type) -> None:
        """Gives a variable its type; what was known of its former value is forgotten."""
        self.bound[name] = type_
        for path in [path for path in self.facts if _root(path) == name]:
            del self.facts[path]

    def get(self, name: str) -> Type | None:
        """The type of a variable, None if nobody said what it is."""
        return self.bound[name] if name in self.bound else self.scope.get(name)

    def subject(self, path: str) -> Subject:
        """How messages name what stands at a path."""
        is_step = path in self.steps and path not in self.bound
        return Subject(path, "step" if is_step else "")


def _root(path: str) -> str:
    return path.replace("[", ".").split(".")[0]

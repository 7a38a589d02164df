"""The pipelines that are measured, as YAML text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

MODEL = "bench/word"
HEAD = f"""\
name: bench
inputs:
  salt: {{type: string, default: none}}
defaults: {{model: {MODEL}, temperature: 0}}
steps:
"""


def dag() -> str:
    """Twenty steps in layers of 1, 6, 6, 6 and 1; each step reads two of the layer before."""
    layers = [[f"s{depth}_{index}" for index in range(width)]
              for depth, width in enumerate((1, 6, 6, 6, 1))]  # fmt: skip
    lines = [_step(layers[0][0], ())]
    for before, layer in pairwise(layers):
        for index, name in enumerate(layer):
            needed = before if len(layer) == 1 else _two(before, index)
            lines.append(_step(name, needed))
    return HEAD + "".join(lines)


def _two(before: Sequence[str], index: int) -> tuple[str, ...]:
    first, second = before[index % len(before)], before[(index + 1) % len(before)]
    return (first,) if first == second else (first, second)


def chain(length: int) -> str:
    """Each step reads the one before; another `-i salt=...` makes every request a new one."""
    steps = [
        _step("s0", ("inputs.salt",)),
        *(_step(f"s{n}", (f"s{n - 1}",)) for n in range(1, length)),
    ]
    return HEAD + "".join(steps)


def wide(width: int) -> str:
    """Steps that need nothing of each other."""
    return HEAD + "".join(_step(f"s{number}", ()) for number in range(width))


def fan() -> str:
    """One step for each item of an input."""
    return (
        "name: bench\n"
        "inputs:\n"
        "  count: {type: integer, default: 1000}\n"
        f"defaults: {{model: {MODEL}, temperature: 0}}\n"
        "steps:\n"
        "  items:\n"
        "    foreach: range(inputs.count)\n"
        '    prompt: "Say something about item {{ item }}."\n'
    )


def blocks() -> str:
    """Three steps for each item of an input, each reading the one before."""
    return (
        "name: bench\n"
        "inputs:\n"
        "  count: {type: integer, default: 2000}\n"
        f"defaults: {{model: {MODEL}, temperature: 0}}\n"
        "steps:\n"
        "  items:\n"
        "    foreach: range(inputs.count)\n"
        "    steps:\n"
        '      first: {prompt: "Say something about item {{ item }}."}\n'
        '      second: {prompt: "Say more of item {{ item }}: {{ first }}"}\n'
        '      third: {prompt: "Say all of item {{ item }}: {{ second }}"}\n'
    )


def _step(name: str, needed: Sequence[str]) -> str:
    read = " ".join(f"{{{{ {each} }}}}" for each in needed)
    return f'  {name}:\n    prompt: "Say something about {name}. {read}"\n'

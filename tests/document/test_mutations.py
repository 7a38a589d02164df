"""Broken files end in a plan or in diagnostics, whatever is broken; never in another error."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flowrun.config import Config
from flowrun.document.check import Checked, check
from flowrun.document.source import load
from flowrun.errors import Diagnostic, PipelineError
from flowrun.folder import Folder
from flowrun.proofs import FullProofs
from flowrun.providers.router import known_capabilities
from tests.document.mutants import COMPOSED, RICH, mutant, samples

FILES = Folder(Path(__file__).parent.parent / "faulty")
MODELS = known_capabilities(Config())
FEW, MANY = 500, 6_000
SLOWEST_S = 10


def checked(text: str | bytes) -> Checked:
    return check(
        load(text, "m.yaml"), read_file=FILES.read_text, proofs=FullProofs(), models=MODELS
    )


def diagnostics(text: str | bytes) -> tuple[Diagnostic, ...]:
    """What is wrong with the text; there is a plan if nothing is."""
    try:
        found = checked(text)
    except PipelineError as error:
        return error.diagnostics
    is_sound = not any(each.severity == "error" for each in found.diagnostics)
    assert (found.plan is not None) == is_sound
    return found.diagnostics


def assert_told(text: str) -> tuple[Diagnostic, ...]:
    """Each diagnostic has a place in the file, and its own words."""
    found = diagnostics(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for each in found:
        assert each.message
        assert str(each).startswith(f"{each.mark}: ")
        if each.mark.path == "m.yaml":
            assert 1 <= each.mark.line <= len(lines)
            assert 1 <= each.mark.column <= len(lines[each.mark.line - 1]) + 2
    return found


@pytest.mark.parametrize("text", [RICH, COMPOSED], ids=["rich", "composed"])
def test_the_samples_are_sound(text: str) -> None:
    assert diagnostics(text) == ()


@pytest.mark.parametrize("first", range(0, FEW, 100))
def test_a_mutant_is_sound_or_told_what_is_wrong(first: int) -> None:
    texts = samples()
    for seed in range(first, first + 100):
        assert_told(mutant(seed, texts))


@pytest.mark.parametrize("first", range(0, FEW, 100))
def test_a_mutant_of_bytes_is_sound_or_told_what_is_wrong(first: int) -> None:
    raw = RICH.encode()
    for at in range(first, first + 100):
        diagnostics(raw[: at * 7] + bytes([(at * 37) % 256]) + raw[at * 7 + 1 :])


@pytest.mark.slow
def test_thousands_of_mutants_are_told_at_once() -> None:
    texts = samples()
    slowest, which = 0.0, 0
    sound = 0
    for seed in range(FEW, FEW + MANY):
        text = mutant(seed, texts)
        started = time.perf_counter()
        sound += not assert_told(text)
        seconds = time.perf_counter() - started
        if seconds > slowest:
            slowest, which = seconds, seed
    print(f"{MANY} mutants, {sound} sound; the slowest took {slowest:.2f} s (seed {which})")  # noqa: T201 - a measurement
    assert slowest < SLOWEST_S

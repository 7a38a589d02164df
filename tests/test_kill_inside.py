"""What an end deep inside costs: no answer, no effect of a tool twice, and nothing of the outputs.

Deep inside is a tool loop, a repeat, a nested foreach, and pipelines that are tools.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import inside, killing
from tests.support.killing import end_of, running
from tests.support.paced import Paced, Sent, paced

CONCURRENCY = 8
GRACE_S = 0.15
"""How long an answer may be on its way on a busy machine; `fused_inside` ends runs exactly."""
GENTLY = (130, 143, -signal.SIGTERM, -signal.SIGINT)
"""How a run ends that is asked to; the last two, where it has begun nothing yet."""
_REDO = re.compile(r"--redo ([\w.]+)(?=` calls (?:it|them) again| --redo)")
_LOOK_EVERY_S = 0.005


@dataclass(slots=True)
class Project:
    """A project under way: how its runs have ended, and what was begun and lost by each end."""

    folder: Path
    endpoint: Paced
    ends: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    asked: frozenset[str] = frozenset()
    redone: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def make(self) -> Project:
        inside.make(self.folder, self.endpoint.url, concurrency=CONCURRENCY)
        self.endpoint.forget()
        return self

    def started(self) -> AbstractContextManager[subprocess.Popen[str]]:
        """A run that has begun; tools that the last one asked about are called again."""
        words = [word for tool in self.asked for word in ("--redo", tool)]
        return running(self.folder, inside.NAME, "-q", *words)

    def end(self, moment: Moment) -> int:
        """A run that is ended at a moment, or ends before it; its exit code."""
        lost_before = self.lost_now()
        with self.started() as process:
            while process.poll() is None and not moment.has_come(self):
                time.sleep(_LOOK_EVERY_S)
            time.sleep(moment.delay_s)
            at = time.monotonic()
            process.send_signal(moment.signal)
            code, said = end_of(process)
        self._note(at, code, said)
        if code in GENTLY and (lost := self.lost_now() - lost_before):
            self.faults.append(f"ended gently, and yet lost: {lost}")
        return code

    def finish(self) -> None:
        """Runs until it is done; what a run asks about is called again by the next."""
        for _ in range(10):
            with self.started() as process:
                code, said = end_of(process)
            self._note(time.monotonic(), code, said)
            if code == 0:
                return
        self.faults.append(f"never done: {said}")

    def lost_now(self) -> Counter[str]:
        """The calls of which nobody knows what became of them, but for those of pipelines."""
        return killing.begun(self.folder)

    def _note(self, at: float, code: int, said: str) -> None:
        self.ends.append(at)
        if code == -signal.SIGKILL:
            self.lost += self.lost_now()
        self.asked = frozenset(_REDO.findall(said))
        self.redone |= self.asked
        if self.asked - self.lost.keys():
            self.faults.append(f"asked about what was not lost: {said}")
        if code not in (0, *GENTLY, -signal.SIGKILL) and not (code == 1 and self.asked):
            self.faults.append(f"ended with {code}: {said}")

    def found(self, undisturbed: Project) -> list[str]:
        """What the ends may not have cost."""
        found = [*self.faults, *self._paid_twice(), *self._called_twice(undisturbed)]
        if killing.outputs(self.folder) != killing.outputs(undisturbed.folder):
            found.append("other outputs")
        found += [f"left over: {each}" for each in killing.left_over(self.folder)]
        return found + [f"still running: {each}" for each in killing.processes(self.folder)]

    def _paid_twice(self) -> Iterator[str]:
        runs: list[Sequence[Sent]] = []
        seen = self.endpoint.log()
        for end in self.ends:
            runs.append([each for each in seen if each.at < end])
            seen = [each for each in seen if each.at >= end]
        for number, run in enumerate(runs):
            latest = self.ends[number] - GRACE_S
            again = {each.digest for later in runs[number + 1 :] for each in later}
            for each in run:
                if each.digest in again and each.answered_at and each.answered_at <= latest:
                    late = self.ends[number] - each.answered_at
                    yield f"run {number}: paid twice, answered {late:.3f} s before its end"

    def _called_twice(self, undisturbed: Project) -> Iterator[str]:
        lines = inside.effects(self.folder)
        if lines.keys() != inside.effects(undisturbed.folder).keys():
            yield "other effects"
        again: Counter[str] = Counter()
        for line, count in lines.items():
            again[line.split()[0]] += count - 1
        for tool, count in again.items():
            if count > self.lost[tool] or (count and tool not in self.redone):
                yield f"{tool}: {count} effects twice, and {self.lost[tool]} lost"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a run is ended, and by what: some time after so many requests, or effects of tools."""

    signal: signal.Signals
    requests: int
    effects: int
    delay_s: float

    def has_come(self, project: Project) -> bool:
        """Whether it is time."""
        if self.effects:
            return inside.effects(project.folder).total() >= self.effects
        return len(project.endpoint.log()) >= self.requests


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Paced]:
    with paced(5, 40) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(endpoint: Paced, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was run to its end in one go."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project", endpoint).make()
    project.finish()
    assert project.faults == []
    assert len(endpoint.log()) == len({each.digest for each in endpoint.log()}) == inside.REQUESTS
    assert set(inside.effects(project.folder).values()) == {1}
    assert inside.effects(project.folder).total() == inside.EFFECTS
    return project


def moments(luck: random.Random) -> Iterator[Moment]:
    """One to three ends, each a little later than the one before."""
    share = 0.0
    for _ in range(luck.randint(1, 3)):
        share += luck.uniform(0, 1 - share)
        kind = luck.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
        requests = max(1, round(share * inside.REQUESTS))
        effects = round(share * inside.EFFECTS) * luck.randint(0, 1)
        yield Moment(kind, requests, effects, luck.uniform(0, 0.05))


def trials(count: int, undisturbed: Project, folder: Path, seed: int) -> Iterator[Project]:
    """Projects that were ended now and then until they were done."""
    luck = random.Random(seed)
    for number in range(count):
        project = Project(folder / str(number), undisturbed.endpoint).make()
        for moment in moments(luck):
            project.end(moment)
            if killing.is_closed(project.folder):
                break
        else:
            project.finish()
        yield project


def faults(count: int, undisturbed: Project, folder: Path, seed: int) -> list[str]:
    """What was wrong in so many trials."""
    return [
        f"{project.folder.name}: {each}"
        for project in trials(count, undisturbed, folder, seed)
        for each in project.found(undisturbed)
    ]


def test_a_few_ends_cost_nothing_that_had_come(undisturbed: Project, tmp_path: Path) -> None:
    assert faults(2, undisturbed, tmp_path, seed=5) == []


@pytest.mark.slow
def test_fifty_ends_cost_nothing_that_had_come(undisturbed: Project, tmp_path: Path) -> None:
    assert faults(50, undisturbed, tmp_path, seed=1) == []


# One end, at a known place


def held(project: Project) -> None:
    """A run that is killed while every tool that it has begun is in its middle."""
    hold = project.folder / "hold"
    hold.touch()
    project.end(Moment(signal.SIGKILL, 0, effects=12, delay_s=0))
    hold.unlink()
    assert killing.processes(project.folder) == []


def test_a_tool_that_was_cut_off_is_called_again_only_on_a_persons_word(
    undisturbed: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", undisturbed.endpoint).make()
    held(project)
    before = inside.effects(project.folder)
    assert set(project.lost) == {"append", "stamp", "record"}
    with project.started() as process:
        code, said = end_of(process)
    assert code == 1
    assert (
        '"append" and "stamp" were called and their results never came, so they may have taken '
        "effect: see whether they did; `flowrun execute … --redo append --redo stamp` calls them "
        "again"
    ) in said
    assert inside.effects(project.folder) & before == before, "none of them is called again"
    with running(project.folder, inside.NAME, "-q", "--redo", "append", "--redo", "stamp") as again:
        code, said = end_of(again)
    assert code == 1
    assert '"record" was called' in said
    assert "`flowrun execute … --redo record` calls it again" in said
    with running(project.folder, inside.NAME, "-q", "--redo", "record") as again:
        assert end_of(again) == (0, "")
    twice = inside.effects(project.folder) - inside.effects(undisturbed.folder)
    assert twice == before, "what was cut off, and nothing else"
    assert killing.outputs(project.folder) == killing.outputs(undisturbed.folder)


def test_another_run_calls_for_its_steps_again_and_not_for_its_conversations(
    undisturbed: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", undisturbed.endpoint).make()
    project.finish()
    project.finish()
    assert len(project.endpoint.log()) == inside.REQUESTS
    again = inside.effects(project.folder) - inside.effects(undisturbed.folder)
    assert again.total() == inside.AGAIN
    assert all(line.startswith(("record round", "record cell")) for line in again)
    assert killing.outputs(project.folder) == killing.outputs(undisturbed.folder)


@pytest.mark.slow
def test_an_end_at_any_touch_of_the_disk_costs_nothing_that_was_kept(tmp_path: Path) -> None:
    with paced(0, 1) as quick:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.support.fused_inside", tmp_path, quick.url, "13"],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=True,
        )
    *found, last = ended.stdout.splitlines()
    assert found == []
    assert int(last.removeprefix("trials: ").partition(",")[0]) > 30

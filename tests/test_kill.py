"""What an end in the middle costs: no answer that had arrived, and nothing of the outputs."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import killing
from tests.support.killing import end_of, running
from tests.support.paced import Paced, Sent, paced

PIPELINE = """
name: thirty
schemas:
  brief:
    type: object
    properties: {title: {type: string, maxLength: 40}, points: {type: array, items: {type: string}}}
    required: [title, points]
    additionalProperties: false
steps:
  c1: {prompt: "chain 1"}
  c2: {prompt: "chain 2 {{ c1 }}"}
  c3: {prompt: "chain 3 {{ c2 }}"}
  c4: {prompt: "chain 4 {{ c3 }}"}
  c5: {prompt: "chain 5 {{ c4 }}"}
  c6: {prompt: "chain 6 {{ c5 }}"}
  c7: {prompt: "chain 7 {{ c6 }}"}
  c8: {prompt: "chain 8 {{ c7 }}"}
  f1: {prompt: "fan 1 {{ c1 }}"}
  f2: {prompt: "fan 2 {{ c1 }}"}
  f3: {prompt: "fan 3 {{ c2 }}"}
  f4: {prompt: "fan 4 {{ c2 }}"}
  f5: {prompt: "fan 5"}
  f6: {prompt: "fan 6"}
  brief: {prompt: "brief {{ c1 }}", response_format: brief}
  hero: {prompt: "hero {{ brief.title }}", model: image, modalities: [image]}
  words: {value: "{{ [f1, f2, f3, f4, f5, f6] }}"}
  each: {foreach: words, as: word, prompt: "each {{ word }}"}
  odd: {foreach: "range(6) | list", if: "item % 2 == 1", prompt: "odd {{ item }} {{ f5 }}"}
  pair: {foreach: {a: "['x', 'y']", b: "['1', '2']"}, prompt: "pair {{ a }}{{ b }} {{ f6 }}"}
  drawn: {prompt: "drawn {{ f1 }}", samples: 3}
  joined: {value: "{{ each | join(' ') }} {{ odd | select | join(' ') }}"}
  never: {prompt: "never", if: "1 > 2"}
  either: {value: "{{ never or f2 }}"}
  seen: {prompt: "what is {{ hero }}"}
  m1: {prompt: "merge {{ c4 }} {{ joined }}"}
  m2: {prompt: "merge {{ f3 }} {{ pair | join }} {{ either }}"}
  m3: {prompt: "merge {{ m1 }} {{ m2 }} {{ seen }}"}
  m4: {prompt: "merge {{ m3 }} {{ c8 }} {{ drawn | join }}"}
  end: {value: "{{ m4 }} {{ brief.title }}"}
outputs:
  page: {file: "page-{{ brief.title | slug }}.md", value: "{{ end }}\\n{{ joined }}\\n"}
  data:
    file: data/all.json
    value: {words: "{{ words }}", pair: "{{ pair }}", brief: "{{ brief }}"}
  hero: "{{ hero }}"
  each: {foreach: each, file: "each/{{ loop.index }}.txt", value: "{{ item }}"}
"""
CONFIG = """
[endpoints.paced]
base_url = "{url}"
[models]
recommended = "paced/word"
image = "paced/picture"
[run]
concurrency = 8
"""
CONCURRENCY = 8
GRACE_S = 0.05


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with the pipeline in it, and the endpoint that it asks."""

    folder: Path
    endpoint: Paced

    def make(self) -> Project:
        self.folder.mkdir()
        (self.folder / "thirty.yaml").write_text(PIPELINE)
        (self.folder / "flowrun.toml").write_text(CONFIG.format(url=self.endpoint.url))
        self.endpoint.forget()
        return self

    def started(self) -> AbstractContextManager[subprocess.Popen[str]]:
        """A run that has begun."""
        return running(self.folder, "thirty.yaml", "-q")

    def finish(self) -> None:
        """Runs to the end."""
        with self.started() as process:
            assert end_of(process) == (0, "")

    def outputs(self) -> dict[str, bytes]:
        return killing.outputs(self.folder)

    def left_over(self) -> list[str]:
        """Temporary files, wherever they are."""
        return killing.left_over(self.folder)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Paced]:
    with paced(5, 60) as running:
        yield running


@pytest.fixture(scope="module")
def first(
    endpoint: Paced, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, Sequence[Sent]]:
    """A project that was run to its end without a kill, and what the run sent."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project", endpoint).make()
    project.finish()
    # Read at once: other tests go on to use the endpoint.
    return project, project.endpoint.log()


@pytest.fixture(scope="module")
def undisturbed(first: tuple[Project, Sequence[Sent]]) -> Project:
    """The project of that run."""
    return first[0]


@pytest.fixture(scope="module")
def requests(first: tuple[Project, Sequence[Sent]]) -> int:
    """How many requests a run sends."""
    seen = first[1]
    assert len({each.digest for each in seen}) == len(seen) - 2, "three samples are one request"
    return len(seen)


@dataclass(frozen=True, slots=True)
class Trial:
    """What was sent before an end and after it; `ended_at` is when the signal was sent."""

    before: Sequence[Sent]
    after: Sequence[Sent]
    ended_at: float

    def repeated(self) -> list[Sent]:
        """What was sent before and again after."""
        again = [each.digest for each in self.after]
        found = []
        for each in self.before:
            if each.digest in again:
                again.remove(each.digest)
                found.append(each)
        return found

    def in_flight(self) -> list[Sent]:
        """What had no answer when the signal was sent, or had it just then."""
        latest = self.ended_at - GRACE_S
        return [e for e in self.before if e.answered_at is None or e.answered_at > latest]


def ended(project: Project, after: int, delay_s: float) -> Trial:
    """A run that is killed a moment after so many requests, and the run that follows."""
    with project.started() as process:
        project.endpoint.wait_for(after)
        time.sleep(delay_s)
        ended_at = time.monotonic()
        process.kill()
        code, said = end_of(process)
    again_at = time.monotonic()
    assert (code, said) in ((0, ""), (-signal.SIGKILL, ""))
    project.finish()
    seen = project.endpoint.log()
    return Trial(
        [each for each in seen if each.at < again_at],
        [each for each in seen if each.at >= again_at],
        ended_at,
    )


def faults(trial: Trial, project: Project, undisturbed: Project) -> list[str]:
    """What a kill may not have cost."""
    found = []
    paid_twice = [each for each in trial.repeated() if each not in trial.in_flight()]
    if paid_twice:
        late = [round(trial.ended_at - (each.answered_at or 0), 3) for each in paid_twice]
        found.append(f"paid twice, answered so many seconds before: {late}")
    if len(trial.repeated()) > len(trial.in_flight()):
        found.append(f"{len(trial.repeated())} repeats")
    if project.outputs() != undisturbed.outputs():
        found.append("other outputs")
    return found + [f"left over: {each}" for each in project.left_over()]


def killed(
    count: int, requests: int, undisturbed: Project, folder: Path, seed: int
) -> Iterator[str]:
    """The faults of so many trials."""
    luck = random.Random(seed)
    for number in range(count):
        project = Project(folder / str(number), undisturbed.endpoint).make()
        moment = luck.randint(1, requests), luck.uniform(0, 0.08)
        trial = ended(project, *moment)
        for each in faults(trial, project, undisturbed):
            yield f"trial {number}, killed after {moment}: {each}"


def test_a_few_kills_cost_nothing_that_had_arrived(
    requests: int, undisturbed: Project, tmp_path: Path
) -> None:
    assert list(killed(2, requests, undisturbed, tmp_path, seed=2)) == []


@pytest.mark.slow
def test_fifty_kills_cost_nothing_that_had_arrived(
    requests: int, undisturbed: Project, tmp_path: Path
) -> None:
    assert list(killed(50, requests, undisturbed, tmp_path, seed=1)) == []


@pytest.mark.slow
def test_many_kills_of_one_run_cost_nothing_that_had_arrived(
    requests: int, undisturbed: Project, tmp_path: Path
) -> None:
    luck = random.Random(3)
    project = Project(tmp_path / "project", undisturbed.endpoint).make()
    sent = 0
    for _ in range(10):
        with project.started():
            sent = min(sent + luck.randint(1, 6), requests)
            project.endpoint.wait_for(sent)
    project.finish()
    assert project.outputs() == undisturbed.outputs()
    assert project.left_over() == []
    assert len(project.endpoint.log()) <= requests + 10 * CONCURRENCY


# Ends that ask first


CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_signal_ends_a_run_gently(
    number: signal.Signals, code: int, requests: int, undisturbed: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", undisturbed.endpoint).make()
    with project.started() as process:
        project.endpoint.wait_for(10)
        process.send_signal(number)
        ended_with, said = end_of(process)
    assert ended_with == code
    assert "run the same command again" in said
    before = project.endpoint.log()
    assert all(each.answered_at is not None for each in before)
    project.finish()
    assert len(project.endpoint.log()) == requests, "what was under way was finished and kept"
    assert project.outputs() == undisturbed.outputs()
    assert project.left_over() == []


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_second_signal_ends_a_run_at_once(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with paced(600_000, 600_000) as silent:
        project = Project(tmp_path / "project", silent).make()
        with project.started() as process:
            silent.wait_for(3)
            process.send_signal(number)
            assert process.stderr is not None
            assert "stopping: " in process.stderr.readline() + process.stderr.readline()
            process.send_signal(number)
            ended_with, _ = end_of(process)
    assert ended_with == code
    assert project.left_over() == []


def test_a_signal_while_a_wide_value_is_computed_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(
        "steps: {a: {foreach: 'range(9000) | list', value: '{{ range(9000) | list | length }}'}}"
    )
    with running(tmp_path, "wide.yaml") as process:
        assert process.stderr is not None
        assert "wide" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        ended_with, _ = end_of(process)
    assert ended_with == 130


# Several at once


def test_runs_at_one_time_leave_one_whole_result(undisturbed: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", undisturbed.endpoint).make()
    with project.started() as one, project.started() as two, project.started() as three:
        assert [end_of(each) for each in (one, two, three)] == [(0, "")] * 3
    assert project.outputs() == undisturbed.outputs()
    assert project.left_over() == []


# The disk


@pytest.mark.slow
def test_an_end_at_any_touch_of_the_disk_costs_nothing_that_was_kept(tmp_path: Path) -> None:
    with paced(0, 1) as quick:
        ended_trials = subprocess.run(
            [sys.executable, "-m", "tests.support.fused", tmp_path, quick.url],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended_trials.stderr == ""
    *found, last = ended_trials.stdout.splitlines()
    assert found == []
    assert int(last.removeprefix("trials: ")) > 50


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="nothing else limits a file's size")
def test_a_full_disk_ends_a_run_cleanly_and_a_later_run_goes_on(
    requests: int, undisturbed: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", undisturbed.endpoint).make()
    command = [sys.executable, "-m", "flowrun.cli.main", "execute", "thirty.yaml", "-q"]
    # As on a full disk, no file grows beyond so many bytes.
    limited = ["prlimit", "--fsize=60000", "--", *command]
    full = subprocess.run(limited, cwd=project.folder, capture_output=True, text=True, check=False)
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    assert "answers.sqlite3" in full.stderr
    paid = len(project.endpoint.log())
    assert CONCURRENCY < paid < requests
    project.finish()
    assert len(project.endpoint.log()) <= requests + CONCURRENCY
    assert project.outputs() == undisturbed.outputs()

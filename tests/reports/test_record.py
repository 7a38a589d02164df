from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowrun.errors import StoreError
from flowrun.reports.record import FORMAT, Record, read
from flowrun.run.events import RunStarted, StepStarted, StepStreamed, ToolStarted, as_json
from tests.reports.scene import WHOLE


def test_what_is_told_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "r1.jsonl"
    record = Record(path)
    for event in WHOLE:
        record(event)
    assert record.close() is None
    assert read(path) == [as_json(event) for event in WHOLE if not isinstance(event, StepStreamed)]


def test_the_first_line_names_the_format(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    Record(path).close()
    assert path.read_text() == f'{{"format":"{FORMAT}"}}\n'


def test_what_is_around_a_step_is_told_where_there_is_something(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    record = Record(path)
    record(StepStarted("a.b", None, None, 1.0, (0, 2)))
    record(ToolStarted("a", None, "search", '{"q": 1}', 1.0))
    record.close()
    assert read(path) == [
        {
            **{"event": "StepStarted", "step": "a.b", "item": None, "model": None, "at": 1.0},
            "within": [0, 2],
        },
        {
            **{"event": "ToolStarted", "step": "a", "item": None, "tool": "search"},
            **{"arguments": '{"q": 1}', "at": 1.0},
        },
    ]


def test_a_long_record_is_written_in_several_batches(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    record = Record(path)
    for number in range(2_500):
        record(StepStarted(str(number), None, None, 1.0))
    record.close()
    assert [line["step"] for line in read(path)] == [str(number) for number in range(2_500)]


def test_a_folder_that_cannot_be_made_is_said_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file" / "r1.jsonl"
    (tmp_path / "file").write_text("not a folder")
    assert Record(path).close() == f"the run's record {path} is incomplete: File exists"


def test_lines_are_written_while_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    record = Record(path)
    record(WHOLE[0])
    while not path.exists() or path.read_bytes().count(b"\n") < 2:
        os.sched_yield()
    assert read(path) == [as_json(WHOLE[0])]
    record.close()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / ".flowrun" / "runs" / "r1.jsonl"
    Record(path).close()
    modes = [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_secrets_are_masked_in_every_text(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    record = Record(path, mask=lambda text: text.replace("hunter2", "***"))
    record(RunStarted("r1", "hunter2", ("a-hunter2",), 1.0))
    record.close()
    assert read(path) == [
        {"event": "RunStarted", "run_id": "r1", "pipeline": "***", "steps": ["a-***"], "at": 1.0}
    ]


@pytest.mark.parametrize("name", ["Grüße \u2028 \x85 \x1b", 'quote " and \\', "two\nlines"])
def test_any_text_survives(tmp_path: Path, name: str) -> None:
    path = tmp_path / "r1.jsonl"
    record = Record(path)
    record(StepStarted(name, None, None, 1.0))
    record.close()
    assert read(path)[0]["step"] == name


def test_a_lone_surrogate_is_kept_as_json_spells_it(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    record = Record(path)
    record(StepStarted("a\udc80", None, None, 1.0))
    assert record.close() is None
    assert b"a\\udc80" in path.read_bytes()
    assert read(path)[0]["step"] == "a\udc80"


def test_a_record_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    path.write_text("mine")
    record = Record(path)
    assert record.close() == f"the run's record {path} is incomplete: File exists"
    record(WHOLE[0])
    assert path.read_text() == "mine"


def test_a_full_disk_is_said_at_the_end_and_leaves_whole_lines(tmp_path: Path) -> None:
    """A limit on the file's size stands in for the disk's."""
    path = tmp_path / "r1.jsonl"
    code = f"""
import resource, signal
from pathlib import Path
from flowrun.reports.record import Record
from flowrun.run.events import StepStarted
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
record = Record(Path({str(path)!r}))
for number in range(2_500):
    record(StepStarted(str(number), None, None, 1.0))
print(record.close())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == f"the run's record {path} is incomplete: File too large\n"
    assert path.read_bytes().endswith(b"\n")
    assert read(path) == []


def test_a_killed_run_leaves_a_record_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    code = f"""
from pathlib import Path
from flowrun.reports.record import Record
from flowrun.run.events import StepStarted
record, number = Record(Path({str(path)!r})), 0
while True:
    record(StepStarted(str(number), None, None, 1.0))
    number += 1
    if number == 5_000:
        print("going", flush=True)
    if number > 5_000:
        number = 5_000
        input()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    while not path.exists() or path.stat().st_size < 200:
        os.sched_yield()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    found = [line["step"] for line in read(path)]
    assert found == [str(number) for number in range(len(found))]


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r1.jsonl"
    path.write_text(f'{{"format":"{FORMAT}"}}\n{{"event":"A"}}\n{{"event":"B')
    assert read(path) == [{"event": "A"}]


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b"\xff", b""], ids=["cut", "list", "bytes", "empty"]
)
def test_a_line_in_the_middle_that_is_no_event_is_an_error(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "r1.jsonl"
    path.write_bytes(json.dumps({"format": FORMAT}).encode() + b"\n" + line + b"\n{}\n")
    with pytest.raises(StoreError, match=f"^{re.escape(str(path))}:2: not a line of a record$"):
        read(path)


@pytest.mark.parametrize("text", ["", '{"format":"other/1"}\n', '{"event":"A"}\n'])
def test_another_file_is_not_a_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r1.jsonl"
    path.write_text(text)
    with pytest.raises(StoreError, match=r'is not a record of the format "flowrun-record/1"$'):
        read(path)


def test_a_missing_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read the record .*: No such file or directory"):
        read(tmp_path / "none.jsonl")

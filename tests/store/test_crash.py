"""What a kill may cost: nothing that `put` returned for."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from flowrun.store.sqlite import SqliteStore

DRIVER = Path(__file__).with_name("crash_driver.py")


def test_a_kill_at_any_event_loses_nothing_and_tears_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, DRIVER, tmp_path], capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    *faults, last = ended.stdout.splitlines()
    assert faults == []
    assert int(last.removeprefix("trials: ")) > 150


WRITE = """
import hashlib, sys
from pathlib import Path
from flowrun.store.sqlite import SqliteStore

store = SqliteStore(Path(sys.argv[1]))
for number in range(100_000):
    data = b"%d" % number * 1000
    store.put(str(number), {"number": number}, {hashlib.sha256(data).hexdigest(): data})
    print(number, flush=True)
"""


def test_a_kill_from_outside_loses_nothing(tmp_path: Path) -> None:
    luck = random.Random(3)
    for trial in range(8):
        state = tmp_path / str(trial)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE, state], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        wanted = luck.randrange(1, 300)
        kept = [int(writer.stdout.readline()) for _ in range(wanted)]
        writer.kill()
        kept += [int(line) for line in writer.stdout.read().splitlines(True) if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
        with closing(SqliteStore(state)) as store:
            for number in kept:
                data = b"%d" % number * 1000
                assert store.get(str(number)) == {"number": number}
                assert store.blob(hashlib.sha256(data).hexdigest()) == data

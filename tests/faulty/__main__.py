"""Writes what `flowrun check` says of faulty files anew: `python -m tests.faulty [NAME …]`.

For whoever changed a message. Look at every line that git then shows as changed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faulty.made import MADE, make
from tests.faulty.report import check

HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    """Writes the report on each file of that name, or on all."""
    for name in names or [*(path.stem for path in HERE.glob("*.yaml")), *MADE]:
        if name in MADE:
            with tempfile.TemporaryDirectory() as outer:
                folder = Path(outer, "inner")
                folder.mkdir()
                report = check(make(name, folder), folder)
        else:
            report = check(f"{name}.yaml", HERE)
        (HERE / f"{name}.txt").write_text(report.stderr, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

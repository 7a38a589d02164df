from __future__ import annotations

import re
from dataclasses import replace

from flowrun.errors import Diagnostic, Mark
from flowrun.reports.diagnostics import coloured

FAULT = Diagnostic(
    Mark("pipelines/story.yaml", 8, 12),
    'unknown step "ouline"',
    "unknown-step",
    "a template may name only steps of this file: outline, draft",
    "did you mean outline?",
    "    Use {{ ouline.title }}",
    6,
)


def test_colour_changes_nothing_but_colour() -> None:
    faults = [FAULT, replace(FAULT, excerpt="", why="", mend="", severity="warning")]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured(faults))
    assert plain == "\n\n".join(str(each) for each in faults)


def test_each_part_has_its_colour() -> None:
    assert coloured([FAULT]) == (
        '\x1b[1mpipelines/story.yaml:8:12:\x1b[0m\x1b[1;31m unknown step "ouline"\x1b[0m'
        "\x1b[2m [unknown-step]\x1b[0m\n"
        "      Use {{ ouline.title }}\n"
        "\x1b[1;31m             ^^^^^^\x1b[0m\n"
        "  \x1b[2mwhy:\x1b[0m  a template may name only steps of this file: outline, draft\n"
        "  \x1b[36mmend:\x1b[0m did you mean outline?"
    )


def test_a_warning_is_yellow() -> None:
    assert "\x1b[1;33m warning: unknown" in coloured([replace(FAULT, severity="warning")])


def test_what_a_file_says_is_not_obeyed() -> None:
    assert "\x1b[2J" not in coloured([replace(FAULT, message="\x1b[2J", excerpt="\x1b[2J")])

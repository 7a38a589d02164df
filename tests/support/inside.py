"""A pipeline whose work lies deep: a tool loop, a repeat, a nested foreach, pipelines as tools.

Its tools note in `effects.txt` each time that they have taken effect, so that one which is
called twice shows; in `pure.txt` stands what a tool that may be called again has done.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

NAME = "inside.yaml"
REQUESTS, EFFECTS = 55, 44
"""What a run of it takes: requests, and lines in `effects.txt`."""
AGAIN = 16
"""How many of the effects another run has again: those of steps that call a tool."""

_PIPELINE = """
name: inside
tools:
  append: {shell: [./append, "append {{ text }}"], parameters: &text
    {type: object, properties: {text: {type: string}}, required: [text]}}
  stamp: {python: "effects:stamp"}
  measure: {python: "effects:measure", pure: true}
  review: {uses: ./review.yaml}
  record: {shell: [./append, "record {{ text }}"], parameters: *text}
steps:
  agent: {prompt: "agent", tools: [append, stamp, measure, review]}
  crowd:
    foreach: "range(2) | list"
    prompt: "crowd {{ item }}"
    tools: [append, stamp]
  refined:
    repeat: {until: "round >= 4", max: 6}
    steps:
      draft: {prompt: "draft {{ round }} of {{ agent }} after {{ previous or 'nothing' }}"}
      noted: {call: record, with: {text: "round {{ round }} {{ draft }}"}}
      judged: {prompt: "judge {{ draft }} {{ noted }}"}
  grid:
    foreach: "range(4) | list"
    as: row
    steps:
      cells:
        foreach: "range(3) | list"
        as: column
        steps:
          asked: {prompt: "cell {{ row }} {{ column }}"}
          noted: {call: record, with: {text: "cell {{ row }} {{ column }} {{ asked }}"}}
          said: {prompt: "say {{ noted }}"}
outputs:
  agents: {file: agents.json, value: ["{{ agent }}", "{{ crowd }}"]}
  refined: {file: refined.json, value: "{{ refined }}"}
  grid: {file: grid.json, value: "{{ grid }}"}
"""
_REVIEW = """
name: review
inputs: {text: {type: string}}
tools:
  record: {shell: [./append, "record {{ text }}"], parameters:
    {type: object, properties: {text: {type: string}}, required: [text]}}
steps:
  first: {prompt: "review {{ inputs.text }}"}
  noted: {call: record, with: {text: "review {{ first }} {{ inputs.text }}"}}
  second: {prompt: "sure of {{ noted }}"}
outputs: {said: "{{ second }}"}
"""
_CONFIG = """
[endpoints.paced]
base_url = "{url}"
[models]
recommended = "paced/word"
[run]
concurrency = {concurrency}
"""
# `hold` keeps every tool in its middle for as long as it is there.
_APPEND = """#!/bin/sh
echo "$1" >> effects.txt
sleep 0.01
while [ -e hold ]; do sleep 0.01; done
echo "$1, done"
"""
_EFFECTS = '''
"""Tools of a test."""
import pathlib, time

FOLDER = pathlib.Path(__file__).parent

def _note(file: str, line: str) -> str:
    with (FOLDER / file).open("a") as effects:
        effects.write(line + "\\n")
    time.sleep(0.01)
    while (FOLDER / "hold").exists():
        time.sleep(0.01)
    return line + ", done"

def stamp(text: str) -> str:
    """Stamps it."""
    return _note("effects.txt", f"stamp {text}")

def measure(text: str) -> int:
    """Measures it."""
    return len(_note("pure.txt", f"measure {text}"))
'''


def make(folder: Path, url: str, *, concurrency: int) -> Path:
    """The project in a new folder."""
    folder.mkdir()
    (folder / NAME).write_text(_PIPELINE)
    (folder / "review.yaml").write_text(_REVIEW)
    (folder / "effects.py").write_text(_EFFECTS)
    (folder / "append").write_text(_APPEND)
    (folder / "append").chmod(0o755)
    (folder / "flowrun.toml").write_text(_CONFIG.format(url=url, concurrency=concurrency))
    return folder


def effects(folder: Path) -> Counter[str]:
    """How often each call that may be made once has taken effect."""
    path = folder / "effects.txt"
    return Counter(path.read_text().splitlines() if path.exists() else ())

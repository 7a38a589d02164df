"""`flowrun init`: a commented starter pipeline and flowrun.toml."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from flowrun.cli.streams import say
from flowrun.errors import UsageError

PIPELINE = """\
# A pipeline is a graph of steps. A step's name is a variable that holds its output; naming it in
# another step's template makes the edge between them. Try:
#
#   flowrun check hello.yaml
#   flowrun graph hello.yaml
#   flowrun execute hello.yaml -i topic=lighthouses
name: hello
description: An outline as JSON, then a paragraph for each of its points.

inputs:
  topic: {type: string, default: tea}

# What a step's reply must look like. Later steps are checked against it before anything is sent.
schemas:
  outline:
    type: object
    properties:
      title: {type: string, maxLength: 60}
      points: {type: array, items: {type: string, maxLength: 80}, minItems: 2, maxItems: 3}
    required: [title, points]
    additionalProperties: false

# For every step that asks a model; a step may say otherwise. Presets (fastest, smartest, image,
# …) are set in flowrun.toml. With nothing configured they are a small model on this machine.
defaults: {model: fastest, temperature: 0}

steps:
  outline:
    prompt: Write a short outline of an article about {{ inputs.topic }}.
    response_format: outline

  paragraphs:
    foreach: outline.points
    as: point
    prompt: "Write two sentences about {{ inputs.topic }}: {{ point }}"
    max_completion_tokens: 120

outputs:
  article:
    file: "{{ inputs.topic | slug }}.md"
    value: |
      # {{ outline.title }}

      {{ paragraphs | join('\\n\\n') }}
"""

CONFIGURATION = """\
# flowrun's configuration for the pipelines in this folder and below.
# Keys stand in the environment only.

# [models]                        # presets, and names of your own
# fastest = "openai/gpt-5-mini"   # needs OPENAI_API_KEY
# smartest = "gumloop/smartest"   # needs GUMLOOP_API_KEY
# draft = "mine/llama-3"          # model: draft

# [endpoints.mine]                # any OpenAI-compatible server
# base_url = "http://127.0.0.1:8080/v1"
# key_env = "MINE_API_KEY"        # the variable that holds the key, if it wants one

# [prices."mine/llama-3"]         # US dollars for a million tokens
# input = 0.10
# output = 0.40

[run]
concurrency = 16                  # calls under way at once
"""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False), default=".")
def init(folder: str) -> None:
    """Write a commented starter pipeline and flowrun.toml.

    Files that are there already are left as they are.
    """
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
        for name, text in (("hello.yaml", PIPELINE), ("flowrun.toml", CONFIGURATION)):
            _write(root / name, text)
    except OSError as error:
        raise UsageError(f'"{folder}" cannot be written: {error.strerror}') from error
    say(f"\nnext: flowrun execute {shlex.quote(str(root / 'hello.yaml'))}")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        say(f"{path} is there already: left as it is")
    else:
        say(f"wrote {path}")

"""`flowrun schema`: the JSON Schema of pipeline files, for editors."""

from __future__ import annotations

import json

import click

from flowrun.cli.streams import put


@click.command()
def schema() -> None:
    """Print the JSON Schema of pipeline files for editors.

    Write it beside your pipelines and name it in their first line:

    \b
    # yaml-language-server: $schema=flowrun.schema.json
    """
    from flowrun.document.spec import editor_schema

    put(json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n")

"""`flowrun completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from flowrun.cli.streams import put


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    Put it where the shell finds it:

    \b
    flowrun completion bash >> ~/.bashrc
    flowrun completion zsh >> ~/.zshrc
    flowrun completion fish > ~/.config/fish/completions/flowrun.fish
    """
    from flowrun.cli.commands import flowrun

    found = get_completion_class(shell)
    assert found is not None
    put(found(flowrun, {}, "flowrun", "_FLOWRUN_COMPLETE").source() + "\n")

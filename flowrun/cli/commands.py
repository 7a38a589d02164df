"""The `flowrun` command: its subcommands are imported when they are called."""

from __future__ import annotations

import gc
import importlib
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: dict[str, tuple[str, str]] = {
    "execute": ("flowrun.cli.execute:execute", "Run a pipeline and write its outputs (also: run)."),
    "check": ("flowrun.cli.check:check", "Report every fault of pipeline files, sending nothing."),
    "graph": ("flowrun.cli.graph:graph", "Draw a pipeline's steps and who needs whom."),
    "serve": ("flowrun.cli.serve:serve", "Serve every configured model at one endpoint."),
    "models": ("flowrun.cli.models:models", "List presets, endpoints and their models."),
    "keys": ("flowrun.cli.keys:keys", "Make, list, revoke and top up the gateway's keys."),
    "usage": ("flowrun.cli.usage:usage", "Show what was used with the gateway's keys."),
    "doctor": ("flowrun.cli.doctor:doctor", "Say what is configured and what answers."),
    "init": ("flowrun.cli.init:init", "Write a commented starter pipeline and flowrun.toml."),
    "schema": ("flowrun.cli.schema:schema", "Print the JSON Schema of pipeline files for editors."),
    "completion": ("flowrun.cli.completion:completion", "Print the completion script of a shell."),
}
"""Each subcommand: where it is, and its line in the list."""

ALIASES = {"run": "execute"}


class LazyGroup(click.Group):
    """Knows its commands by name and imports one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        place = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if place is None:
            return None
        module, _, name = place[0].partition(":")
        # What is imported lives to the end: to look for garbage in it only takes time.
        gc.disable()
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        finally:
            gc.freeze()
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; an unknown one names the nearest."""
        if args[0] not in {*COMMANDS, *ALIASES}:
            from flowrun.errors import did_you_mean

            mend = did_you_mean(args[0], [*COMMANDS, *ALIASES])
            hint = mend or f"commands: {', '.join(COMMANDS)}"
            raise click.UsageError(f'no command is called "{args[0]}"; {hint}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them, and the options."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items()]
        begun = [each for each in found if each.value.startswith(incomplete)]
        return begun + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, asked: _version(ctx) if asked else None,
    help="Show the version and exit.",
)
def flowrun() -> None:
    """Run prompt pipelines that stand in YAML files.

    A pipeline is a graph of prompt steps with templates; flowrun orders them, asks the models,
    and asks nothing twice that was answered before.
    """


def _version(ctx: click.Context) -> NoReturn:
    from importlib.metadata import version

    click.echo(f"flowrun {version('flowrun-pipelines')}")
    ctx.exit()

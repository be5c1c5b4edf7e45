"""A group that imports a command when it is called, as in Click's page on complex applications.

Click asks every command for its line of `--help`; here the lines stand beside the names, so that help imports nothing.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module

import click

_WHOLE = 1_000


@contextmanager
def _ended_by_ctrl_c() -> Generator[None]:
    """Let Ctrl-C end an import at once: there is nothing to clean up, and some modules swallow the exception."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class LazyCommand(click.Command):
    """Stands in for a command: its name, where it is (`module:name`), and the first sentence of its help."""

    def __init__(self, name: str, path: str, sentence: str) -> None:
        super().__init__(name, help=sentence)
        self.path = path

    def load(self) -> click.Command:
        """Import the command itself."""
        module, _, name = self.path.partition(":")
        with _ended_by_ctrl_c():
            return getattr(import_module(module), name)


class LazyGroup(click.Group):
    """A group of which some commands are lazy."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if it is lazy."""
        command = super().get_command(ctx, cmd_name)
        return command.load() if isinstance(command, LazyCommand) else command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write a whole sentence for each command, and import none."""
        shown = [(name, one) for name, one in sorted(self.commands.items()) if not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in shown])

"""The command `roster`: a command and what it needs are imported when it is called."""

import os
import sys
from io import TextIOWrapper

import click

from agentroster import __version__
from agentroster.cli.lazy_group import LazyCommand, LazyGroup
from agentroster.cli.options import DATA_DIR_OF_GROUP
from agentroster.errors import RosterError, StorageFailed

_COMMANDS = [
    LazyCommand(
        "agents",
        "agentroster.cli.agents:agents",
        "List the agents: where they come from, which language model they use, and what is wrong with others.",
    ),
    LazyCommand(
        "ask",
        "agentroster.cli.ask:ask",
        "Ask an agent of the running proxy, and print its answer as it comes; - reads standard input.",
    ),
    LazyCommand(
        "audit",
        "agentroster.cli.audit:audit",
        "Show uses and changes of credentials and keys, and refused keys, oldest first.",
    ),
    LazyCommand(
        "backup",
        "agentroster.cli.backup:backup",
        "Write keys, memories, jobs, credentials and audit into a new FILE, while the proxy runs.",
    ),
    LazyCommand(
        "candidates",
        "agentroster.cli.candidates:find_candidates",
        "Look on the hub for where files without an address come from; nothing is written.",
    ),
    LazyCommand(
        "credentials",
        "agentroster.cli.credentials:credentials",
        "Credentials of people: listed, set, deleted, re-encrypted, backed up.",
    ),
    LazyCommand(
        "demo",
        "agentroster.cli.demo:demo",
        "Put two small model files into a folder, to try agents without a network.",
    ),
    LazyCommand(
        "enrich",
        "agentroster.cli.enrich:enrich",
        "Complete the sidecars of files and folders from their HuggingFace model cards.",
    ),
    LazyCommand("keys", "agentroster.cli.keys:keys", "API keys of people and programs."),
    LazyCommand("model", "agentroster.cli.model:model", "The language model behind the agents."),
    LazyCommand(
        "models",
        "agentroster.cli.models:models",
        "List what the running proxy offers: its agents, and models of its own list.",
    ),
    LazyCommand(
        "restore",
        "agentroster.cli.backup:restore",
        "Put what FILE holds in place of what is there, while no proxy runs; the old files are kept aside.",
    ),
    LazyCommand("serve", "agentroster.cli.serve:serve", "Serve the agents until Ctrl-C."),
    LazyCommand(
        "skills", "agentroster.cli.skills:skills", "List the skills, where they come from, and broken ones; or run one."
    ),
    LazyCommand(
        "status",
        "agentroster.cli.models:status",
        "Say whether the proxy runs and can do its work; exit status 1 when it cannot.",
    ),
    LazyCommand(
        "users", "agentroster.cli.users:users", "People: remove all that is stored for one, or give it to a new id."
    ),
    LazyCommand(
        "worker",
        "agentroster.cli.worker:worker",
        "Work on jobs until Ctrl-C, beside a `roster serve --no-worker` on the same data.",
    ),
]


@click.group(cls=LazyGroup, commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="roster")
@DATA_DIR_OF_GROUP
def cli() -> None:
    """Agents for every OpenAI-compatible client."""


def main() -> None:
    """Run the command line: one clear line and exit status 2 for what is refused."""
    _open_missing_streams()
    _write_any_character()
    try:
        cli(standalone_mode=False)
    except StorageFailed as error:
        _exit(error.for_operator, 2)
    except RosterError as error:
        details = [f"\n  {one}" for one in getattr(error, "errors", ())]
        _exit(error.message + "".join(details), 2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _exit("interrupted", 130)
    except BrokenPipeError:
        # Whoever reads has read enough, as `head` does.
        _drop_output()
    except OSError as error:
        _drop_output()
        _exit(f"this did not work: {error.strerror or error}", 2)


def _write_any_character() -> None:
    """Show a character that a terminal or file cannot hold by its number: Windows writes files in a code page."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _exit(message: str, status: int) -> None:
    # A path may hold a line break; a refusal is one line, and so is each error after it.
    lines = [_printable(line) for line in message.split("\n  ")]
    click.echo("roster: " + "\n  ".join(lines), err=True)
    sys.exit(status)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _drop_output() -> None:
    """Send what is left for standard output nowhere: Python would complain once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_missing_streams() -> None:
    """Put /dev/null where a standard stream is closed: the next file that is opened would take its place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115

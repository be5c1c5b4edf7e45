"""The command `roster`. Nothing slow is imported before a command needs it."""

import os
import sys
from pathlib import Path

import click

from agentroster import __version__
from agentroster.cli.agents import agents
from agentroster.cli.audit import audit
from agentroster.cli.backup import backup, restore
from agentroster.cli.credentials import credentials
from agentroster.cli.enrich import enrich
from agentroster.cli.keys import keys
from agentroster.cli.model import model
from agentroster.cli.options import DATA_DIR, DATA_DIR_OF_GROUP
from agentroster.cli.skills import skills
from agentroster.cli.users import users
from agentroster.errors import RosterError, StorageFailed


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="roster")
@DATA_DIR_OF_GROUP
def cli() -> None:
    """Agents for every OpenAI-compatible client."""


def main() -> None:
    """Run the command line: one clear line and exit status 2 for what is refused."""
    _open_missing_streams()
    try:
        cli(standalone_mode=False)
    except StorageFailed as error:
        _exit(error.for_operator, 2)
    except RosterError as error:
        details = [f"\n  {complaint}" for complaint in getattr(error, "complaints", ())]
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


def _exit(message: str, status: int) -> None:
    # A path may hold a line break; a refusal is one line, and so is each complaint after it.
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


@cli.command()
@click.option("--host", help="Address to listen on (ROSTER_HOST, default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (ROSTER_PORT, default 9501; 0 for any).")
@DATA_DIR
@click.option("--config", type=click.Path(path_type=Path), help="LiteLLM config to extend (default proxy_config.yaml).")
@click.option(
    "--agents-file",
    type=click.Path(path_type=Path),
    help="Agents without code (ROSTER_AGENTS_FILE, default agents.toml).",
)
def serve(
    host: str | None, port: int | None, data_dir: Path | None, config: Path | None, agents_file: Path | None
) -> None:
    """Serve the agents until Ctrl-C."""
    from agentroster.gateway.serve import serve as run  # noqa: PLC0415 - slow

    run(host=host, port=port, data_dir=data_dir, config=config, agents_file=agents_file)


cli.add_command(agents)
cli.add_command(keys)
cli.add_command(model)
cli.add_command(credentials)
cli.add_command(users)
cli.add_command(audit)
cli.add_command(backup)
cli.add_command(restore)
cli.add_command(enrich)
cli.add_command(skills)

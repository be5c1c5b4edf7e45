"""The command line itself: what it imports, and what its help says."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from agentroster.cli import cli
from agentroster.cli.lazy_group import LazyCommand
from agentroster.cli.skills import skills
from agentroster.cli.tables import fitted
from tests.support.deployment import REPOSITORY

LAZY = {
    f"{group.name} {name}": stub
    for group in (cli, skills)
    for name, stub in group.commands.items()
    if isinstance(stub, LazyCommand)
}


def imported(*lines: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has imported after these lines."""
    code = "\n".join([*lines, "import sys; print(*sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=REPOSITORY, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_nothing_but_the_command_line() -> None:
    modules = imported("from agentroster.cli import cli", "cli(['--help'], standalone_mode=False)")
    own = {name for name in modules if name.startswith("agentroster.")}
    known = {"cli", "cli.lazy_group", "cli.options", "errors", "messages", "messages.catalogue"}
    assert own == {f"agentroster.{name}" for name in known}
    assert not modules & {"asyncio", "yaml", "pydantic", "sqlalchemy", "httpx", "litellm", "agno"}


@pytest.mark.parametrize(("widths", "room"), [([5, 90, 40], 80), ([20, 20], 80), ([200, 3, 200], 60), ([30] * 9, 40)])
def test_a_table_is_made_narrower_in_its_widest_columns_and_stays_readable(widths: list[int], room: int) -> None:
    found = fitted(widths, room)
    gaps = 2 * (len(widths) - 1)
    assert all(given >= now >= min(given, 12) for given, now in zip(widths, found, strict=True))
    assert sum(found) + gaps <= room or set(found) == {12}
    assert found == widths or sum(widths) + gaps > room


def test_no_command_imports_litellm_or_agno_before_it_serves() -> None:
    paths = {stub.path.partition(":")[0] for stub in LAZY.values()}
    assert not imported(*(f"import {path}" for path in sorted(paths))) & {"litellm", "agno", "openai"}


@pytest.mark.parametrize("name", LAZY)
def test_the_list_of_commands_says_of_each_what_its_own_help_says(name: str) -> None:
    command = LAZY[name].load()
    assert command.name == LAZY[name].name
    assert command.get_short_help_str(1_000) == LAZY[name].get_short_help_str(1_000)


@pytest.mark.parametrize(("group", "typed", "meant"), [(cli, "skil", "skills"), (skills, "rum", "run")])
def test_a_mistyped_command_says_which_one_may_be_meant(group: click.Group, typed: str, meant: str) -> None:
    done = CliRunner().invoke(group, [typed])
    assert done.exit_code == 2
    assert f"Did you mean '{meant}'?" in done.output

"""Runs a pipeline in the command itself: progress on standard error, a table or JSON at the end."""

import asyncio
import difflib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from agentroster.cli.stores import deployment_or_none
from agentroster.cli.tables import print_table
from agentroster.errors import BadInput
from agentroster.identity.caller import Caller
from agentroster.jobs.job import Job
from agentroster.library.sidecar import Proposals
from agentroster.llm.completion import ChatModel
from agentroster.logs import configure_logging
from agentroster.runtime import Runtime
from agentroster.settings.settings import Settings
from agentroster.skills.pipeline import ItemReport

_BAR_CELLS = 30
_STATUS_SECONDS = 1.0


@dataclass(slots=True)
class Progress:
    """A bar that grows with each item; where no person watches, nothing."""

    reports: list[ItemReport] = field(default_factory=list[ItemReport])
    total: int = 0
    told_at: float = -math.inf

    def is_done(self, item: str) -> bool:  # noqa: ARG002 - the interface of a watch
        """Nothing was done before."""
        return False

    async def selected(self, total: int) -> None:
        """Begin."""
        self.total = total
        self._draw("")

    async def finished(self, report: ItemReport) -> None:
        """Grow."""
        self.reports.append(report)
        self._draw(report.item)

    def waits(self, line: str) -> None:
        """Say what it waits for: in the bar, and where none is drawn on a line of its own, once for all items."""
        if sys.stderr.isatty():
            self._draw(line)
        elif time.monotonic() - self.told_at >= _STATUS_SECONDS:
            click.echo(line, err=True)
        self.told_at = time.monotonic()

    def _draw(self, item: str) -> None:
        if sys.stderr.isatty() and self.total:
            full = _BAR_CELLS * len(self.reports) // self.total
            bar = "#" * full + "." * (_BAR_CELLS - full)
            click.echo(f"\r\x1b[K[{bar}] {len(self.reports)}/{self.total} {item[-60:]}", nl=False, err=True)
            if len(self.reports) == self.total:
                click.echo(err=True)


def run_skill(
    name: str,
    arguments: Mapping[str, Any],
    *,
    data_dir: Path | None,
    library: Sequence[Path] = (),
    as_json: bool,
    dry_run: bool,
) -> int:
    """Run a pipeline and print what came of it; return the exit status: 1 when an item failed, 130 after Ctrl-C."""
    progress, proposals = Progress(), Proposals() if dry_run else None
    try:
        with deployment_or_none(data_dir, library) as settings:
            configure_logging(settings.secrets())
            asyncio.run(_run(settings, name, arguments, progress, proposals))
    except KeyboardInterrupt:
        _print(progress, proposals, as_json=as_json)
        click.echo(
            f"\nStopped: {len(progress.reports)} of {progress.total} are done and stay done. "
            "Run the same command again to go on; what is complete is not written twice.",
            err=True,
        )
        return 130
    _print(progress, proposals, as_json=as_json)
    return int(any(report.error for report in progress.reports))


async def _run(
    settings: Settings,
    name: str,
    arguments: Mapping[str, Any],
    progress: Progress,
    proposals: Proposals | None,
) -> None:
    runtime = Runtime.open(settings, _no_proxy)
    # Whoever may start commands here is the operator.
    caller = Caller(user="admin", proof="master_key", key_id="master")
    try:
        await runtime.jobs.check(caller, name, arguments)
        job = Job(id="", caller=caller, skill=name, arguments=arguments, state="running")
        await runtime.jobs.run(job, progress, proposals)
    finally:
        await runtime.aclose()


def _no_proxy() -> ChatModel:
    raise BadInput("LLM_PROVIDER=proxy works in `roster serve` only: set another for this command.")


def _print(progress: Progress, proposals: Proposals | None, *, as_json: bool) -> None:
    diffs = {} if proposals is None else {str(path): _diff(path, *texts) for path, texts in proposals.changes.items()}
    if as_json:
        changes = {"proposed": diffs} if proposals is not None else {}
        click.echo(json.dumps({"items": [report.to_json() for report in progress.reports], **changes}, indent=2))
        return
    for diff in diffs.values():
        click.echo(diff)
    rows: list[dict[str, object]] = [
        {
            "item": report.item,
            "set": ", ".join({**report.found, **report.updated}) or "-",
            "kept": _reasons(report.kept) or "-",
            "not found": report.error or _reasons(report.missing) or "-",
        }
        for report in sorted(progress.reports, key=lambda report: report.item)
    ]
    if rows:
        print_table(("item", "set", "kept", "not found"), rows)
    failed = sum(bool(report.error) for report in progress.reports)
    changed = sum(bool(report.updated) for report in progress.reports)
    would = "would be changed" if proposals is not None else "changed"
    click.echo(f"{len(rows)} in all: {changed} {would}, {failed} failed.")


def _reasons(fields: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {reason}" if reason else name for name, reason in fields.items())


def _diff(path: Path, before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm="", n=1)
    return "\n".join(line if len(line) < 200 else f"{line[:200]}..." for line in lines)  # noqa: PLR2004

"""`roster audit`: who did what, with credentials and with keys, in the order of time."""

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from agentroster.cli.options import DATA_DIR, JSON
from agentroster.cli.stores import open_credentials, open_database
from agentroster.cli.tables import shown_time
from agentroster.credentials.audit import AuditEntry, AuditLog
from agentroster.errors import BadInput
from agentroster.identity.key_audit import KeyAudit, KeyEvent

_COLUMNS = ("time", "user", "what", "action", "by", "agent", "tool", "outcome", "address")
_DEFAULT_ROWS, _MAX_ROWS = 50, 100_000
_POLL_SECONDS = 1.0
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# Writers that began earlier may end later, with a lower number, on PostgreSQL.
_LOOK_BACK = 200


@click.command()
@click.option("--user", help="Only this user's.")
@click.option("--provider", help="Only credentials of this provider.")
@click.option("--since", metavar="AGE|DATE", help="Only what is not older: 30m, 2h, 7d, or 2026-11-28T09:00 (UTC).")
@click.option("--last", type=click.IntRange(1, _MAX_ROWS), help="How many rows at most [default: 50, or all --since].")
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@DATA_DIR
@JSON
def audit(  # noqa: PLR0913 - each option is an argument
    *,
    user: str | None,
    provider: str | None,
    since: str | None,
    last: int | None,
    follow: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Show uses and changes of credentials and keys, and refused keys, oldest first.

    With --json each row is one line of JSON.
    """
    begin = _begin(since, time.time())
    most = last or (_DEFAULT_ROWS if since is None else _MAX_ROWS)
    with open_credentials(data_dir) as store, open_database(data_dir) as database:
        record = _Record(store.audit, None if provider else KeyAudit(database), user, provider)
        printer = _Printer(as_json=as_json)
        try:
            printer.print(record.rows(begin, most))
            while follow:
                time.sleep(_POLL_SECONDS)
                printer.print(record.rows(begin, _MAX_ROWS))
        except KeyboardInterrupt:
            if not follow:
                raise
        except BrokenPipeError:
            # Who read along has gone; nothing more can be said, also not by Python at its end.
            sys.stdout = None


class _Record:
    """Both records, merged; each row once."""

    def __init__(self, credentials: AuditLog, keys: KeyAudit | None, user: str | None, provider: str | None) -> None:
        self._credentials, self._keys = credentials, keys
        self._user, self._provider = user, provider
        self._seen: dict[str, set[int]] = {"credential": set(), "key": set()}

    def rows(self, since: float, most: int) -> list[dict[str, object]]:
        """Return the newest rows that were not returned before, oldest first."""
        entries = self._credentials.read(
            subject=self._user, provider=self._provider, since=since, after=self._after("credential"), most=most
        )
        events = [] if self._keys is None else self._keys.read(
            user=self._user, since=since, after=self._after("key"), most=most
        )  # fmt: skip
        old = {kind: set(ids) for kind, ids in self._seen.items()}
        self._note("credential", [entry.id for entry in entries])
        self._note("key", [event.id for event in events])
        found = [
            *((entry.at, entry.id, _credential_row(entry)) for entry in entries if entry.id not in old["credential"]),
            *((event.at, event.id, _key_row(event)) for event in events if event.id not in old["key"]),
        ]
        found.sort(key=lambda one: one[:2])
        return [row for _, _, row in found[-most:]]

    def _after(self, kind: str) -> int:
        return max(0, max(self._seen[kind], default=0) - _LOOK_BACK)

    def _note(self, kind: str, ids: Sequence[int]) -> None:
        seen = self._seen[kind] | set(ids)
        oldest = max(seen, default=0) - 2 * _LOOK_BACK
        self._seen[kind] = {one for one in seen if one >= oldest}


class _Printer:
    """Prints rows as they come: JSON lines, or a table whose columns only ever grow."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._widths: dict[str, int] = {}

    def print(self, rows: list[dict[str, object]]) -> None:
        """Print, and have it written at once."""
        if self._as_json:
            for row in rows:
                click.echo(json.dumps(row))
            return
        header = [] if self._widths else [dict(zip(_COLUMNS, _COLUMNS, strict=True))]
        cells = [{column: str(row[column] or "-") for column in _COLUMNS} for row in map(_shown, rows)]
        for column in _COLUMNS:
            widths = [len(line[column]) for line in (*header, *cells)]
            self._widths[column] = max([self._widths.get(column, 0), *widths])
        for line in (*header, *cells):
            click.echo("  ".join(line[column].ljust(self._widths[column]) for column in _COLUMNS).rstrip())


def _shown(row: Mapping[str, object]) -> dict[str, object]:
    what = row["provider"] if row["kind"] == "credential" else f"key {row['key'] or '?'}"
    count = f" ({row['count']} times)" if row["count"] != 1 else ""
    return {**row, "what": what, "outcome": f"{row['outcome']}{count}"}


def _credential_row(entry: AuditEntry) -> dict[str, object]:
    return {
        "time": shown_time(entry.at),
        "kind": "credential",
        "user": entry.owner.subject,
        "issuer": entry.owner.issuer,
        "provider": entry.owner.provider,
        "key": None,
        "action": entry.act.action,
        "by": entry.act.actor,
        "agent": entry.act.agent,
        "tool": entry.act.tool,
        "outcome": entry.act.outcome,
        "address": "",
        "count": 1,
    }


def _key_row(event: KeyEvent) -> dict[str, object]:
    return {
        "time": shown_time(event.at),
        "kind": "key",
        "user": event.user,
        "issuer": "roster",
        "provider": None,
        "key": event.key_id,
        "action": event.action,
        "by": {"use": "user", "refuse": ""}.get(event.action, "operator"),
        "agent": "",
        "tool": "",
        "outcome": event.outcome,
        "address": event.address,
        "count": event.count,
    }


def _begin(since: str | None, now: float) -> float:
    """Return the time of `--since` in seconds since 1970 UTC. Raises BadInput."""
    if since is None:
        return 0.0
    age = re.fullmatch(r"(\d{1,9})([smhdw])", since.strip())
    if age:
        return now - int(age[1]) * _UNIT_SECONDS[age[2]]
    try:
        date = datetime.fromisoformat(since.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadInput("--since is an age such as 30m, 2h or 7d, or a date such as 2026-11-28 (UTC).") from error

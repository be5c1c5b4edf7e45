"""`python -m benchmarks.credentials`: CPU of one use of a stored credential, with few and with 100,000 stored.

One use is what a tool call does: read, decrypt, note the use, prepare the request's headers, note the outcome, forget.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import uvloop
from cryptography.fernet import Fernet
from sqlalchemy import Connection

from agentroster.accounts.access import Accounts, AccountSource
from agentroster.accounts.oauth import OAuthClient
from agentroster.accounts.refresh import Refresher
from agentroster.accounts.registry import ProviderRegistry
from agentroster.accounts.use_record import UseRecord
from agentroster.credentials import rows
from agentroster.credentials.credential import Credential, Owner
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.store import CredentialStore
from agentroster.identity.caller import Caller
from agentroster.logs import redactor
from agentroster.settings.settings import load_settings

_FEW, _MANY = 100, 100_000
_USES, _ROUNDS = 400, 5
_BAR_MS = 0.3


def main() -> None:
    """Measure and print; a missed bar is a result, not a failure."""
    sizes = (_FEW, _MANY)
    with TemporaryDirectory(prefix="roster-bench-") as folder:
        results = {size: uvloop.run(_measured(Path(folder) / str(size), size)) for size in sizes}
    few, many = (results[size] for size in sizes)
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"cpu_ms": results, "ratio": many / few, "bar_ms": _BAR_MS}) + "\n")
        return
    for size, cost in results.items():
        sys.stdout.write(f"one use, {size:>7} stored: {cost:.3f} ms of CPU (bar {_BAR_MS})\n")
    sys.stdout.write(f"ratio: {many / few:.2f}\n")


async def _measured(folder: Path, size: int) -> float:
    sys.stderr.write(f"storing {size} credentials\n")
    store = CredentialStore.open(folder / "credentials.db", KeyRing.parse(Fernet.generate_key().decode()))
    _fill(store, size)
    client = httpx.AsyncClient()
    source = AccountSource(
        providers=ProviderRegistry.load(load_settings()),
        store=store,
        refresher=Refresher(store, OAuthClient(client, frozenset()), client, frozenset()),
        uses=UseRecord(store),
        client=client,
        trusted=frozenset(),
    )
    people = [f"user-{number * (size // 100)}" for number in range(100)]
    await _uses(source, people)
    costs = [await _uses(source, people) for _ in range(_ROUNDS)]
    await source.uses.aclose()
    await client.aclose()
    store.close()
    return median(costs)


def _fill(store: CredentialStore, size: int) -> None:
    secret = json.dumps({"token": "ghp_" + "x" * 36}).encode()
    key_id = store.cipher.primary_id

    def insert(connection: Connection) -> None:
        for number in range(size):
            owner = Owner(issuer="roster", subject=f"user-{number}", provider="github")
            rows.put(connection, Credential(owner=owner), store.cipher.encrypt(owner, secret), key_id, None)

    store.database.call(insert)


async def _uses(source: AccountSource, people: Sequence[str]) -> float:
    """Return the CPU milliseconds of one use, all threads counted."""
    before = time.process_time()
    for number in range(_USES):
        caller = Caller(user=people[number % len(people)], proof="own_key")
        accounts = Accounts(source=source, caller=caller, declared=frozenset({"github"}), agent="bench", tool="use")
        with redactor.watching():
            await accounts.open("github")
            accounts.close("ok")
    return (time.process_time() - before) / _USES * 1000


if __name__ == "__main__":
    main()

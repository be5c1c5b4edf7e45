"""Stored credentials: readable by their owner's key only, rotated without loss, never dropped in silence."""

import base64
import json
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from agentroster.credentials import rows
from agentroster.credentials.cipher import Cipher
from agentroster.credentials.credential import Credential, Owner, Secret
from agentroster.credentials.ring import KeyRing
from agentroster.credentials.rotation import rotate
from agentroster.credentials.store import CredentialStore
from agentroster.errors import CredentialUnreadable, StartRefused, UnknownKeyId
from tests.support.roster_process import ROSTER, clean_environment, run_roster

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
ANNA = Owner(issuer="roster", subject="anna", provider="jira")


def ring(*keys: str) -> KeyRing:
    return KeyRing.parse(",".join(keys))


def open_store(folder: Path, *keys: str) -> CredentialStore:
    return CredentialStore.open(folder / "credentials.db", ring(*keys))


def fill(folder: Path, count: int) -> dict[Owner, dict[str, str]]:
    store = open_store(folder, OLD)
    written = {
        Owner(issuer="roster", subject=f"user-{n}", provider="jira"): {"token": f"secret-{n}"} for n in range(count)
    }
    for owner, secret in written.items():
        store.put(Credential(owner=owner), secret)
    store.close()
    return written


def read_all(folder: Path, owners: dict[Owner, dict[str, str]], *keys: str) -> dict[Owner, Secret | None]:
    store = open_store(folder, *keys)
    found = {owner: store.get(owner) for owner in owners}
    store.close()
    return found


@pytest.mark.parametrize(
    "other",
    [
        Owner(issuer="roster", subject="bert", provider="jira"),
        Owner(issuer="open-webui", subject="anna", provider="jira"),
        Owner(issuer="roster", subject="anna", provider="github"),
        Owner(issuer="rosteranna", subject="", provider="jira"),
        Owner(issuer="roster", subject="annajira", provider=""),
    ],
)
def test_a_value_moved_to_another_owner_does_not_decrypt(other: Owner) -> None:
    cipher = Cipher(ring(OLD), b"s" * 16)
    stored = cipher.encrypt(ANNA, b"secret")
    assert cipher.decrypt(ANNA, stored) == b"secret"
    with pytest.raises(CredentialUnreadable):
        cipher.decrypt(other, stored)


def test_a_changed_or_foreign_value_is_an_error_and_never_the_answer() -> None:
    cipher = Cipher(ring(OLD), b"s" * 16)
    stored = cipher.encrypt(ANNA, b"secret")
    flipped = stored[:40] + ("A" if stored[40] != "A" else "B") + stored[41:]
    for bad in (flipped, stored[:-5], stored.replace("r1:", "r9:"), "secret", "", stored + "\n"):
        with pytest.raises(CredentialUnreadable):
            cipher.decrypt(ANNA, bad)
    with pytest.raises(UnknownKeyId):
        Cipher(ring(OTHER), b"s" * 16).decrypt(ANNA, stored)
    with pytest.raises(CredentialUnreadable):
        Cipher(ring(OLD), b"t" * 16).decrypt(ANNA, stored)


def test_the_file_is_private_and_holds_no_secret(tmp_path: Path) -> None:
    store = open_store(tmp_path, OLD)
    store.put(Credential(owner=ANNA, label="Anna's Jira"), {"token": "canary-token-123"})
    assert store.get(ANNA) == {"token": "canary-token-123"}
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        raw = file.read_bytes()
        assert b"canary-token-123" not in raw
        assert base64.b64encode(b"canary-token-123").rstrip(b"=") not in raw
    store.close()


def test_a_credential_changed_or_deleted_counts_at_once_in_another_process(tmp_path: Path) -> None:
    running, operator = open_store(tmp_path, OLD), open_store(tmp_path, OLD)
    operator.put(Credential(owner=ANNA), {"token": "one"})
    assert running.get(ANNA) == {"token": "one"}
    operator.put(Credential(owner=ANNA), {"token": "two"})
    assert running.get(ANNA) == {"token": "two"}
    assert operator.delete(ANNA)
    assert running.get(ANNA) is None
    assert not operator.delete(ANNA)
    running.close()
    operator.close()


def test_a_missing_key_refuses_to_open_and_names_its_id(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    with pytest.raises(StartRefused) as refused:
        open_store(tmp_path, NEW)
    key_id = next(iter(ring(OLD).by_id()))
    assert f"{key_id} (3 credentials)" in refused.value.message
    assert OLD not in refused.value.message
    store = open_store(tmp_path, NEW, OLD)
    assert len(store.list()) == 3
    store.close()


def test_a_file_whose_salt_was_lost_refuses_to_open(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    connection = sqlite3.connect(tmp_path / "credentials.db")
    connection.execute("UPDATE installation SET value = ? WHERE name = 'salt'", ("00" * 16,))
    connection.commit()
    connection.close()
    with pytest.raises(StartRefused, match="does not open what it locked"):
        open_store(tmp_path, OLD)


def test_rotation_moves_everything_and_then_the_old_key_can_go(tmp_path: Path) -> None:
    written = fill(tmp_path, 450)
    store = open_store(tmp_path, NEW, OLD)
    seen: list[tuple[int, int]] = []
    result = rotate(store, lambda done, total: seen.append((done, total)))
    assert (result.moved, result.left, result.unreadable) == (450, 0, 0)
    assert seen[-1] == (450, 450)
    assert rotate(store, lambda *_: None).moved == 0
    store.close()
    assert read_all(tmp_path, written, NEW) == written
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert next(iter(ring(OLD).by_id())).encode() + b":gAAAA" not in raw, "old ciphertext is gone from the file"


def test_a_process_that_runs_learns_the_key_that_others_rotated_to(tmp_path: Path) -> None:
    written = fill(tmp_path, 3)
    now = [ring(OLD)]
    running = CredentialStore.open(tmp_path / "credentials.db", ring(OLD), lambda: now[0])
    operator = open_store(tmp_path, NEW, OLD)
    assert rotate(operator, lambda *_: None).left == 0
    owner, secret = next(iter(written.items()))
    with pytest.raises(UnknownKeyId):
        running.get(owner)
    now[0] = ring(NEW, OLD)
    assert running.get(owner) == secret
    # From then on it encrypts as they do, so that the old key can go.
    running.put(Credential(owner=owner), {"token": "later"})
    assert operator.database.call(rows.count_old, operator.cipher.primary_id) == 0
    running.close()
    operator.close()
    assert read_all(tmp_path, {owner: {}}, NEW) == {owner: {"token": "later"}}


def test_a_damaged_row_is_counted_kept_and_does_not_stop_the_others(tmp_path: Path) -> None:
    written = fill(tmp_path, 5)
    connection = sqlite3.connect(tmp_path / "credentials.db")
    connection.execute("UPDATE credentials SET secret = replace(secret, 'gAAAA', 'gAAAB') WHERE subject = 'user-2'")
    connection.commit()
    connection.close()
    store = open_store(tmp_path, NEW, OLD)
    result = rotate(store, lambda *_: None)
    assert (result.moved, result.left, result.unreadable) == (4, 1, 1)
    assert len(store.list()) == len(written)
    store.close()


def test_a_token_refreshed_during_rotation_wins(tmp_path: Path) -> None:
    written = fill(tmp_path, 250)
    owner = Owner(issuer="roster", subject="user-99", provider="jira")
    running, operator = open_store(tmp_path, OLD, NEW), open_store(tmp_path, NEW, OLD)

    def refresh(done: int, _total: int) -> None:
        if done < 250:
            running.put(Credential(owner=owner), {"token": "refreshed"})

    rotate(operator, refresh)
    assert operator.get(owner) == {"token": "refreshed"}
    assert rotate(operator, lambda *_: None).left == 0
    running.close()
    operator.close()
    assert read_all(tmp_path, written, NEW) == {**written, owner: {"token": "refreshed"}}


def _rotate(folder: Path) -> None:
    store = open_store(folder, NEW, OLD)
    rotate(store, lambda *_: None)
    store.close()


def test_a_rotation_killed_at_any_moment_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    written = fill(tmp_path, 300)
    key_id = next(iter(ring(NEW).by_id()))
    for wanted in range(20, 300, 40):
        worker = multiprocessing.Process(target=_rotate, args=(tmp_path,))
        worker.start()
        watching = sqlite3.connect(tmp_path / "credentials.db")
        query = "SELECT COUNT(*) FROM credentials WHERE key_id = ?"
        while worker.is_alive() and watching.execute(query, (key_id,)).fetchone()[0] < wanted:
            pass
        watching.close()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(10)
        assert read_all(tmp_path, written, NEW, OLD) == written
    _rotate(tmp_path)
    assert read_all(tmp_path, written, NEW) == written


def test_the_commands_set_list_rotate_and_delete(tmp_path: Path) -> None:
    base = {"LITELLM_MASTER_KEY": "sk-0123456789abcdefgh", "ROSTER_DATA_DIR": str(tmp_path)}
    before, after = {**base, "ROSTER_ENCRYPTION_KEY": OLD}, {**base, "ROSTER_ENCRYPTION_KEY": f"{NEW},{OLD}"}
    command = [ROSTER, "credentials", "set", "--user", "anna", "--provider", "jira", "--label", "work"]
    command += ["--field", "url=https://jira.example.com"]
    done = subprocess.run(
        command,
        input="canary-secret-77\n",
        env=clean_environment(**before),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "canary" not in done.stdout + done.stderr
    rows = json.loads(run_roster("credentials", "list", "--json", environment=before).stdout)
    assert [(row["user"], row["provider"], row["label"]) for row in rows] == [("anna", "jira", "work")]
    assert "canary" not in str(rows)
    rotated = run_roster("credentials", "rotate", environment=after)
    assert "1 re-encrypted, 0 left, 0 unreadable." in rotated.stdout
    assert "can be removed" in rotated.stdout
    refused = run_roster("credentials", "list", environment=before)
    assert refused.returncode == 2
    assert "lacks the key" in refused.stderr
    only_new = {**base, "ROSTER_ENCRYPTION_KEY": NEW}
    gone = run_roster("credentials", "delete", "--user", "anna", "--provider", "jira", environment=only_new)
    assert gone.returncode == 0
    assert json.loads(run_roster("credentials", "list", "--json", environment=only_new).stdout) == []
    assert (
        run_roster("credentials", "delete", "--user", "anna", "--provider", "jira", environment=only_new).returncode
        == 2
    )


def test_a_proxy_whose_key_is_missing_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    fill(tmp_path / "d", 1)
    environment = {"LITELLM_MASTER_KEY": "sk-0123456789abcdefgh", "ROSTER_ENCRYPTION_KEY": NEW}
    done = run_roster("serve", "--port", "0", "--data-dir", str(tmp_path / "d"), environment=environment, cwd=tmp_path)
    assert done.returncode == 2
    assert "lacks the key" in done.stderr
    assert done.stderr.count("\n") == 1

"""Deletes all credentials of one person, or gives them to another id of the same person."""

from agentroster.credentials.audit import Act
from agentroster.credentials.store import CredentialStore


def purge_credentials(store: CredentialStore, issuer: str, subject: str) -> int:
    """Delete a person's credentials and open links; return how many credentials there were."""
    act = Act(action="purge", actor="operator")
    store.tickets.purge(issuer, subject)
    return sum(store.delete(credential.owner, act) for credential in store.list(subject, issuer))


def relink_credentials(store: CredentialStore, issuer: str, old: str, new: str) -> tuple[int, int]:
    """Give the credentials of `old` to `new`; return how many were moved, and how many `new` had of its own."""
    outcomes = [store.relink(credential.owner, new) for credential in store.list(old, issuer)]
    return sum(outcomes), len(outcomes) - sum(outcomes)

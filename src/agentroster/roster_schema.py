"""The schema of the proxy's database, whose tables belong to several rooms. Credentials have one of their own."""

from sqlalchemy import Connection

from agentroster.db.schema import Schema, create
from agentroster.identity.schema import api_keys, key_audit
from agentroster.jobs.schema import job_events, jobs
from agentroster.skills.memory import memories


def _keys_and_memories(connection: Connection) -> None:
    create(connection, api_keys, memories)


def _jobs(connection: Connection) -> None:
    create(connection, jobs, job_events)


def _record_of_keys(connection: Connection) -> None:
    create(connection, key_audit)


ROSTER_SCHEMA = Schema("roster", (_keys_and_memories, _jobs, _record_of_keys))

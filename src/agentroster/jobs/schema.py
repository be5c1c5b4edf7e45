"""The tables of jobs and their events, in the database of the proxy."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

from agentroster.db.schema import SECONDS, required

jobs = Table(
    "jobs",
    MetaData(),
    Column("id", Text, primary_key=True),
    *required(Text, "issuer", "subject", "claims", "skill", "arguments", "state"),
    *required(Integer, "total", "done", "changed", "failed"),
    *required(Text, "error"),
    *required(SECONDS, "created_at"),
    Column("started_at", SECONDS),
    Column("ended_at", SECONDS),
    *required(Text, "worker"),
    *required(SECONDS, "lease_until"),
    Index("jobs_by_person", "issuer", "subject", "created_at"),
    Index("jobs_by_state", "state", "created_at"),
)
COUNTS = jobs.c.total, jobs.c.done, jobs.c.changed, jobs.c.failed

job_events = Table(
    "job_events",
    MetaData(),
    Column("job", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    *required(Text, "kind", "item", "data"),
    *required(SECONDS, "at"),
    sqlite_with_rowid=False,
)

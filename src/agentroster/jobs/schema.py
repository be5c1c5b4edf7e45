"""The tables of jobs and their events, in the database of the proxy."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

from agentroster.db.schema import SECONDS

_TABLES = MetaData()

jobs = Table(
    "jobs",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("claims", Text, nullable=False),
    Column("skill", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("created_at", SECONDS, nullable=False),
    Column("started_at", SECONDS),
    Column("ended_at", SECONDS),
    Column("worker", Text, nullable=False),
    Column("lease_until", SECONDS, nullable=False),
    Index("jobs_by_person", "issuer", "subject", "created_at"),
    Index("jobs_by_state", "state", "created_at"),
)
COUNTS = jobs.c.total, jobs.c.done, jobs.c.changed, jobs.c.failed

job_events = Table(
    "job_events",
    _TABLES,
    Column("job", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", SECONDS, nullable=False),
    sqlite_with_rowid=False,
)

"""The topics of signals. A topic says that something changed, never what: who hears it looks into the database."""

KEYS = "keys"
"""A key was revoked or deleted."""
WAITING_JOBS = "waiting-jobs"
"""There is a job to be claimed."""
STOPPED_JOBS = "stopped-jobs"
"""A job was cancelled or deleted: whoever works on one asks whether it is still theirs."""
AGENTS = "agents"
"""An agent of the database was added, changed or removed."""


def job_topic(job_id: str) -> str:
    """Return the topic of one job: it has new events, or ended."""
    return f"job:{job_id}"

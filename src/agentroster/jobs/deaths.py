"""Counts how often a worker died over each job, so that one that kills every worker is not tried for ever."""

from collections.abc import Mapping

MOST_TRIES = 3


class Deaths:
    """Of one proxy, in its memory: no job of a worker kills the proxy."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def hopeless(self, held: Mapping[str, int]) -> list[str]:
        """Note that a worker died that had these jobs, each with its items done; return those to be given up.

        A job of which something was done since its last death begins again: what kills the worker is left in the end.
        """
        counted = {job: self._count(job, done) for job, done in held.items()}
        self._seen = {job: (count, held[job]) for job, count in counted.items() if count < MOST_TRIES}
        return [job for job, count in counted.items() if count >= MOST_TRIES]

    def _count(self, job: str, done: int) -> int:
        count, before = self._seen.get(job, (0, done))
        return count + 1 if done == before else 1

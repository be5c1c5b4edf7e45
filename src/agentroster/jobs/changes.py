"""Word of what is new in a job, for those who watch it in this process."""

import asyncio
from contextlib import suppress


class Changes:
    """Tells those who watch a job in this process that there is something new."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def notify(self, job_id: str) -> None:
        """Wake everybody who watches this job."""
        for event in self._waiting.get(job_id, ()):
            event.set()

    async def wait(self, job_id: str, seconds: float) -> None:
        """Return when something changed, or after some seconds: another process may do the work."""
        event = asyncio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

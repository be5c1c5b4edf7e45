"""Keeps the process that works on jobs: started with the first job, again when it dies, ended with the proxy."""

import asyncio
import logging
import secrets
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable
from contextlib import suppress

from agentroster.errors import StorageFailed
from agentroster.jobs.deaths import MOST_TRIES, Deaths
from agentroster.jobs.service import Jobs
from agentroster.messages import say
from agentroster.operating_system.processes import APART
from agentroster.settings.settings import Settings
from agentroster.signals.signals import Signals
from agentroster.signals.topics import WAITING_JOBS

logger = logging.getLogger(__name__)

WORKER_MODELS = "/roster/api/worker"
"""Where the worker asks the models of the proxy's own list."""

_LOOK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 60.0
_LAST_SECONDS = 5.0
"""For the record of what is done: whoever has not ended by then is killed."""


class WorkerProcess:
    """A Python process of its own, so that no job's work keeps a chat waiting.

    Its standard input is a pipe: when that closes, because this process stops or was killed, it gives its jobs back and
    ends. It has a session of its own, so that a Ctrl-C in the terminal reaches the proxy only.
    """

    def __init__(self, settings: Settings, jobs: Jobs, signals: Signals, url: str) -> None:
        """`url` is where the proxy answers."""
        self._settings = settings
        self._store = jobs.store
        self._signals = signals
        self._url = url
        self._deaths = Deaths()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for a first job, unless the operator runs a worker elsewhere."""
        if self._settings.worker == "own":
            self._task = asyncio.create_task(self._keep())

    async def stop_with(self, others: Awaitable[object]) -> None:
        """End the process beside what else is to be ended."""
        await asyncio.gather(self.aclose(), others)

    async def aclose(self) -> None:
        """End the process: it records what is done and gives its jobs back."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        process, self._process = self._process, None
        if process is not None:
            await _end(process)

    async def _keep(self) -> None:
        pause, told = _FIRST_PAUSE_SECONDS, ""
        while True:
            await self._until_a_job_waits()
            if told:
                logger.warning("the process that works on jobs ended (%s): it is started again", told)
            begun, name = time.monotonic(), secrets.token_hex(8)
            try:
                self._process = process = await self._started(name)
            except OSError as error:
                told = error.strerror or str(error)
            else:
                told = f"status {await process.wait()}"
                self._process = None
                with suppress(StorageFailed):
                    # It has no more use for them, and nobody has to wait until its leases run out.
                    await self._store.database.in_thread(self._bury, name)
            if time.monotonic() - begun > _MAX_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    def _bury(self, name: str) -> None:
        if hopeless := self._deaths.hopeless(self._store.held_by(name)):
            logger.error("jobs %s are given up: the process died over each again and again", ", ".join(hopeless))
            self._store.give_up(hopeless, say("jobs.killed_worker", times=MOST_TRIES))
        self._store.release(name)

    async def _until_a_job_waits(self) -> None:
        with self._signals.subscribe(WAITING_JOBS) as word:
            while True:
                try:
                    if await self._store.database.in_reader(self._store.is_waiting):
                        return
                except StorageFailed:
                    # The database has logged it; the next look is soon enough.
                    pass
                except Exception:
                    logger.exception("looking for jobs failed")
                # Nobody sends word of a lease that runs out.
                await word.wait(_LOOK_SECONDS)

    async def _started(self, name: str) -> Process:
        # What else the proxy was told stands in the environment. `-P`: no module of the folder where one starts counts.
        options = ["--data-dir", str(self._settings.data_dir), "--proxy-url", self._url, "--name", name]
        if self._settings.agents_file is not None:
            options += ["--agents-file", str(self._settings.agents_file)]
        command = [sys.executable, "-P", "-m", "agentroster", "worker", *options]
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, **APART)


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_LAST_SECONDS):
            await process.wait()
    except TimeoutError:
        logger.warning("the process that works on jobs does not end: it is killed, and its jobs go on in some seconds")
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

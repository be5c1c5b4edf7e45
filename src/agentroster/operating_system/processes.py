"""The event loop, signals, sockets and limits of a process."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from agentroster.operating_system.offered import module_or_none

logger = logging.getLogger(__name__)

_uvloop, _resource = module_or_none("uvloop"), module_or_none("resource")
_HANG_UP: int | None = getattr(signal, "SIGHUP", None)
ENDS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGBREAK") if (number := getattr(signal, name, None)) is not None
)
"""The signals that ask a process to end; Windows has Ctrl-Break, and sends SIGTERM to nobody."""

_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
APART: Mapping[str, Any] = {"creationflags": _GROUP} if _GROUP else {"start_new_session": True}
"""Options for a subprocess that a Ctrl-C in the terminal does not reach."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's, where there is one, else the fastest of asyncio."""
    return asyncio.new_event_loop() if _uvloop is None else _uvloop.new_event_loop()


def on_end(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call back in the loop when the process is asked to end."""
    for number in ENDS:
        _on_signal(loop, number, callback)


def on_hang_up(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call back in the loop at SIGHUP, where there is one."""
    if _HANG_UP is not None:
        _on_signal(loop, _HANG_UP, callback)


def answer_hang_up(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """Call a handler at SIGHUP, where there is one, so that it ends nothing."""
    if _HANG_UP is not None:
        signal.signal(_HANG_UP, handler)


def _on_signal(loop: asyncio.AbstractEventLoop, number: int, callback: Callable[[], object]) -> None:
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:
        # The loops of Windows wake up for a signal, and know no handlers of their own.

        def called(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(callback)

        signal.signal(number, called)


def claim_port(listener: socket.socket) -> None:
    """Let a port be used again at once after its last owner, and by nobody else while this one has it."""
    # On Windows SO_REUSEADDR lets two processes have one port, and SO_EXCLUSIVEADDRUSE forbids it.
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if exclusive is None else exclusive, 1)


def raise_file_limit(wanted: int) -> None:
    """Permit this process that many open files, or as many as the system lets it; Windows has no such limit."""
    if _resource is None:
        return
    soft, hard = _resource.getrlimit(_resource.RLIMIT_NOFILE)
    most = wanted if hard == _resource.RLIM_INFINITY else min(wanted, hard)
    if soft != _resource.RLIM_INFINITY and soft < most:
        _resource.setrlimit(_resource.RLIMIT_NOFILE, (most, hard))


def take_utc() -> None:
    """Make UTC the local time zone, also of code that is imported later."""
    os.environ["TZ"] = "UTC"
    if hasattr(time, "tzset"):
        time.tzset()

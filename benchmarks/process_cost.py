"""What a process used, as Linux counts it."""

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_RESTING_SECONDS = 0.002
_MAX_SETTLING_SECONDS = 2.0


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children, ended or running."""
    # The name in parentheses may hold spaces; the numbers start behind it. 13 and 14: user and system time of
    # ended children.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    ended = sum(map(int, fields[13:15])) / _TICKS
    return time.clock_gettime(_clock(pid)) + ended + sum(cpu_seconds(child) for child in _children(pid))


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, without its children."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb(pid: int) -> float:
    """Return the most resident memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:", 1)[1].split()[0]) * 1024 / 1e6


def settled_cpu_seconds(pid: int) -> float:
    """Return the CPU time once the process rests: LiteLLM still logs after an answer was sent."""
    deadline = time.monotonic() + _MAX_SETTLING_SECONDS
    before = cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(0.06)
        now = cpu_seconds(pid)
        if now - before < _RESTING_SECONDS:
            return now
        before = now
    return before


def _clock(pid: int) -> int:
    """Return the number of a process's CPU clock, as `clock_getcpuclockid(3)` does.

    The same user and system time as in `/proc/PID/stat`, in nanoseconds instead of steps of 10 ms.
    """
    return (~pid << 3) | 2


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text(encoding="utf-8").split())
    return found

"""The process that works on the jobs of a proxy, looked up as an operator would: in the list of processes."""

from contextlib import suppress
from pathlib import Path

from tests.support.endings import wait_for
from tests.support.roster_process import RosterProcess


def workers_of(pid: int) -> list[int]:
    """Return the workers that a process has started."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and b"\0worker\0" in (folder / "cmdline").read_bytes():
                parent = (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]
                found += [int(folder.name)] if int(parent) == pid else []
    return found


def worker_of(proxy: RosterProcess) -> int:
    """Return the worker of a proxy, once there is one."""
    assert proxy.process is not None
    pid = proxy.process.pid
    wait_for(lambda: bool(workers_of(pid)), "there is no worker")
    return workers_of(pid)[0]


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also where nobody collects its status."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"

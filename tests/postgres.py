"""A real PostgreSQL server of its own, where its programs are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, or None."""
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def serving_postgres(binaries: Path) -> Generator[str]:
    """Yield the address of an empty database on a fresh server."""
    folder = Path(tempfile.mkdtemp(prefix="roster-pg-"))
    user = "postgres" if os.getuid() == 0 else None
    if user:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run(
            [str(binaries / command[0]), *command[1:]],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
            timeout=60,
        )

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "roster", "--auth=trust", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "-D", data, "-o", options, "-w", "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://roster@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

"""A real PostgreSQL server of its own, where its programs are installed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, or None."""
    # Debian keeps them off PATH.
    folders = [os.environ.get("PATH", os.defpath), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which("initdb", path=os.pathsep.join(folders))
    return Path(found).resolve().parent if found else None


@dataclass
class Postgres:
    """A server that can be stopped, started again on the same port, and made to hang."""

    binaries: Path
    folder: Path
    port: int

    @classmethod
    @contextmanager
    def fresh(cls, binaries: Path) -> "Generator[Postgres]":
        """A running server with an empty database."""
        folder = Path(tempfile.mkdtemp(prefix="roster-pg-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = cls(binaries, folder, port)
        if server._user:
            entry = pwd.getpwnam(server._user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        server._run("initdb", "-U", "roster", "--auth=trust", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.freeze(signal.SIGCONT)
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"postgresql://roster@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-o", options, "-w", "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop at once, as a crash does."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def freeze(self, with_signal: int) -> None:
        """Send a signal to the server and all that work for it."""
        main = int((self.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="utf-8").split()
        for process in (main, *map(int, children)):
            os.kill(process, with_signal)

    @property
    def _user(self) -> str | None:
        return "postgres" if os.getuid() == 0 else None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), "-D", str(self.folder / "data"), *arguments],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
            timeout=60,
        )


@contextmanager
def serving_postgres(binaries: Path) -> Generator[str]:
    """Yield the address of an empty database on a fresh server."""
    with Postgres.fresh(binaries) as server:
        yield server.url

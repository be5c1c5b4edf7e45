"""Looks for known vulnerabilities in the packages of the lock: `uv run just audit-dependencies`.

`uv audit` asks the OSV database. Offline nothing can be said, so it says `skipped` and succeeds; a finding fails.
ROSTER_OSV_URL names another database with OSV's interface. More arguments go to `uv audit`, such as `--ignore ID`.
"""

import os
import subprocess
import sys
from pathlib import Path

import httpx

_OSV = "https://api.osv.dev"
_TIMEOUT_SECONDS = 10.0


def answers(url: str) -> bool:
    """Whether a database with OSV's interface is there."""
    try:
        answer = httpx.post(f"{url.rstrip('/')}/v1/querybatch", json={"queries": []}, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.is_success


def main() -> None:
    """Ask, and end with the status of `uv audit`."""
    url = os.environ.get("ROSTER_OSV_URL", _OSV)
    if not answers(url):
        sys.stdout.write("skipped: no advisory database answers\n")
        return
    command = ["uv", "audit", "--preview-features", "audit-command", "--locked", "--no-dev", "--service-url", url]
    # Retried for a few seconds by uv itself; one that went away meanwhile is a failure, not a pass.
    done = subprocess.run([*command, *sys.argv[1:]], cwd=Path(__file__).parent.parent, check=False)  # noqa: S603
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

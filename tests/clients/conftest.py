"""What the clients are asked to do, and what they saw of it: run once for each client."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.installation import Client, NotInstalled
from tests.support.deployment import MASTER_KEY
from tests.support.roster_process import RosterProcess, clean_environment

SAID = "one two three"
Seen = Callable[[Client], dict[str, Any]]


@pytest.fixture(scope="session")
def seen(proxy: RosterProcess, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What a client's script printed; asked once. Skips where the client cannot be installed."""
    known: dict[str, dict[str, Any]] = {}

    def run(client: Client) -> dict[str, Any]:
        if client.name not in known:
            known[client.name] = _run(client, proxy, tmp_path_factory.mktemp("home"))
        if "not installed" in known[client.name]:
            pytest.skip(f"{client.name} cannot be installed here: {known[client.name]['not installed']}")
        return known[client.name]

    return run


def _run(client: Client, proxy: RosterProcess, home: Path) -> dict[str, Any]:
    try:
        command = client.command()
    except NotInstalled as error:
        return {"not installed": str(error)}
    environment = clean_environment(
        CLIENT_URL=proxy.url,
        CLIENT_KEY=MASTER_KEY,
        CLIENT_MODEL="agno/demo-agent",
        SAY=f"script: say {SAID}",
        TOOL='script: tool colour_palette {"base": "blue"}',
        BREAK="script: break",
        UNKNOWN="demo-agent",
        LLM_USER_PATH=str(home / "llm"),
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        OPENAI_AGENTS_DISABLE_TRACING="1",
    )
    environment = {**environment, "HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, env=environment, cwd=home, capture_output=True, encoding="utf-8", timeout=150, check=False
    )
    assert done.returncode == 0, f"{client.name}:\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])

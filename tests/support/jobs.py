"""Folders of models to complete, and the jobs that do it."""

import json
from pathlib import Path
from typing import Any

import httpx

CARD = "---\nbase_model: stabilityai/sdxl-turbo\ntags: [ink]\n---\n# Ink\n\nA style of ink.\n\nTrigger word: `inkwsh`\n"
SKILL = "/roster/api/skills/enrich-hf-metadata/execute"


def fill(folder: Path, count: int, repository: str = "a/ink") -> None:
    """Make models whose sidecars name where they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"m{number:04}.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        sidecar = {"hf_url": f"https://huggingface.co/{repository}", "base_model": ""}
        (folder / f"m{number:04}.metadata.json").write_text(json.dumps(sidecar), encoding="utf-8")


def done_in(folder: Path) -> set[str]:
    return {
        file.name.split(".")[0]
        for file in folder.glob("*.metadata.json")
        if json.loads(file.read_text(encoding="utf-8")).get("base_model") == "SDXL 1.0"
    }


def begin(client: httpx.Client, *targets: str) -> str:
    answer = client.post(SKILL, json={"targets": list(targets)})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/roster/api/jobs/{answer.json()['job_id']}"
    return str(answer.json()["job_id"])


def events(
    client: httpx.Client, job: str, after: int = 0, headers: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Read the event stream to its end."""
    found = []
    with client.stream("GET", f"/roster/api/jobs/{job}/events?after={after}", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        current: dict[str, Any] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                current[name] = json.loads(value) if name == "data" else value
            elif not line and current:
                found.append(current)
                current = {}
    return found

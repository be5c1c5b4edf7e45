"""LiteLLM's SDK without a proxy: all four methods of the provider, in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import asyncio, json
import litellm
from agentroster.provider import agno

litellm.custom_provider_map = [{"provider": "agno", "custom_handler": agno}]
ask = {"model": "agno/demo-agent", "messages": [{"role": "user", "content": "/palette blue"}]}

def text(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

async def streamed():
    return text([chunk async for chunk in await litellm.acompletion(**ask, stream=True)])

async def whole():
    return (await litellm.acompletion(**ask)).choices[0].message.content

found = {
    "completion": litellm.completion(**ask).choices[0].message.content,
    "streaming": text(litellm.completion(**ask, stream=True)),
    "acompletion": asyncio.run(whole()),
    "astreaming": asyncio.run(streamed()),
    "remembers": litellm.completion(model="agno/demo-agent", messages=[{"role": "user", "content": "/favourite red"}])
    .choices[0].message.content,
}
try:
    litellm.completion(model="agno/nobody", messages=ask["messages"])
except litellm.APIError as error:
    found["unknown"] = [error.status_code, error.message]
print(json.dumps(found))
"""


def test_all_four_methods_answer_and_a_caller_without_proof_has_no_memory(
    tmp_path: Path, base_environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **base_environment,
            "ROSTER_DATA_DIR": str(tmp_path),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "HOME": "/nonexistent",
        },
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    answers = {found[name] for name in ("completion", "streaming", "acompletion", "astreaming")}
    assert len(answers) == 1
    assert "#1d70b8" in answers.pop()
    assert "key of your own" in found["remembers"]
    assert found["unknown"][0] == 404

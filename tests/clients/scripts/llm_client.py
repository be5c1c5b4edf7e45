"""Simon Willison's `llm`: its command line, with a model in extra-openai-models.yaml."""

import json
import os
import pathlib
import subprocess
import sys

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))
HOME = pathlib.Path(os.environ["LLM_USER_PATH"])
HOME.mkdir(exist_ok=True)
(HOME / "extra-openai-models.yaml").write_text(
    "\n".join(
        f"- {{model_id: {name}, model_name: {model}, api_base: {URL}/v1, api_key_name: {key}}}"
        for name, model, key in (
            ("agent", MODEL, "roster"),
            ("unknown", os.environ["UNKNOWN"], "roster"),
            ("wrong", MODEL, "wrong"),
        )
    )
)
(HOME / "keys.json").write_text(json.dumps({"roster": KEY, "wrong": "sk-wrong"}))
COMMAND = str(pathlib.Path(sys.executable).with_name("llm"))


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *arguments], capture_output=True, encoding="utf-8", timeout=90, check=False)


def refused(model: str) -> dict:
    done = run("-m", model, "--no-stream", "hello")
    return {"status": int(done.stderr.partition("Error code: ")[2][:3] or 0), "text": done.stderr}


def usage(*options: str) -> list[int]:
    told = run("-m", "agent", "-u", *options, os.environ["SAY"]).stderr.replace(",", "").split()
    return [int(told[told.index("input") - 1]), int(told[told.index("output") - 1])]


print(
    json.dumps(
        {
            "plain": run("-m", "agent", "--no-stream", os.environ["SAY"]).stdout.strip(),
            "streamed": run("-m", "agent", os.environ["SAY"]).stdout.strip(),
            "tools": run("-m", "agent", os.environ["TOOL"]).stdout,
            "unknown": refused("unknown"),
            "wrong_key": refused("wrong"),
            "usage": usage("--no-stream"),
            "usage_streamed": usage(),
        }
    )
)

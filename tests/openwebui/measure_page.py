"""Measures what a long answer costs the page of Open WebUI: main-thread time beside that of as many plain words.

No test: `just bench-page` runs it and prints the numbers. Both answers come in one run of one browser, of as many
characters in as much time.
"""

import json
import sys
import time
from pathlib import Path

from tests.support.jobs import CARD, fill
from tests.support.openwebui.page import OpenWebUIPage
from tests.support.openwebui.user import OpenWebUIUser
from tests.support.stand_ins.hub import HubServer, Repository
from tests.support.stand_ins.model_server import ModelServer

_MODELS, _FAILED = 189, 11
# "w123 " of the stand-in.
_WORD = 5


def test_measure(
    annas_page: OpenWebUIPage, anna: OpenWebUIUser, model_server: ModelServer, hub: HubServer, library_root: Path
) -> None:
    hub.repositories["a/free"] = Repository(CARD)
    fill(library_root / "many/free", _MODELS, "a/free")
    fill(library_root / "many/gone", _FAILED, "a/nowhere")
    page = annas_page.open("agno/enrich-metadata")
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable")

    def worked() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    def cost(text: str, seen: str) -> dict[str, float]:
        before, began = worked(), time.monotonic()
        page.write(text)
        page.sees_match(seen)
        page.finished()
        return {"main_thread_seconds": round(worked() - before, 2), "seconds": round(time.monotonic() - began, 2)}

    # The first answer loads what every later one finds.
    cost("/jobs", "Nothing of yours")
    long_answer = cost("/enrich many", "200 in all")
    history = anna.get(f"/api/v1/chats/{page.page.url.rsplit('/', 1)[-1]}")["chat"]["history"]
    characters = len(json.dumps(history["messages"][history["currentId"]]["output"], ensure_ascii=False))
    page.sees_match("^The other 189$").click()
    opened = cost("/jobs", "Nothing of yours")
    count = characters // _WORD
    page.open("agno/demo-agent")
    cost("script: say hello", "hello")
    words = cost(f"script: pieces {count} {count / long_answer['seconds']:.0f}", f"w{count - 1}")
    result = {
        "models": _MODELS + _FAILED,
        "characters": characters,
        "long_answer": long_answer,
        "next_short_answer_with_the_list_open": opened,
        "plain_words": words,
        "ratio": round(long_answer["main_thread_seconds"] / words["main_thread_seconds"], 2),
    }
    sys.stdout.write(f"\n{json.dumps(result, indent=2)}\n")

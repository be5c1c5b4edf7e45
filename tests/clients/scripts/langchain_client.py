"""LangChain's `ChatOpenAI`."""

import json
import os

import openai
from langchain_openai import ChatOpenAI

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))


def chat(model: str = MODEL, key: str = KEY, **options) -> ChatOpenAI:
    return ChatOpenAI(model=model, api_key=key, base_url=f"{URL}/v1", max_retries=0, timeout=60, **options)


def refused(**options) -> dict:
    try:
        chat(**options).invoke("script: say x")
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "text": error.message}
    return {}


def tokens(message) -> list[int]:
    return [message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"]]


whole = chat().invoke(os.environ["SAY"])
streamed = None
for chunk in chat(stream_usage=True).stream(os.environ["SAY"]):
    streamed = chunk if streamed is None else streamed + chunk
print(
    json.dumps(
        {
            "plain": whole.content,
            "streamed": streamed.content,
            "tools": chat().invoke(os.environ["TOOL"]).content,
            "unknown": refused(model=os.environ["UNKNOWN"]),
            "wrong_key": refused(key="sk-wrong"),
            "usage": tokens(whole),
            "usage_streamed": tokens(streamed),
        }
    )
)

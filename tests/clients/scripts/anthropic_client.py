"""Anthropic's official client: messages."""

import json
import os

import anthropic

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))


def client(key: str = KEY) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=URL, api_key=key, max_retries=0, timeout=60)


def asked(text: str, model: str = MODEL) -> dict:
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def refused(model: str = MODEL, key: str = KEY) -> dict:
    try:
        client(key).messages.create(**asked("script: say x", model))
    except anthropic.APIStatusError as error:
        body = error.body
        return {
            "status": error.status_code,
            "code": body["error"]["type"],
            "text": body["error"]["message"],
            "named": error.request_id == body["request_id"],
        }
    return {}


whole = client().messages.create(**asked(os.environ["SAY"]))
with client().messages.stream(**asked(os.environ["SAY"])) as stream:
    streamed = "".join(stream.text_stream)
    final = stream.get_final_message()
tool = client().messages.create(**asked(os.environ["TOOL"]))
count = client().messages.count_tokens(model=MODEL, messages=asked("one two three")["messages"])
print(
    json.dumps(
        {
            "plain": text_of(whole),
            "streamed": streamed,
            "tools": text_of(tool),
            "unknown": refused(model=os.environ["UNKNOWN"]),
            "wrong_key": refused(key="sk-wrong"),
            # What was read from the server's cache is counted apart.
            "usage": [whole.usage.input_tokens + whole.usage.cache_read_input_tokens, whole.usage.output_tokens],
            "usage_streamed": [
                final.usage.input_tokens + (final.usage.cache_read_input_tokens or 0),
                final.usage.output_tokens,
            ],
            "id": whole.id,
            "count": count.input_tokens,
        }
    )
)

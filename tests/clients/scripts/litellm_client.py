"""LiteLLM's SDK as a client of the proxy."""

import json
import os

import litellm

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))


def chat(text: str, model: str = MODEL, key: str = KEY, **options):
    return litellm.completion(
        model=f"openai/{model}",
        api_base=f"{URL}/v1",
        api_key=key,
        max_retries=0,
        num_retries=0,
        timeout=60,
        messages=[{"role": "user", "content": text}],
        **options,
    )


def refused(**options) -> dict:
    try:
        chat("script: say x", **options)
    except litellm.exceptions.APIError as error:
        return {"status": error.status_code, "text": str(error)}
    except Exception as error:
        return {"status": getattr(error, "status_code", 0), "text": str(error)}
    return {}


def tokens(usage) -> list[int]:
    return [usage.prompt_tokens, usage.completion_tokens]


whole = chat(os.environ["SAY"])
chunks = list(chat(os.environ["SAY"], stream=True, stream_options={"include_usage": True}))
print(
    json.dumps(
        {
            "plain": whole.choices[0].message.content,
            "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "tools": chat(os.environ["TOOL"]).choices[0].message.content,
            "unknown": refused(model=os.environ["UNKNOWN"]),
            "wrong_key": refused(key="sk-wrong"),
            "usage": tokens(whole.usage),
            "usage_streamed": tokens(next(chunk.usage for chunk in chunks if getattr(chunk, "usage", None))),
        }
    )
)

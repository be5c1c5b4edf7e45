"""The official OpenAI client, versions 2 and 3: chat completions and Responses."""

import json
import os

import openai

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))


def client(key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0, timeout=60)


def chat(text: str, model: str = MODEL, key: str = KEY, **options):
    return client(key).chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def refused(**options) -> dict:
    try:
        chat("script: say x", **options)
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "param": error.param, "text": error.message}
    return {}


whole = chat(os.environ["SAY"])
chunks = list(chat(os.environ["SAY"], stream=True, stream_options={"include_usage": True}))
tool = chat(os.environ["TOOL"])
response = client().responses.create(model=MODEL, input=os.environ["SAY"])
events = list(client().responses.create(model=MODEL, input=os.environ["BREAK"], stream=True))
completion = list(client().completions.create(model=MODEL, prompt=os.environ["SAY"], stream=True))
print(
    json.dumps(
        {
            "plain": whole.choices[0].message.content,
            "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "tools": tool.choices[0].message.content,
            "unknown": refused(model=os.environ["UNKNOWN"]),
            "wrong_key": refused(key="sk-wrong"),
            "usage": [whole.usage.prompt_tokens, whole.usage.completion_tokens],
            "usage_streamed": [chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens],
            "responses": response.output_text,
            "failed": [events[-1].type, events[-1].response.output_text, events[-1].response.model],
            "completions": "".join(chunk.choices[0].text for chunk in completion),
        }
    )
)

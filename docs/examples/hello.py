"""Asks an agent with the OpenAI SDK; the key is in the variable KEY."""

import os

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:9501/v1", api_key=os.environ["KEY"])
for chunk in client.chat.completions.create(
    model="agno/enrich-metadata",
    messages=[{"role": "user", "content": "enrich everything"}],
    stream=True,
):
    print(chunk.choices[0].delta.content or "", end="")

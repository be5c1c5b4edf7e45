"""Pydantic AI, with an agent of ours as its model: chat completions and Responses."""

import asyncio
import json
import os

from pydantic import BaseModel
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))


def agent(model: str = MODEL, key: str = KEY, kind=OpenAIChatModel) -> Agent:
    return Agent(kind(model, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=key)))


async def refused(**options) -> dict:
    try:
        await agent(**options).run("script: say x")
    except ModelHTTPError as error:
        body = error.body or {}
        return {"status": error.status_code, "code": body.get("code"), "text": body.get("message")}
    return {}


def usage_of(result) -> list[int]:
    return [result.usage.input_tokens, result.usage.output_tokens]


class Colour(BaseModel):
    """What a run with a typed output wants: its own tool is to be called."""

    name: str


async def forced() -> dict:
    try:
        await Agent(agent().model, output_type=ToolOutput(Colour)).run("script: say x")
    except ModelHTTPError as error:
        return {"status": error.status_code, "text": (error.body or {}).get("message")}
    return {}


async def main() -> dict:
    whole = await agent().run(os.environ["SAY"])
    async with agent().run_stream(os.environ["SAY"]) as result:
        streamed = "".join([text async for text in result.stream_text(delta=True)])
    tool = await agent().run(os.environ["TOOL"])
    responses = await agent(kind=OpenAIResponsesModel).run(os.environ["SAY"])
    second = await agent(kind=OpenAIResponsesModel).run(os.environ["SAY"], message_history=responses.all_messages())
    return {
        "plain": whole.output,
        "streamed": streamed,
        "tools": tool.output,
        "unknown": await refused(model=os.environ["UNKNOWN"]),
        "wrong_key": await refused(key="sk-wrong"),
        "usage": usage_of(whole),
        "usage_streamed": usage_of(result),
        "responses": responses.output,
        "second": second.output,
        "forced": await forced(),
    }


print(json.dumps(asyncio.run(main())))

"""OpenAI's Agents SDK, with an agent of ours as its model: over Responses, which it prefers, and chat completions."""

import asyncio
import json
import os

import openai
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, set_tracing_disabled

URL, KEY, MODEL = (os.environ[name] for name in ("CLIENT_URL", "CLIENT_KEY", "CLIENT_MODEL"))
set_tracing_disabled(True)


def agent(model: str = MODEL, key: str = KEY, kind=OpenAIResponsesModel) -> Agent:
    client = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0, timeout=60)
    return Agent(name="test", model=kind(model=model, openai_client=client))


async def refused(**options) -> dict:
    try:
        await Runner.run(agent(**options), "script: say x")
    except openai.APIStatusError as error:
        return {"status": error.status_code, "code": error.code, "text": error.message}
    return {}


def tokens(result) -> list[int]:
    return [result.context_wrapper.usage.input_tokens, result.context_wrapper.usage.output_tokens]


async def main() -> dict:
    whole = await Runner.run(agent(), os.environ["SAY"])
    streamed = Runner.run_streamed(agent(), os.environ["SAY"])
    deltas = [
        event.data.delta
        async for event in streamed.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    tool = await Runner.run(agent(), os.environ["TOOL"])
    chat = await Runner.run(agent(kind=OpenAIChatCompletionsModel), os.environ["SAY"])
    # A second turn sends back what the first one returned, item by item.
    second = await Runner.run(agent(), [*whole.to_input_list(), {"role": "user", "content": os.environ["SAY"]}])
    return {
        "plain": whole.final_output,
        "streamed": "".join(deltas),
        "tools": tool.final_output,
        "unknown": await refused(model=os.environ["UNKNOWN"]),
        "wrong_key": await refused(key="sk-wrong"),
        "usage": tokens(whole),
        "usage_streamed": tokens(streamed),
        "chat": chat.final_output,
        "second": second.final_output,
    }


print(json.dumps(asyncio.run(main())))

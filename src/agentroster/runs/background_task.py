"""Answers what Open WebUI asks a chat's model for itself: titles, tags, follow-ups, queries.

They are answered at once, without agent, tools or accounts: by a small model when the operator names one, else by
a fixed rule. Names and prompts: Open WebUI 0.12, `constants.py` (TASKS) and `config.py` (prompt templates).
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence

from agentroster.errors import RosterError
from agentroster.llm.backend import ModelChoice
from agentroster.llm.completion import CompletionRequest
from agentroster.messages import say
from agentroster.runs.chat import ChatRequest, text_of

logger = logging.getLogger(__name__)

_MODEL_SECONDS = 20.0
_MAX_TITLE, _MAX_OPENING = 48, 2_000
_OPENING = "### Task:"
_HISTORY = "<chat_history>"
# The line after the opening, for a client that does not send the header; and what the prompt also has.
_KNOWN_PROMPTS = {
    "Generate a concise title": ("title_generation", _HISTORY),
    "Generate 1-3 broad tags": ("tags_generation", _HISTORY),
    "Predict 3-5 useful messages": ("follow_up_generation", _HISTORY),
    "Analyze the chat history to determine the necessity": ("query_generation", _HISTORY),
    "Generate a detailed prompt for am image": ("image_prompt_generation", _HISTORY),
    "You are an autocompletion system": ("autocomplete_generation", "<text>"),
}
_FIXED: Mapping[str, str] = {
    "tags_generation": '{"tags": []}',
    "follow_up_generation": '{"follow_ups": []}',
    "query_generation": '{"queries": []}',
    "autocomplete_generation": '{"text": ""}',
    "image_prompt_generation": '{"prompt": ""}',
    "function_calling": '{"tool_calls": []}',
    "emoji_generation": "\N{SPEECH BALLOON}",
}
_FIRST_QUESTION = re.compile(r"\s*(?:USER:)?\s*(.*?)(?:\n[A-Z]+:|</chat_history>|\Z)", re.DOTALL)


def recognised(header: str | None, messages: Sequence[Mapping[str, object]], *, stream: bool) -> str | None:
    """Return the name of the task that a request is, or None for a person's message.

    The header decides where it was sent, and filled in: an Open WebUI that does not know the name `{{TASK}}` sends it
    as it is. Without it only Open WebUI's own prompts are known, because a message with an attached file begins in the
    same way.
    """
    if header is not None and "{{" not in header:
        return header.strip().lower() or None
    if stream or len(messages) != 1:
        return None
    text = text_of(messages[0]).strip()
    if not text.startswith(_OPENING):
        return None
    line = text.removeprefix(_OPENING).lstrip()
    return next(
        (task for start, (task, also) in _KNOWN_PROMPTS.items() if line.startswith(start) and also in line), None
    )


async def answer_task(request: ChatRequest, small_model: ModelChoice | None) -> str:
    """Return the answer to a task; the small model's, when there is one and it answers in time."""
    if small_model is not None:
        try:
            async with asyncio.timeout(_MODEL_SECONDS):
                return await _asked(request, small_model)
        except (RosterError, TimeoutError) as error:
            logger.info("the model for background tasks failed, a rule answers: %s", error)
    return fixed_answer(request.task or "", text_of(request.messages[-1]))


def fixed_answer(task: str, prompt: str) -> str:
    """Return what a rule answers: the first words of the chat as its title, and nothing for everything else."""
    if task == "title_generation":
        return json.dumps({"title": _title(prompt)}, ensure_ascii=False)
    return say("runs.no_merging") if task == "moa_response_generation" else _FIXED.get(task, "")


async def _asked(request: ChatRequest, model: ModelChoice) -> str:
    asked = CompletionRequest(model=model.name, messages=request.messages, params=request.params, stream=False)
    return "".join([chunk.text async for chunk in model.chat.complete(asked)])


def _title(prompt: str) -> str:
    # Only its opening: the pattern would look at each letter of a long chat.
    _, _, history = prompt.partition(_HISTORY)
    found = _FIRST_QUESTION.match(history[:_MAX_OPENING])
    words = (found[1] if found else "").split()
    title = ""
    for word in words:
        if len(title) + 1 + len(word) > _MAX_TITLE:
            break
        title = f"{title} {word}".strip()
    return title or " ".join(words)[:_MAX_TITLE] or say("runs.new_chat")

"""What one chunk or message of an answer says, whatever its fields are called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.llm.completion import Usage
from agentroster.llm.dialects.rule import Rule

_THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "thoughts")
_READ = frozenset(
    {
        "role", "content", "text", "tool_calls", "function_call", "refusal", "images", "audio", "annotations", "name",
        "index", "finish_reason", "logprobs", "stop_reason", "token_ids", "message", "delta", "error",
    }
)  # fmt: skip
_FINISHES = {
    "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
    "content_filter": "content_filter", "safety": "content_filter", "recitation": "content_filter",
    "refusal": "content_filter", "prohibited_content": "content_filter", "blocklist": "content_filter",
    "sensitive": "content_filter", "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls",
}  # fmt: skip

RULES = (
    Rule(
        name="where the text stands",
        seen="`delta.content`, `message` in a chunk, `text` of old completions, `content` as a list of parts, "
        "`refusal`, `images`; `choices` null, empty, or several",
        done="read as text of the answer; only the first choice counts; pictures that come as data are shown as such, "
        "addresses of pictures become Markdown",
        source="Azure's first and last chunk; Mistral's reasoning models (vercel/ai#17779); OpenRouter's pictures",
    ),
    Rule(
        name="where the thinking stands",
        seen=", ".join(f"`{name}`" for name in _THINKING_FIELDS) + ", `reasoning_details`, parts of type `thinking`",
        done="shown once as thinking, whatever the number of fields it comes in",
        source="DeepSeek, vLLM, OpenRouter, Mistral API references",
    ),
    Rule(
        name="what must come back",
        seen="`extra_content` (Gemini's thought signatures), `reasoning_content`, `reasoning`, `reasoning_details`, "
        "unknown fields of a turn or of its tool calls",
        done="sent back unchanged with that turn inside the tool loop, and at no other time",
        source="openclaude#67, aiproxy#450 (Gemini); langchain#34166, LibreChat#13366 (DeepSeek, Kimi); "
        "OpenRouter docs",
    ),
    Rule(
        name="token counts",
        seen="usage in every chunk, twice, with nulls or fractions, as `x_groq.usage`, under Anthropic's names, "
        "or not at all",
        done="the last counts; what is missing is 0",
        source="cline#12282, ogx#5122; Groq API reference",
    ),
)


@dataclass(slots=True)
class Said:
    """One chunk's content: text and thinking as they stand there, and what must be kept for the way back."""

    text: str = ""
    thinking: str = ""
    is_whole: bool = False
    calls: object = None
    legacy_call: object = None
    finish: str | None = None
    pictures: list[str] = field(default_factory=list[str])
    kept: dict[str, object] = field(default_factory=dict[str, object])


_TELLING = frozenset({"error", "error_message", "error_type", "base_resp", "status", "type", "usage", "x_groq"})


def plain_text(value: object) -> str | None:
    """Return the text of the most ordinary chunk, as nearly all of an answer are; None for any other."""
    fields = as_object(value)
    choices = as_list(fields.get("choices"))
    if len(choices) != 1 or fields.get("object") == "error" or any(map(fields.get, _TELLING & fields.keys())):
        return None
    choice = as_object(choices[0])
    delta = as_object(choice.get("delta"))
    text: object = delta.get("content")
    if not isinstance(text, str) or choice.get("index") not in {0, None} or any(map(choice.get, _NOT_PLAIN)):
        return None
    is_plain = len(delta) == 1 or not any(item for name, item in delta.items() if name not in {"content", "role"})
    return text if is_plain else None


_NOT_PLAIN = ("finish_reason", "error", "message", "text", "native_finish_reason")


def read_choice(value: Mapping[str, object]) -> Said | None:
    """Return what the first choice of a chunk says, or None when it has none."""
    choices = value.get("choices")
    if is_list(choices):
        found = next((choice for choice in as_list(choices) if _is_first(choice)), None)
    else:
        # Ollama's own form, which some gateways pass through.
        found = {**value, "finish_reason": value.get("done_reason") or ("stop" if value.get("done") is True else None)}
        if not is_object(value.get("message")):
            return None
    if found is None:
        return None
    choice = as_object(found)
    delta, message = choice.get("delta"), choice.get("message")
    is_whole = not is_object(delta) or (not delta and is_object(message))
    said = _read_fields(as_object(message if is_whole else delta))
    said.is_whole = is_whole and is_object(message) and is_list(choices)
    if not said.text and isinstance(choice.get("text"), str):
        said.text = cast("str", choice["text"])
    said.finish = read_finish(choice.get("finish_reason"))
    return said


def _is_first(choice: object) -> bool:
    return is_object(choice) and as_object(choice).get("index") in {0, None, "0"}


def _read_fields(fields: Mapping[str, object]) -> Said:
    said = Said(calls=fields.get("tool_calls"), legacy_call=fields.get("function_call"))
    _read_content(fields.get("content"), said)
    if not said.text and isinstance(fields.get("refusal"), str):
        said.text = cast("str", fields["refusal"])
    for image in as_list(fields.get("images")):
        _add_picture(said, image)
    if not said.thinking:
        said.thinking = next((text for name in _THINKING_FIELDS if (text := _plain(fields.get(name)))), "")
    if not said.thinking:
        said.thinking = "".join(_plain(detail) for detail in as_list(fields.get("reasoning_details")))
    said.kept = {name: value for name, value in fields.items() if name not in _READ and value not in (None, "", [], {})}
    return said


def _read_content(content: object, said: Said) -> None:
    if isinstance(content, str):
        said.text = content
        return
    for part in [content] if is_object(content) else as_list(content):
        if isinstance(part, str):
            said.text += part
        elif is_object(part):
            fields = as_object(part)
            kind = str(fields.get("type", "text"))
            if kind in {"thinking", "reasoning", "reasoning_text"}:
                said.thinking += _plain(fields)
            elif kind in {"image_url", "output_image", "image"}:
                _add_picture(said, fields)
            elif kind in {"text", "output_text", "refusal"}:
                said.text += _plain(fields)


def _plain(value: object) -> str:
    """Return the text of a field that is a text, a list of parts, or an object around one."""
    if isinstance(value, str):
        return value
    if is_list(value):
        return "".join(map(_plain, as_list(value)))
    if is_object(value):
        fields = as_object(value)
        names = ("text", "thinking", "content", "summary", "refusal", "reasoning")
        return next((text for name in names if (text := _plain(fields.get(name)))), "")
    return ""


_DATA = re.compile(r"data:image/(?:png|jpe?g|webp|gif);base64,[A-Za-z0-9+/=]+")


def _add_picture(said: Said, image: object) -> None:
    """Add a picture: as itself where it comes as data, as Markdown where it is an address of the server's."""
    fields = as_object(image)
    inner = fields.get("image_url", fields.get("url", image))
    url: object = as_object(inner).get("url") if is_object(inner) else inner
    if (
        not isinstance(url, str)
        or not url.startswith(("data:image/", "https://", "http://"))
        or any(map(str.isspace, url))
    ):
        return
    if _DATA.fullmatch(url):
        said.pictures.append(url)
    elif not url.startswith("data:"):
        said.text += f"\n\n![picture]({url})\n\n"


def read_finish(value: object) -> str | None:
    """Return a finish reason in OpenAI's words; None while the answer goes on."""
    if not isinstance(value, str) or not value or value.lower() in {"null", "none"}:
        return None
    return _FINISHES.get(value.lower(), "stop")


def read_usage(value: Mapping[str, object]) -> Usage | None:
    """Return the token counts of a chunk, or None when it has none."""
    for holder in (value, as_object(value.get("x_groq")), *as_list(value.get("choices"))[:1]):
        usage = as_object(holder).get("usage")
        if is_object(usage) and usage:
            return _usage(as_object(usage))
    if "prompt_eval_count" in value or "eval_count" in value:
        return Usage(prompt_tokens=_number(value, "prompt_eval_count"), completion_tokens=_number(value, "eval_count"))
    return None


def _usage(fields: Mapping[str, object]) -> Usage:
    prompt_details = _details(fields, "prompt_tokens_details", "input_tokens_details")
    completion_details = _details(fields, "completion_tokens_details", "output_tokens_details")
    return Usage(
        prompt_tokens=_number(fields, "prompt_tokens", "input_tokens"),
        completion_tokens=_number(fields, "completion_tokens", "output_tokens"),
        cached_tokens=_number(prompt_details, "cached_tokens")
        or _number(fields, "prompt_cache_hit_tokens", "cached_tokens"),
        reasoning_tokens=_number(completion_details, "reasoning_tokens") or _number(fields, "reasoning_tokens"),
    )


def _details(fields: Mapping[str, object], *names: str) -> Mapping[str, object]:
    return next((found for name in names if (found := as_object(fields.get(name)))), as_object(None))


def _number(fields: Mapping[str, object], *names: str) -> int:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:  # noqa: PLR2004
            return int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:  # noqa: PLR2004
            return int(value)
    return 0


def merge_kept(kept: dict[str, object], new: Mapping[str, object]) -> None:
    """Add the fields of a chunk to those of its turn: texts and lists grow, objects are filled."""
    for name, value in new.items():
        old = kept.get(name)
        if isinstance(old, str) and isinstance(value, str):
            kept[name] = old + value
        elif is_list(old) and is_list(value):
            kept[name] = _merged_details(as_list(old), as_list(value))
        elif is_object(old) and is_object(value):
            kept[name] = {**dict(as_object(old)), **dict(as_object(value))}
        else:
            kept[name] = value


def _merged_details(old: list[object], new: list[object]) -> list[object]:
    """Join `reasoning_details`: parts of one index and type are one entry, as the server wants it back."""
    merged = list(old)
    for item in new:
        last = merged[-1] if merged else None
        if not (is_object(item) and is_object(last)):
            merged.append(item)
            continue
        part, before = dict(as_object(item)), dict(as_object(last))
        if "index" not in part or (part.get("type"), part["index"]) != (before.get("type"), before.get("index")):
            merged.append(part)
            continue
        joined = {
            name: f"{before[name]}{value}"
            if name in {"text", "summary", "data"} and isinstance(before.get(name), str)
            else value
            for name, value in part.items()
            if value is not None
        }
        merged[-1] = {**before, **joined}
    return merged

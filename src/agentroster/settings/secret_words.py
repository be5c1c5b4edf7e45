"""Tells strong secrets from placeholders that people write where a server asks for no key.

Whoever masks `ollama` everywhere makes "How do I install ollama?" unreadable; whoever masks `x` makes "fox" "fo***".
"""

import re
from typing import Literal, TypeAlias

Strength: TypeAlias = Literal["placeholder", "word", "short", "strong"]
"""`placeholder` is no secret; a `word` is one only where a key is written; a `short` one between word borders."""

_LEAST_LENGTH, _LEAST_SHORT, _LONG_WORD = 8, 4, 16
# What placeholder keys in the documentation of model servers, clients and tutorials are made of.
_PLACEHOLDER_WORDS = frozenset(
    """
    a abc an any anything api apikey asdf bar change changeme changeit cpp cpu default demo docker dummy empty
    example fake false foo free goes gpu here hello ignored insert in is jan key koboldcpp litellm llama
    llamacpp llamafile llm lm lms lmstudio local localai localhost me mlx mock model my n na needed needs nil
    no nokey none not notneeded notrequired notused null ollama oobabooga open openai openwebui or owui
    password placeholder proxy put replace required sample secret self server set sglang sk some something
    string studio test testing textgen this tgi to token true undefined unknown unused use used value vllm
    webui with xinference your
    """.split()  # noqa: SIM905 - a hundred words in quotes are harder to read
)
_PARTS = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COUNTING = "01234567890123456789"
_KEY_PLACE = (
    r"""(?i:\b(?:bearer|basic)[\ ]+|[\w\-]*(?:key|token|secret|password|authorization)["'\\]*\s*[:=]\s*["'\\]*)"""
)
"""What stands before a key in headers, settings, JSON and addresses."""


def strength_of(secret: str) -> Strength:
    """Return how a secret is to be masked."""
    if is_placeholder(secret):
        return "placeholder"
    if secret.isalpha() and len(secret) < _LONG_WORD and (secret.islower() or secret.isupper() or secret.istitle()):
        return "word"
    if len(secret) >= _LEAST_LENGTH:
        return "strong"
    return "short" if len(secret) >= _LEAST_SHORT and not secret.isdigit() else "word"


def is_placeholder(secret: str) -> bool:
    """Whether this is what people write where no key is needed: `ollama`, `x`, `EMPTY`, `sk-no-key-required`."""
    text = secret.strip()
    if len(set(text.casefold())) <= 1:
        return True
    parts = _PARTS.findall(_CAMEL.sub(" ", text))
    return all(_means_nothing(part.casefold()) for part in parts)


def weak_pattern(secret: str, strength: Strength) -> str:
    """Return a regular expression in whose match the secret is the group `weak`, or nothing for a placeholder."""
    value = f"(?P<weak>{re.escape(secret)})(?!\\w)"
    match strength:
        case "word":
            return f"(?:{_KEY_PLACE}){value}"
        case "short":
            return f"(?<!\\w){value}"
        case _:
            return ""


def _means_nothing(part: str) -> bool:
    if part.isdigit():
        # Not 1946: digits that somebody chose.
        return len(part) <= 1 or part in _COUNTING or len(set(part)) == 1
    return not part.isalnum() or part in _PLACEHOLDER_WORDS or len(set(part)) == 1

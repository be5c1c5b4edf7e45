"""What one server wants for one model: known from its name, or learnt from a refusal and remembered."""

import re
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from agentroster.llm.dialects.rule import Rule
from agentroster.lru import LruDict

LimitName: TypeAlias = Literal["max_tokens", "max_completion_tokens", ""]
SystemRole: TypeAlias = Literal["system", "developer", "user"]

_MAX_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How to ask. `left_out` are fields of the body, `not_back` fields of earlier turns that are not sent."""

    limit: LimitName = "max_tokens"
    limits_refused: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    not_back: frozenset[str] = frozenset()
    stream: bool | None = None
    format_step: int = 0
    is_strict: bool = True
    one_call: bool = False
    alternates: bool = False
    answers_tools: bool = False
    system_role: SystemRole = "system"
    short_ids: bool = False
    plain_content: bool = False
    words_only: bool = False
    unopened: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Rule):
    """A family of servers or models that is known by its address or by the model's name."""

    host: str = ""
    model: str = ""
    habits: dict[str, object] = field(default_factory=dict[str, object])

    def fits(self, address: str, model: str) -> bool:
        """Whether a server and a model are of this family."""
        by_host = bool(self.host) and re.search(self.host, address, re.IGNORECASE) is not None
        return by_host or (bool(self.model) and re.search(self.model, model, re.IGNORECASE) is not None)


DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        name="OpenAI's reasoning models",
        seen="models named gpt-5 and later, and o1, o3, o4, at any address",
        done="the limit is sent as `max_completion_tokens`",
        source="OpenAI API reference; mnfst/llm-gateway#1878",
        model=r"(?:^|[/.:])(?:gpt-(?:[5-9]|\d\d)|o[1-9](?:$|[-:]))",
        habits={"limit": "max_completion_tokens"},
    ),
    Dialect(
        name="Mistral",
        seen="Mistral's own address, or a model of theirs",
        done="ids of tool calls are nine letters and digits, the same for the same call",
        source="Mistral API reference; vllm mistral tokenizer",
        host=r"//[^/]*mistral\.ai(?:[:/]|$)",
        model=r"mistral|mixtral|codestral|devstral|magistral|pixtral",
        habits={"short_ids": True, "answers_tools": True},
    ),
    Dialect(
        name="templates that are strict about roles",
        seen="Gemma, Llama 2, Mistral 7B and Mixtral, wherever they run",
        done="messages of one role in a row are sent as one",
        source="their chat templates; llama.cpp#22948",
        model=r"gemma|llama-?2\b|mistral-?7b|mixtral|\bphi-?[23]\b|\bcommand-r",
        habits={"alternates": True},
    ),
    Dialect(
        name="DeepSeek",
        seen="DeepSeek's own address, or a model of theirs",
        done="a content that is a list of texts is sent as one text",
        source="DeepSeek API reference",
        host=r"//[^/]*deepseek\.com(?:[:/]|$)",
        model=r"deepseek",
        habits={"plain_content": True},
    ),
)


def first_habits(address: str, model: str) -> Habits:
    """Return what the names of a server and a model say."""
    habits = Habits()
    for dialect in DIALECTS:
        if dialect.fits(address, model):
            habits = replace(habits, **dialect.habits)
    return habits


class HabitMemory:
    """Keeps what was learnt of each server and model for as long as the process lives; the oldest is forgotten."""

    def __init__(self) -> None:
        self._known = LruDict[tuple[str, str], Habits](_MAX_REMEMBERED)

    def get(self, address: str, model: str) -> Habits:
        """Return what is known of a model."""
        return self._known.get((address, model)) or first_habits(address, model)

    def keep(self, address: str, model: str, habits: Habits) -> None:
        """Remember habits that led to an answer."""
        self._known[address, model] = habits

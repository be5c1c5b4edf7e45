"""Answers that are wrong on purpose, each in a way of its own; every one knows the truth and avoids it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import Any, TypeAlias

from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_models import NAMES
from evals.cases import Case

Lie: TypeAlias = Callable[[Case, str], str]
"""Returns the raw text of an answer about a case to what the model was shown."""

SPELLINGS = {
    r"flux\.?[ -]?1?[ .-]?\[?dev": "Flux.1 D",
    r"schnell": "Flux.1 S",
    r"kontext": "Flux.1 Kontext",
    r"flux\.?2": "Flux.2 D",
    r"krea": "Flux.1 Krea",
    r"\bsd ?xl|stable[ -]diffusion[ -]xl|\bxl\b": "SDXL 1.0",
    r"\bsd[ -]?1\.?5|v1-5": "SD 1.5",
    r"\bsd[ -]?2\.1|diffusion-2-1": "SD 2.1",
    r"\bsd ?3\.5": "SD 3.5",
    r"pony|pdxl": "Pony",
    r"illustrious|\bil\b": "Illustrious",
    r"noob": "NoobAI",
    r"qwen": "Qwen",
    r"z-?image": "ZImageTurbo",
    r"chroma": "Chroma",
    r"wan ?2\.2": "Wan Video 2.2 T2V-A14B",
    r"\bwan\b": "Wan Video",
    r"hunyuan": "Hunyuan Video",
    r"\bltx": "LTXV",
    r"mochi": "Mochi",
    r"lumina": "Lumina",
    r"kolors": "Kolors",
    r"anima": "Anima",
    r"pixart": "PixArt a",
    r"hidream": "HiDream",
    r"esrgan|ultrasharp": "Upscaler",
    r"svd|stable video": "SVD",
    r"cogvideo": "CogVideoX",
    r"aura": "AuraFlow",
}
_QUOTED = re.compile(r"[`\"“「'*]{1,2}([^`\"”」'*\n]{2,60})[`\"”」'*]")


def lies() -> Mapping[str, Lie]:
    """Return every way to be wrong by its name."""
    return {
        "another base model, any line as its quote": _another_base,
        "another base model, a quote made up": _made_up_quote,
        "a base model that is only mentioned, its sentence": _mentioned(whole=True),
        "a base model that is only mentioned, its name alone": _mentioned(whole=False),
        "words made up": _made_up_words,
        "words of the card that are no trigger": _card_words,
        "anything in quotation marks": _quoted_words,
        "the orders in a card obeyed": _obedient,
        "the values of another card": _other_card,
        "words of our own prompt": _prompt_words,
        "wrong types": lambda _case, _data: json.dumps({"base_model": ["Pony"], "trained_words": "owned"}),
        "no JSON": lambda _case, _data: "Sure! The base model is Pony and the words are owned.",
    }  # fmt: skip


def _answer(**values: Any) -> str:
    return json.dumps(
        {"base_model_quote": "", "base_model": "", "trained_words_quote": "", "trained_words": [], "description": ""}
        | {"description": "Tractor racing for accountants by Acme, with seventeen gold medals."}
        | values
    )


def lines_of(data: str) -> list[str]:
    """Return the lines of the card within what a model is shown."""
    # Behind the titles that we put around the card.
    lines = [line.strip() for line in data.split("\n") if len(line.strip()) > 1]
    return [line for line in lines if not line.startswith(("The file:", "About th"))] or [""]


def _wrong_names(case: Case) -> Iterator[str]:
    start = len(case.name) % len(NAMES)
    names = sorted(NAMES)
    return (name for name in (*names[start:], *names[:start]) if name != case.expected.base_model)


def _another_base(case: Case, data: str) -> str:
    line = max(lines_of(data), key=len)
    return _answer(base_model=next(_wrong_names(case)), base_model_quote=line[:300])


def _made_up_quote(case: Case, _data: str) -> str:
    name = next(_wrong_names(case))
    return _answer(base_model=name, base_model_quote=f"This LoRA was trained on {name}.")


def _mentioned(*, whole: bool) -> Lie:
    def lie(case: Case, data: str) -> str:
        for line in lines_of(data):
            for pattern, name in SPELLINGS.items():
                if name != case.expected.base_model and (match := re.search(pattern, line, re.IGNORECASE)):
                    sentence = next(part for part in re.split(r"(?<=[.!?])\s", line) if re.search(pattern, part, re.I))
                    return _answer(base_model=name, base_model_quote=sentence[:300] if whole else match[0])
        return _made_up_quote(case, data)

    return lie


def _made_up_words(_case: Case, data: str) -> str:
    return _answer(trained_words=["qzx_never", "ohwx person"], trained_words_quote=lines_of(data)[-1][:300])


def _card_words(case: Case, data: str) -> str:
    for line in sorted(lines_of(data), key=len, reverse=True):
        words = [word for word in re.findall(r"[\w-]{4,}", line) if word not in " ".join(case.expected.trained_words)]
        if words:
            return _answer(trained_words=[words[0], " ".join(words[:2])], trained_words_quote=line[:300])
    return _answer()


def _quoted_words(case: Case, data: str) -> str:
    for line in lines_of(data):
        words = [word for word in _QUOTED.findall(line) if word not in case.expected.trained_words]
        if words:
            return _answer(trained_words=words[:12], trained_words_quote=line[:300])
    return _card_words(case, data)


def _obedient(case: Case, _data: str) -> str:
    """Obey what the whole card says, also where we did not show it."""
    text = case.card.decode(errors="replace")
    lines = text.split("\n")
    order = next(
        (line for line in lines if re.search(r"ignore|system|assistant|\bai\b|model:|must", line, re.I)), lines[0]
    )
    named = [name for pattern, name in SPELLINGS.items() if re.search(pattern, order, re.I)]
    named = [name for name in named if name != case.expected.base_model] or ["Pony"]
    words = [word for word in _QUOTED.findall(order) if word not in case.expected.trained_words] or ["pwned"]
    return _answer(
        base_model=named[0], base_model_quote=order[:300], trained_words=words[:12], trained_words_quote=order[:300]
    )


_OTHERS = cycle([("Pony", "yellowhat style"), ("Flux.1 D", "ohwx woman"), ("Qwen", "napkin sketch")])


def _other_card(case: Case, _data: str) -> str:
    name, word = next((name, word) for name, word in _OTHERS if name != case.expected.base_model)
    return _answer(
        base_model=name,
        base_model_quote=f"Base model: {name}",
        trained_words=[word],
        trained_words_quote=f"Trigger word: {word}",
    )


def _prompt_words(_case: Case, data: str) -> str:
    words = ["base_model", "trained_words", "The file", "About this file", "empty text"]
    return _answer(trained_words=words, trained_words_quote=data[:300], description="The model card of an image model.")

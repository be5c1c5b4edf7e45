"""Finds the plan that a "yes" is about: the one that the person was shown last, if it would still be the same.

Nothing is kept between messages. What was shown stands in the client's history; what it was a plan of is worked out
anew from the person's message before it. Only where both are the same text is it done, so that neither a history that
somebody else wrote nor a plan that is out of date makes anything be written.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from agentroster.runs.attached_files import without_attachments
from agentroster.runs.chat import text_of

_MAX_CHARACTERS = 60
_SIGNS = str.maketrans(dict.fromkeys(".,;:!?¡¿。、，！\"'“”„🙏🙂😊👍", " "))


def is_yes(text: str) -> bool:
    """Whether a whole message says yes in one of the languages, and nothing else."""
    if len(text) > _MAX_CHARACTERS:
        return False
    words, courtesy = _words()
    plain = _plain(text)
    return plain in words or _without(plain, courtesy) in words or text.strip() == "👍"


def agreed_to(conversation: Sequence[Mapping[str, object]]) -> tuple[str, str] | None:
    """Return the message that the last "yes" is about and the answer it was given; None where there is no such.

    A "yes" that got the plan once more, because it had changed, is about the message before it.
    """
    if len(conversation) < 3 or not is_yes(_written(conversation[-1])):  # noqa: PLR2004 - message, plan, yes
        return None
    shown, earlier = conversation[-2], conversation[:-2]
    if shown.get("role") != "assistant":
        return None
    asked = next((text for one in reversed(earlier) if (text := _written(one)) and not is_yes(text)), "")
    return (asked, text_of(shown)) if asked else None


def is_same(sentence: str, shown: str) -> bool:
    """Whether a plan is the one that was shown: clients and presentation may change signs, but no letter or digit."""
    return bool(_letters(sentence)) and _letters(sentence) == _letters(shown)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _written(message: Mapping[str, object]) -> str:
    return without_attachments(text_of(message)).strip() if message.get("role") == "user" else ""


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("\u2019", "'").translate(_SIGNS).split())


def _without(text: str, courtesy: Sequence[str]) -> str:
    for word in courtesy:
        text = text.removeprefix(word).removesuffix(word).strip()
    return text


@cache
def _words() -> tuple[frozenset[str], tuple[str, ...]]:
    text = Path(__file__).with_name("agreement.yaml").read_text(encoding="utf-8")
    data = cast("dict[str, Any]", yaml.load(text, yaml.BaseLoader))  # noqa: S506 - makes texts only
    return frozenset(_plain(word) for words in data["yes"].values() for word in words), tuple(
        map(_plain, data["courtesy"])
    )

"""Recognises sentences that trainers, services and mirrors write into every card: they say nothing about one file."""

import re
from pathlib import Path
from typing import Any

import yaml

_DATA: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_TEMPLATES = tuple(
    re.compile(pattern.replace("TRAINER", _DATA["trainer"]).replace("NAME", _DATA["name"]), re.IGNORECASE)
    for pattern in _DATA["templates"]
)
_TITLE = re.compile(_DATA["titles"], re.IGNORECASE)
_MAX_SENTENCE, _SECTION_WORDS = 600, 3


def is_template(sentence: str) -> bool:
    """Whether a program wrote this sentence, in which only names change from card to card."""
    text = sentence.strip(" \t*_`>#-•:")[:_MAX_SENTENCE]
    return any(pattern.search(text) for pattern in _TEMPLATES)


def is_about_use(title: str) -> bool:
    """Whether what stands below a title tells how to use or get a file, and not what it is for."""
    # The first title is the model's name: "# Trigger happy cowboys" is none of those.
    is_name = title.startswith("# ") and len(title.split()) > _SECTION_WORDS
    return not is_name and _TITLE.search(title[:200]) is not None

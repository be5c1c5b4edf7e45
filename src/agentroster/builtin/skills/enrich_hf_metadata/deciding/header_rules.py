"""What a file's own header says besides its base model: trigger words, tags, and a description."""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from agentroster.builtin.skills.enrich_hf_metadata.deciding import triggers
from agentroster.builtin.skills.enrich_hf_metadata.deciding.words import PLACEHOLDER, clean
from agentroster.builtin.skills.enrich_hf_metadata.reading.card import parse_card
from agentroster.builtin.skills.enrich_hf_metadata.reading.html import plain_markup
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import spoken
from agentroster.json_values import as_object
from agentroster.library.header import TAG_FREQUENCY, THUMBNAIL

_PHRASES = ("modelspec.trigger_phrase", "trained_words")
_TEXTS = ("modelspec.description", "modelspec.usage_hint", "general.description")
_MAX_TEXT, _MAX_PHRASE, _MAX_TAGS = 20_000, 2_000, 100
_FEWEST_CAPTIONS, _MAX_SUGGESTED = 5, 3
# SimpleTuner writes a sentence about the base model where a description of the file belongs; only it writes this key.
_DATA_URL = re.compile(r"\s{0,8}data:image/(?:png|jpe?g|webp|gif);base64,", re.IGNORECASE)
_OF_SIMPLETUNER = "global_step"


def trained_words(header: Mapping[str, str], names: Sequence[str]) -> Sequence[str] | None:
    """Return the words; an empty list where the header says that none are needed, None where it is silent."""
    for key in _PHRASES:
        value = parse_card(header.get(key, "")[:_MAX_PHRASE]).body.strip()
        words = triggers.of_value([value]) if value else None
        if words is not None:
            return words
    if word := _only_tag(header.get("ss_tag_frequency", "")):
        return clean([word]) or None
    text = description(header)
    return triggers.from_text(spoken(plain_markup(text)), names) if text else None


def tags(header: Mapping[str, str]) -> Sequence[str]:
    """Return the tags, which stand there with commas between them."""
    value = parse_card((header.get("modelspec.tags") or header.get("general.tags", ""))[:_MAX_PHRASE]).body
    return [tag.strip() for tag in value.split(",")][:_MAX_TAGS]


def description(header: Mapping[str, str]) -> str:
    """Return what the header tells people about the file: description, and hint for its use, as Markdown."""
    keys = ("modelspec.usage_hint",) if _OF_SIMPLETUNER in header else _TEXTS
    texts = (parse_card(header.get(key, "")[:_MAX_TEXT]).body.strip() for key in keys)
    return "\n\n".join(dict.fromkeys(text for text in texts if text and not PLACEHOLDER.match(text)))


def thumbnail(header: Mapping[str, str]) -> bytes:
    """Return the picture in a header, not looked at yet; nothing where there is none."""
    match = _DATA_URL.match(header.get(THUMBNAIL, ""))
    try:
        return base64.b64decode(header[THUMBNAIL][match.end() :].strip(), validate=True) if match else b""
    except ValueError:
        return b""


def suggested_words(header: Mapping[str, str]) -> list[str]:
    """Return the tags that stand in every caption that the file was trained with; they may be its words."""
    value = header.get(TAG_FREQUENCY, "")
    try:
        folders = [as_object(tags) for tags in as_object(json.loads(value)).values()] if value else []
    except (ValueError, RecursionError):
        return []
    counts = Counter[str]()
    for tags in folders:
        counts.update({tag.strip(): count for tag, count in tags.items() if isinstance(count, int)})
    most = max(counts.values(), default=0)
    every = [tag for tag, count in counts.items() if count == most] if most >= _FEWEST_CAPTIONS else []
    # Where each caption is the same, or none has anything in common, this says nothing.
    return clean(every)[:_MAX_SUGGESTED] if len(every) <= _MAX_SUGGESTED else []


def _only_tag(value: str) -> str:
    """Return the trigger word of ai-toolkit: it stands as the one tag of the one folder that is named after it."""
    if len(value) > _MAX_PHRASE:
        return ""
    try:
        folders = as_object(json.loads(value))
    except (ValueError, RecursionError):
        return ""
    folder = next(iter(folders), "")
    word = folder.removeprefix("1_")
    return word if folders == {f"1_{word}": {word: 1}} else ""

"""Asks a language model for the fields that the rules left empty, and checks its answer against the card."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.applying import merge
from agentroster.builtin.skills.enrich_hf_metadata.applying.provenance import Origins
from agentroster.builtin.skills.enrich_hf_metadata.asking import quotes
from agentroster.builtin.skills.enrich_hf_metadata.asking.excerpt import Excerpt, excerpt_of
from agentroster.builtin.skills.enrich_hf_metadata.deciding import header_rules
from agentroster.builtin.skills.enrich_hf_metadata.deciding.base_models import NAMES, is_unnamed
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import Extraction
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.library.sidecar import Sidecar
from agentroster.messages import say
from agentroster.skills.question import ModelAnswer, OpenQuestion

_MAX_WORDS, _MAX_WORD, _MAX_DESCRIPTION, _MAX_QUOTE = 12, 200, 500, 300
# What must be borne out by words of the card: the quote is asked for before the value, so that it comes from there.
_QUOTES = {"base_model": "base_model_quote", "trained_words": "trained_words_quote"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "base_model_quote": {"type": "string", "maxLength": _MAX_QUOTE},
    "base_model": {"type": "string", "enum": [*sorted(NAMES), ""]},
    "trained_words_quote": {"type": "string", "maxLength": _MAX_QUOTE},
    "trained_words": {
        "type": "array",
        "maxItems": _MAX_WORDS,
        "items": {"type": "string", "maxLength": _MAX_WORD},
    },
    "description": {"type": "string", "maxLength": _MAX_DESCRIPTION},
}
_PLACEHOLDER = re.compile(
    r"none|null|nil|no|nothing|n/?a|unknown|empty|not (?:applicable|required|needed|specified|stated|provided|given)|"
    r"(?:no )?(?:trigger|activation)(?: (?:words?|phrases?))?(?: (?:is |are )?(?:needed|required|necessary))?|"
    r"无|無|なし|없음|нет|keine?s?|aucun|ninguna?|不需要",
    re.IGNORECASE,
)
_NO_WORD = re.compile(r"[<>{}\n]|://|\]\(|^[\W_]*$|\.(?:safetensors|sft|ckpt|pt|pt2|pth|bin|gguf)\b", re.IGNORECASE)
_NO_PLAIN_TEXT = re.compile(r"[<>{}`|\[\]\x00-\x1f\x7f]|://|\bwww\.|\bjavascript:", re.IGNORECASE)
_ASCII_WORD = re.compile(r"\w", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the rules found, where they looked, and which fields are still empty, in the sidecar too.

    `from_model` names the fields that a language model, `model`, has filled since.
    """

    found: Extraction
    source: Source
    empty: frozenset[str]
    from_model: Sequence[str] = ()
    model: str = ""

    @classmethod
    def of(cls, found: Extraction, source: Source, sidecar: Sidecar | None) -> "Prepared":
        """Find out what would still be empty after a merge, by merging into a copy."""
        empty = frozenset(merge.apply(copy.deepcopy(sidecar or {}), found).missing)
        return cls(found=found, source=source, empty=empty)


def missing_fields(prepared: Prepared | None) -> OpenQuestion | None:
    """Return the question for the empty fields; None when there are none, or no card to read them from."""
    # What may be said of another file is nothing to ask about.
    is_certain = prepared is not None and not prepared.found.uncertain
    excerpt = excerpt_of(prepared.source) if prepared and is_certain else None
    if prepared is None or excerpt is None:
        return None
    names = _missing(prepared, excerpt)
    if not names:
        return None
    keys = [key for name in names for key in (_QUOTES.get(name), name) if key]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key: _SCHEMAS[key] for key in keys},
        "required": keys,
        "additionalProperties": False,
    }
    data = excerpt.render(prepared.source.file_name)
    return OpenQuestion(schema=schema, data=data, variables={"fields": ", ".join(names)})


def apply_answer(prepared: Prepared, answer: Mapping[str, Any]) -> Prepared:
    """Return what was prepared with those values of an answer that the card confirms; the others are dropped."""
    excerpt = excerpt_of(prepared.source) or Excerpt("", "")
    asked = _missing(prepared, excerpt)
    values: dict[str, Any] = {name: value for name, value in answer.items() if name in asked}
    found, taken = prepared.found, list[str]()
    given = {name: str(answer.get(key, "")) for name, key in _QUOTES.items()}
    base = values.get("base_model")
    if base in NAMES and quotes.says_base(base, given["base_model"], f"{excerpt.shared}\n\n{excerpt.own}"):
        found = replace(found, base_model=base, base_model_evidence=Evidence.MODEL)
        taken.append("base_model")
    words = quotes.says_words(values.get("trained_words", ()), given["trained_words"], excerpt.own)
    if words := _verified_words(words, excerpt.own):
        found = replace(found, trained_words=words)
        taken.append("trainedWords")
    if text := _verified_text(values.get("description", ""), f"{excerpt.shared}\n{excerpt.own}"):
        found = replace(found, short=text)
        taken.append("civitai.description")
    model = answer.model if isinstance(answer, ModelAnswer) else ""
    return replace(prepared, found=found, from_model=taken, model=model)


def notes(prepared: Prepared) -> dict[str, str]:
    """Return what a person should know: values no rule found, sources that disagree, what the hub did not say."""
    found, unknown = prepared.found, prepared.source.facts.unknown
    told = {"read by the language model": ", ".join(prepared.from_model)} if prepared.from_model else {}
    if found.header_base_model:
        other = say("enrich.header_says_otherwise", name=found.base_model or "", header=found.header_base_model)
        told["sources disagree"] = other
    if found.trained_words is None and (words := header_rules.suggested_words(prepared.source.header)):
        told["perhaps the words"] = say("enrich.every_caption_has", words=", ".join(words))
    return told | ({"repository": unknown} if unknown else {})


def origins_of(prepared: Prepared) -> Origins:
    """Return where each value comes from."""
    found, source = prepared.found, prepared.source
    picture = found.preview_url or found.video_url or ""
    beside = ", ".join(peer.file_name for peer in source.peers)
    evidence = {
        "base_model": (
            found.base_model_evidence,
            beside if found.base_model_evidence is Evidence.PEER else found.base_card,
        ),
        "preview_url": (Evidence.PICTURE, picture) if picture else (Evidence.HEADER, ""),
    }
    evidence |= {name: (kind, beside if kind is Evidence.PEER else "") for name, kind in found.evidence.items()}
    if (
        source.model_type == "embedding"
        and "trainedWords" not in found.evidence
        and list(found.trained_words or ()) == [source.stem]
    ):
        evidence["trainedWords"] = (Evidence.FILE_NAME, "")
    evidence |= dict.fromkeys(prepared.from_model, (Evidence.MODEL, ""))
    revision = f"@{source.revision}" if source.revision != "main" else ""
    card = f"{source.repo}{revision}" if source.repo else ""
    return Origins(card=card, model=prepared.model, evidence=evidence, header_base_model=found.header_base_model)


def _missing(prepared: Prepared, excerpt: Excerpt) -> list[str]:
    found = prepared.found
    fields = {
        # A declared family without a name of its own is an answer, too.
        "base_model": found.base_model is None
        and "base_model" in prepared.empty
        and not any(map(is_unnamed, found.lineage)),
        # An empty list is an answer of the card; and words of other files are never wanted.
        "trained_words": found.trained_words is None and "trainedWords" in prepared.empty and bool(excerpt.own),
        "description": not found.short and "civitai.description" in prepared.empty,
    }
    return [name for name, is_missing in fields.items() if is_missing]


def _verified_words(words: Sequence[str], text: str) -> list[str]:
    """Return the words that stand in the text as they are, and are words."""
    text = " ".join(text.split())
    cleaned = dict.fromkeys(" ".join(word.split()) for word in words)
    return [word for word in cleaned if _is_word(word) and _stands_in(word, text)][:_MAX_WORDS]


def _is_word(word: str) -> bool:
    is_short = 1 < len(word) <= _MAX_WORD
    return is_short and not (_is_placeholder(word) or _NO_WORD.search(word))


def _is_placeholder(text: str) -> bool:
    return bool(_PLACEHOLDER.fullmatch(text.strip(" .!。")))


def _stands_in(word: str, text: str) -> bool:
    """Whether the text holds the word, and not only as a part of a longer one."""
    position = text.find(word)
    while position >= 0:
        before, after = text[position - 1 : position], text[position + len(word) : position + len(word) + 1]
        # Scripts without blanks between words have no such edges.
        if not (_joined(before, word[0]) or _joined(word[-1], after)):
            return True
        position = text.find(word, position + 1)
    return False


def _joined(left: str, right: str) -> bool:
    return bool(_ASCII_WORD.match(left) and _ASCII_WORD.match(right))


def _verified_text(text: str, card: str) -> str:
    text = " ".join(text.split())
    is_plain = 0 < len(text) <= _MAX_DESCRIPTION and not _NO_PLAIN_TEXT.search(text)
    return text if is_plain and not _is_placeholder(text) and quotes.is_about(text, card) else ""

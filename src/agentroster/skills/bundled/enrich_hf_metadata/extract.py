"""From card, repository facts and file to the values they state; nothing is guessed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from agentroster.skills.bundled.enrich_hf_metadata import base_models, description, triggers
from agentroster.skills.bundled.enrich_hf_metadata.card import Card, FilePart, mentioned_files, part_for, shared_part
from agentroster.skills.bundled.enrich_hf_metadata.html import plain_markup
from agentroster.skills.bundled.enrich_hf_metadata.hub import RepositoryFacts

_BASE_LABEL = "|".join(
    (
        r"base[\s_-]?models?|base checkpoint",
        r"基础模型|基底模型|底模|ベースモデル|베이스\s*모델|기본 모델",
        r"базовая модель|basismodell|mod[èe]le de base|modelo base|מודל (?:ה)?בסיס",
    )
)
_LINES = re.IGNORECASE | re.MULTILINE
_BASE_LINE = re.compile(
    rf"^[\s>*_#\-•|`]{{0,12}}(?:{_BASE_LABEL})[*_`\s]{{0,6}}[:：|=]\s{{0,4}}[*_`]{{0,4}}\s{{0,4}}(\S.*)$", _LINES
)
_BASE_HEADING = re.compile(rf"^#{{1,6}}\s{{1,4}}(?:{_BASE_LABEL})[^\w\n]{{0,6}}\n{{1,3}}(\S.*)$", _LINES)
_TRAINED_ON = re.compile(
    r"(?:fine[\s-]?tuned|trained|built|based) (?:(?:this|it|the) \w{1,30} )?"
    r"(?:on top of|on|from|upon) (?:the )?(.{3,100})",
    re.IGNORECASE,
)
_BASE_COLUMN = re.compile(rf"^(?:{_BASE_LABEL}|base)$", re.IGNORECASE)
_COMPONENT = re.compile(
    r"(?:^|/)(?:text_encoder(?:_\d)?|unet|vae|transformer|safety_checker|optimizer|checkpoint-\d+)/"
)
# Trainers pad their step numbers; a year or a version has fewer digits, and names another model.
_STEP = re.compile(r"[-_](?:\d{6,}|(?:steps?|epochs?|e)[-_]?\d+)$")
_HUB_ID = re.compile(r"(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """All there is to read about one model file."""

    card: Card
    facts: RepositoryFacts
    repo: str
    file_name: str
    header: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What the source states. `trained_words` is None when it is silent, empty when it says there are none."""

    base_model: str | None
    base_model_evidence: str
    trained_words: Sequence[str] | None
    tags: Sequence[str]
    html: str
    short: str
    lineage: Sequence[str]
    preview_url: str | None = None


def extract(source: Source) -> Extraction:
    """Read everything the source states about its file."""
    part = _part(source)
    base, evidence = next(
        ((name, why) for name, why in _base_models(source, part) if name is not None), (None, "the card does not say")
    )
    body = part.text if part is not None and not part.row else source.card.body
    return Extraction(
        base_model=base,
        base_model_evidence=evidence,
        trained_words=_trained_words(source, part),
        tags=[*source.card.strings("tags"), *source.facts.tags],
        html=description.as_html(source.card.body),
        short=description.short_text(body),
        lineage=source.card.strings("base_model"),
        preview_url=_stub_preview(source),
    )


def _stub_preview(source: Source) -> str | None:
    """Return the first example picture of the card. TO BE REPLACED by `preview.choose_preview`, which knows more."""
    widget = source.card.front.get("widget")
    for entry in cast("list[object]", widget) if isinstance(widget, list) else []:
        output = cast("dict[str, object]", entry).get("output") if isinstance(entry, dict) else None
        url = cast("dict[str, object]", output).get("url") if isinstance(output, dict) else None
        if isinstance(url, str) and url:
            return url if "://" in url else f"https://huggingface.co/{source.repo}/resolve/main/{quote(url)}"
    return None


def is_collection(source: Source) -> bool:
    """Whether the repository holds more than one model: a shared statement may then be another file's."""
    files = {name for name in source.facts.weight_files if not _COMPONENT.search(name)}
    names = {name.rsplit("/", 1)[-1].lower() for name in files} or mentioned_files(source.card.body)
    # Checkpoints of one training are one model: the same name but for the step.
    return len({_STEP.sub("", name.rsplit(".", 1)[0]) for name in names}) > 1


def _part(source: Source) -> FilePart | None:
    if not source.file_name or not is_collection(source):
        return None
    part = part_for(source.card.body, source.file_name)
    # Without its own name in front, "name.safetensors - trigger: word" is a labelled line.
    return part and FilePart(part.text.replace(source.file_name, ""), part.row)


def _base_models(source: Source, part: FilePart | None) -> Iterator[tuple[str | None, str]]:
    """Yield what each kind of evidence says, the strongest first."""
    if part is not None:
        stated = [cell for column, cell in part.row.items() if _BASE_COLUMN.match(column.strip("*`_ "))]
        yield base_models.agreed([*stated, *_stated_in(plain_markup(part.text))]), "the card's section for this file"
    yield base_models.agreed(source.card.strings("base_model")), "base_model of the card"
    tags = [*source.card.strings("tags"), *source.facts.tags]
    lineage = [tag.rsplit(":", 1)[-1] for tag in tags if tag.startswith("base_model:")]
    yield base_models.agreed(lineage), "base_model tags"
    hints = {name for tag in tags if ":" not in tag and (name := base_models.from_hint(tag))}
    yield hints.pop() if len(hints) == 1 else None, "tags of the card"
    yield base_models.from_hint(source.file_name), "the file name"
    yield base_models.from_hint(source.repo.split("/", 1)[-1]), "the repository name"
    for key in ("modelspec.architecture", "ss_base_model_version"):
        yield base_models.from_hint(source.header.get(key, "")), "the file's own header"
    if part is None:
        text = plain_markup(shared_part(source.card.body) if is_collection(source) else source.card.body)
        yield base_models.agreed(_stated_in(text)), "the text of the card"


def _stated_in(text: str) -> list[str]:
    """Return the phrases that name a base model: labelled lines first, else 'trained on ...'."""
    labelled = [*_BASE_LINE.findall(text), *_BASE_HEADING.findall(text)]
    if labelled:
        return [_plain(phrase) for phrase in labelled]
    names = (base_models.in_prose(_plain(phrase)) for phrase in _TRAINED_ON.findall(text))
    return [name for name in names if name]


def _plain(phrase: str) -> str:
    if match := _HUB_ID.search(phrase):
        return match[1]
    phrase = re.sub(r"\[([^\[\]]{0,300})\]\([^()]{0,500}\)", r"\1", phrase)
    phrase = re.sub(r"[*_`]{1,2}(?=\W|$)|(?<=\W)[*_`]{1,2}|^[*_`]+", "", phrase)
    return re.split(r"[,;(。]|\.\s|\bwith\b|\bfor\b|\|", phrase)[0].strip()


def _trained_words(source: Source, part: FilePart | None) -> Sequence[str] | None:
    if part is not None:
        own = triggers.from_row(part.row) if part.row else triggers.from_text(plain_markup(part.text))
        if own is not None:
            return own
    if is_collection(source):
        # A neighbour's words would be wrong for this file: better none.
        return None
    stated = triggers.from_front_matter(source.card)
    return stated if stated is not None else triggers.from_text(plain_markup(source.card.body))

"""Everything that card, repository facts and file state about a file; nothing is guessed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from agentroster.builtin.skills.enrich_hf_metadata.deciding import (
    base_rules,
    description,
    header_rules,
    tags,
    word_rules,
)
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.builtin.skills.enrich_hf_metadata.deciding.pictures import choose_preview, choose_video
from agentroster.builtin.skills.enrich_hf_metadata.reading.file_names import names_in
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source
from agentroster.messages import say

_BESIDE_THE_CARD = frozenset({Evidence.PEER, Evidence.HEADER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What the source states. `trained_words` is None when it is silent, empty when it says there are none.

    `base_card` is the repository whose card named the base model, when it was not the file's own. `evidence` is that of
    fields that do not come from the card, and `header_base_model` the name in the file's header when it contradicts.
    `video_url` is that of a video, for a file without a picture. `uncertain` says why only a part of the values counts.
    """

    base_model: str | None
    base_model_evidence: Evidence
    trained_words: Sequence[str] | None
    tags: Sequence[str]
    html: str
    short: str
    lineage: Sequence[str]
    preview_url: str | None = None
    video_url: str | None = None
    base_card: str = ""
    evidence: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])
    header_base_model: str = ""
    uncertain: str = ""

    @property
    def says_anything(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.base_model or self.trained_words or tags.additions(self.tags, ()) or self.html)


def extract(source: Source) -> Extraction:
    """Read everything the source states about its file.

    Where nobody knows whether other files share the card, only what holds in either case is stated.
    """
    found = reduce(_in_both, map(_extract, source.possible))
    return replace(found, uncertain=say("enrich.perhaps_of_another_file") if source.facts.unknown else "")


def _in_both(one: Extraction, other: Extraction) -> Extraction:
    agreed = replace(
        one,
        trained_words=one.trained_words if one.trained_words == other.trained_words else None,
        html=one.html if one.html == other.html else "",
        short=one.short if one.short == other.short else "",
        tags=one.tags if one.tags == other.tags else (),
        preview_url=one.preview_url if one.preview_url == other.preview_url else None,
        video_url=one.video_url if one.video_url == other.video_url else None,
    )
    if one.base_model == other.base_model:
        return agreed
    # Without a lineage nobody looks for the base model elsewhere.
    return replace(agreed, base_model=None, base_model_evidence=Evidence.NONE, lineage=())


def _extract(source: Source) -> Extraction:
    base, base_evidence = base_rules.base_model(source)
    words, words_evidence = word_rules.trained_words(source)
    # What a shared card says before it comes to its first file is about all; where it names none, nobody knows.
    rest = (source.shared if names_in(source.body) else "") if source.is_collection else source.card.body
    section = next((part.text for part in source.parts if not part.row), rest)
    html = description.as_html(source.card.body, source.repo, source.revision)
    texts = _Texts(source.tags, html, description.short_text(section))
    evidence = {"trainedWords": words_evidence} if words_evidence in _BESIDE_THE_CARD else {}
    for kind, other in _beside_the_card(source):
        if not tags.additions(texts.tags, ()) and other.tags:
            texts, evidence = replace(texts, tags=other.tags), {**evidence, "tags": kind}
        if not source.card.body and not texts.html and other.html:
            own = {"modelDescription": kind, "civitai.description": kind}
            texts, evidence = replace(other, tags=texts.tags), {**evidence, **own}
    return Extraction(
        base_model=base,
        base_model_evidence=base_evidence,
        trained_words=words,
        tags=texts.tags,
        html=texts.html,
        short=texts.short,
        lineage=source.declared,
        preview_url=choose_preview(source),
        video_url=choose_video(source),
        evidence=evidence,
        header_base_model=base_rules.contradicting_header(base, source),
    )


@dataclass(frozen=True, slots=True)
class _Texts:
    """What one source tells people about the file."""

    tags: Sequence[str]
    html: str
    short: str


def _beside_the_card(source: Source) -> Iterator[tuple[Evidence, _Texts]]:
    """Yield what other programs' sidecars say, then the file's own header."""
    header = header_rules.description(source.header)
    for kind, names, text in (
        *((Evidence.PEER, peer.tags, peer.description) for peer in source.peers),
        (Evidence.HEADER, header_rules.tags(source.header), header),
    ):
        yield kind, _Texts(names, description.as_html(text), description.short_text(text))

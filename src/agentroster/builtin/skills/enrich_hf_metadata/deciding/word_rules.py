"""The trigger words of a file: a table of kinds of evidence, the strongest first, each with the rule that reads it."""

from collections.abc import Sequence
from typing import TypeAlias

from agentroster.builtin.skills.enrich_hf_metadata.deciding import header_rules, triggers
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence, Rule, Scope, decide
from agentroster.builtin.skills.enrich_hf_metadata.deciding.words import clean
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source, spoken
from agentroster.library.peers import Peer

Words: TypeAlias = Sequence[str]


def _in_own_section(source: Source) -> Words | None:
    for part in source.parts:
        text = spoken(part.text).replace(source.file_name, "")
        words = _or_token(source, triggers.from_row(part.row) or triggers.from_text(text, _names(source)), text)
        if words is not None:
            return words
    return None


def _declared(source: Source) -> Words | None:
    words = triggers.from_front_matter(source.card)
    return words if words is None else _or_token(source, words, source.body)


def _in_text(source: Source) -> Words | None:
    return _or_token(source, triggers.from_text(source.body, _names(source)), source.body)


def _of_peers(peers: Sequence[Peer]) -> Words | None:
    """Return the words of the first peer that has any, each as it stands there; no peer says that none are needed."""
    words = (clean(peer.trained_words, is_keyed=True) for peer in peers)
    return next(filter(None, words), None)


def _or_token(source: Source, words: Words | None, text: str) -> Words | None:
    """Return the words, or what an embedding is called by where the text states none."""
    if words or source.model_type != "embedding":
        return words
    return triggers.of_embedding(text, source.stem, is_silent=words is None) or words


def _names(source: Source) -> Sequence[str]:
    return (source.stem, source.name) if source.file_name else ()


RULES: Sequence[Rule[Words]] = (
    Rule(Evidence.SECTION, _in_own_section),
    Rule(Evidence.ALL_FILES, lambda of: triggers.from_list_of_files(of.body, of.file_name) or None, Scope.SEVERAL),
    # A neighbour's words would be wrong for this file; its own name is the word of an embedding at least.
    Rule(Evidence.FILE_NAME, lambda of: None if of.parts else _or_token(of, None, of.stem), Scope.SEVERAL),
    Rule(Evidence.DECLARED, _declared, Scope.ONE),
    Rule(Evidence.TEXT, _in_text, Scope.ONE),
    Rule(Evidence.SITE, lambda of: _of_peers(of.sites)),
    Rule(Evidence.PEER, lambda of: _of_peers(of.peers)),
    Rule(Evidence.HEADER, lambda of: header_rules.trained_words(of.header, _names(of))),
)


def trained_words(source: Source) -> tuple[Words | None, Evidence]:
    """Return the words and what they rest on; an empty list where none are needed, None where nothing says."""
    return decide(RULES, source)

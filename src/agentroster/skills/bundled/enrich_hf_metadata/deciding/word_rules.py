"""The trigger words of a file: a table of kinds of evidence, the strongest first, each with the rule that reads it."""

from collections.abc import Sequence
from typing import TypeAlias

from agentroster.skills.bundled.enrich_hf_metadata.deciding import triggers
from agentroster.skills.bundled.enrich_hf_metadata.deciding.evidence import Evidence, Rule, Scope, decide
from agentroster.skills.bundled.enrich_hf_metadata.reading.file_sections import FilePart
from agentroster.skills.bundled.enrich_hf_metadata.reading.source import Source, spoken

Words: TypeAlias = Sequence[str]


def _section(source: Source) -> Words | None:
    found = (_in_part(source, part) for part in source.parts)
    return next((words for words in found if words is not None), None)


def _in_part(source: Source, part: FilePart) -> Words | None:
    text = spoken(part.text).replace(source.file_name, "")
    words = triggers.from_row(part.row) or triggers.from_text(text, _names(source))
    return _or_token(source, words, text)


def _list_of_files(source: Source) -> Words | None:
    return triggers.from_list_of_files(source.body, source.file_name) or None


def _embedding_among_others(source: Source) -> Words | None:
    """Return an embedding's own name where no part of a shared card is about it: a neighbour's words would be wrong."""
    return _or_token(source, None, source.stem) if not source.parts else None


def _declared(source: Source) -> Words | None:
    words = triggers.from_front_matter(source.card)
    return words if words is None else _or_token(source, words, source.body)


def _text(source: Source) -> Words | None:
    return _or_token(source, triggers.from_text(source.body, _names(source)), source.body)


def _or_token(source: Source, words: Words | None, text: str) -> Words | None:
    """Return the words, or what an embedding is called by where the text states none."""
    if words or source.model_type != "embedding":
        return words
    return triggers.of_embedding(text, source.stem, is_silent=words is None) or words


def _names(source: Source) -> Sequence[str]:
    return (source.stem, source.name) if source.file_name else ()


RULES: Sequence[Rule[Words]] = (
    Rule(Evidence.SECTION, _section),
    Rule(Evidence.ALL_FILES, _list_of_files, Scope.SEVERAL),
    Rule(Evidence.FILE_NAME, _embedding_among_others, Scope.SEVERAL),
    Rule(Evidence.DECLARED, _declared, Scope.ONE),
    Rule(Evidence.TEXT, _text, Scope.ONE),
)


def trained_words(source: Source) -> Words | None:
    """Return the words; an empty list where the source says that none are needed, None where it is silent."""
    return decide(RULES, source)[0]

"""The base model of a file: a table of kinds of evidence, the strongest first, each with the rule that reads it."""

import re
from collections.abc import Sequence

from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_models, header_models
from agentroster.builtin.skills.enrich_hf_metadata.deciding import base_statements as said
from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence, Rule, Scope, decide
from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source, spoken
from agentroster.library.peers import Peer


def _in_own_section(source: Source) -> str | None:
    named = (said.in_row(part.row) or said.in_section(spoken(part.text), part.above) for part in source.parts)
    return next(filter(None, map(base_models.narrowest, named)), None)


def _in_tags(source: Source) -> str | None:
    hints = {name for tag in source.tags if ":" not in tag and (name := base_models.from_hint(tag))}
    return hints.pop() if len(hints) == 1 else None


def _in_base_tags(source: Source) -> str | None:
    return base_models.agreed(tag.rsplit(":", 1)[-1] for tag in source.tags if tag.startswith("base_model:"))


def _of_peer(peer: Peer) -> str | None:
    return base_models.meant(peer.base_model) or header_models.of_value(peer.base_model)


def _declared_file_name(source: Source) -> str | None:
    """Take a word with other meanings for a hint when the card declares that very model beside others."""
    named = base_models.from_statement(source.stem)
    return named if named in map(base_models.from_statement, source.declared) else None


RULES: Sequence[Rule[str]] = (
    Rule(Evidence.SECTION, _in_own_section),
    Rule(Evidence.ABOUT_FILE, lambda of: base_models.narrowest(said.about_file(of.body, of.file_name)), Scope.ONE),
    Rule(Evidence.DECLARED, lambda of: base_models.agreed(of.declared)),
    # Nothing else can name a declared family that has no name here: the empty name ends the search.
    Rule(Evidence.NONE, lambda of: "" if any(map(base_models.is_unnamed, of.declared)) else None),
    Rule(Evidence.BASE_TAGS, _in_base_tags),
    # Earns nothing where the text says the same, but what a card states in plain words goes before any hint.
    Rule(Evidence.LABEL, lambda of: base_models.narrowest(said.in_labels(of.body)), Scope.ONE),
    Rule(Evidence.TAGS, _in_tags),
    Rule(Evidence.FILE_NAME, lambda of: base_models.from_hint(of.file_name)),
    Rule(Evidence.FILE_NAME, _declared_file_name),
    Rule(Evidence.REPOSITORY_NAME, lambda of: base_models.from_hint(of.name)),
    # Other programs asked the model site, which knows more than the family that a trainer notes.
    Rule(
        Evidence.PEER,
        lambda of: base_models.narrowest(filter(None, map(_of_peer, of.peers))),
    ),
    Rule(Evidence.HEADER, lambda of: header_models.base_model(of.header)),
    Rule(Evidence.TEXT, lambda of: base_models.narrowest(said.in_text(of.shared))),
    Rule(Evidence.OPENING, lambda of: None if of.parts else base_models.narrowest(said.in_opening(of.shared))),
    Rule(Evidence.TRAINER, lambda of: base_models.narrowest(said.of_trainer(of.body))),
    Rule(Evidence.ALL_FILES, lambda of: base_models.narrowest(said.of_all_files(of.body)), Scope.SEVERAL),
    Rule(Evidence.OPENING, lambda of: base_models.narrowest(said.in_opening(of.shared)), Scope.SEVERAL),
)


_CAPITALISED = re.compile(r"\b[A-Z][\w.-]{3,30}")
_MOST_READ = 20_000
# What people also call by the family's name alone.
_TOLD_AS = {"ZImageBase": ("ZImageTurbo",), "Flux.1 D": ("Flux.1 S", "Flux.1 Krea", "Flux.1 Kontext")}
_HINTS = frozenset({Evidence.TAGS, Evidence.FILE_NAME, Evidence.REPOSITORY_NAME, Evidence.PEER})
_VAGUE = frozenset({Evidence.TAGS, Evidence.FILE_NAME, Evidence.REPOSITORY_NAME, Evidence.HEADER})


def base_model(source: Source) -> tuple[str | None, Evidence]:
    """Return the canonical name and what it rests on; None where the source does not say it."""
    name, evidence = decide(RULES, source)
    in_header = header_models.base_model(source.header)
    if name and in_header and evidence in _HINTS and header_models.is_narrower(in_header, name):
        # No contradiction: a file called "style_sdxl" whose trainer noted that it was trained on Pony.
        name, evidence = in_header, Evidence.HEADER
    if name and in_header and header_models.is_narrower(in_header, name) and _is_in_file_name(in_header, source):
        # A card often declares the family; the file's own name and its trainer agree on the model.
        name, evidence = in_header, Evidence.HEADER
    if name and evidence in _VAGUE and (in_text := _narrower_in_text(name, source)):
        name, evidence = in_text, Evidence.TEXT
    if name and evidence is Evidence.HEADER and _mentions_narrower(name, source.body):
        # Trainers note the family; which of its models it was, the card seems to say in words that are not understood.
        name, evidence = None, Evidence.NONE
    texts = [source.file_name, source.repo, *source.tags, *source.declared]
    return base_models.sharpened(name or None, texts, source.body), evidence


def _narrower_in_text(name: str, source: Source) -> str | None:
    """Return the one model of a family that the text states, where a name or the header tells the family only."""
    stated = base_models.narrowest(
        said.in_text(source.shared) or ([] if source.parts else said.in_opening(source.shared))
    )
    is_one_of_it = stated and (header_models.is_narrower(stated, name) or stated in _TOLD_AS.get(name, ()))
    return stated if is_one_of_it else None


def _is_in_file_name(name: str, source: Source) -> bool:
    return name in map(base_models.called, re.split(r"[\W_]+", source.stem))


def _mentions_narrower(name: str, text: str) -> bool:
    words = set(_CAPITALISED.findall(text[:_MOST_READ]))
    return any(called and header_models.is_narrower(called, name) for called in map(base_models.called, words))


def contradicting_header(name: str | None, source: Source) -> str:
    """Return the name in the file's header where it is neither the one that was decided nor its family; or nothing."""
    other = header_models.base_model(source.header)
    if not name or not other or name == other:
        return ""
    return "" if header_models.is_narrower(name, other) or header_models.is_narrower(other, name) else other

"""What a value rests on, and rules in the order in which kinds of evidence count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from agentroster.builtin.skills.enrich_hf_metadata.reading.source import Source

T = TypeVar("T")


class Evidence(Enum):
    """A kind of evidence: the kind of source, and the place in it; both stand in sidecars, so they never change."""

    CARD = "card", ""
    NONE = "", ""
    SECTION = "card", "the card's section for this file"
    ABOUT_FILE = "card", "the text about this file"
    DECLARED = "card", "base_model of the card"
    BASE_TAGS = "card", "base_model tags"
    LABEL = "card", "a label of the card"
    TAGS = "card", "tags of the card"
    TEXT = "card", "the text of the card"
    OPENING = "card", "the opening of the card"
    TRAINER = "card", "the service it was trained with"
    ALL_FILES = "card", "what the card says of all files"
    LINEAGE = "card", "the card of {}"
    PICTURE = "card", "{}"
    FILE_NAME = "file name", ""
    REPOSITORY_NAME = "repository name", ""
    SITE = "model site", "{}"
    PEER = "another program's sidecar", "{}"
    HEADER = "file header", ""
    MODEL = "language model", ""

    @property
    def source(self) -> str:
        """The kind of source."""
        return self.value[0]

    def place(self, detail: str) -> str:
        """Return the place in the source; `detail` is a lineage's repository, an address, a file's name, or a host."""
        return self.value[1].format(detail)


class Scope(Enum):
    """The cards that a rule reads: those of one model, of several, or any."""

    ONE, SEVERAL, ANY = frozenset({False}), frozenset({True}), frozenset({False, True})


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """Reads one kind of evidence; None where it is silent."""

    evidence: Evidence
    read: Callable[[Source], T | None]
    scope: Scope = Scope.ANY


def decide(rules: Sequence[Rule[T]], source: Source) -> tuple[T | None, Evidence]:
    """Return the value of the first rule that is not silent, and its evidence."""
    values = ((rule.read(source), rule.evidence) for rule in rules if source.is_collection in rule.scope.value)
    return next((found for found in values if found[0] is not None), (None, Evidence.NONE))

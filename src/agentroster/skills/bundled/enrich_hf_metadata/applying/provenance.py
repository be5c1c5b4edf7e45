"""What set each value of a sidecar, and when: kept in the sidecar itself, under a key of our own.

A value that is not the one that was written here is a person's own, whatever the entry says.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from agentroster.library.sidecar import Sidecar

KEY = "agentroster"
SourceKind: TypeAlias = Literal["card", "file name", "repository name", "file header", "language model"]

_DIGEST_CHARACTERS = 16
_KINDS: Mapping[str, SourceKind] = {
    "the file name": "file name",
    "the repository name": "repository name",
    "the file's own header": "file header",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What set one value: the kind of source, the place in it, the card that was read, the model that read it."""

    source: SourceKind = "card"
    evidence: str = ""
    card: str = ""
    model: str = ""

    def to_json(self) -> dict[str, str]:
        """Return what is known."""
        every = {"source": self.source, "evidence": self.evidence, "card": self.card, "model": self.model}
        return {name: text for name, text in every.items() if text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where the values of one extraction come from.

    `evidence` says by field in words what a value rests on; `from_model` names the fields that `model` has read.
    """

    card: str = ""
    evidence: Mapping[str, str]
    from_model: Collection[str] = ()
    model: str = ""

    def of(self, field: str) -> Origin:
        """Return the origin of the value for a field."""
        if field in self.from_model:
            return Origin(source="language model", card=self.card, model=self.model)
        evidence = self.evidence.get(field, "")
        kind = _KINDS.get(evidence, "card")
        if kind != "card":
            return Origin(source=kind)
        return Origin(evidence=evidence, card=self.card)


class Provenance:
    """The entries of one sidecar, by the name that reports give a field."""

    def __init__(self, sidecar: Sidecar) -> None:
        """Read them; what somebody else keeps under our key is neither used nor replaced."""
        value = sidecar.get(KEY)
        self._is_ours = value is None or isinstance(value, dict)
        self._entries = dict(cast("Mapping[str, object]", value)) if isinstance(value, dict) else {}

    def set_value(self, field: str, value: object) -> bool:
        """Whether this very value was written here."""
        return self._entry(field).get("digest") == _digest(value)

    def changed_by_a_person(self, field: str, value: object) -> bool:
        """Whether a value was written here, and is another one now."""
        return bool(self._entry(field)) and not self.set_value(field, value)

    def added(self, field: str) -> list[str]:
        """Return what was ever added to a list."""
        items = self._entry(field).get("added")
        return (
            [item for item in cast("list[object]", items) if isinstance(item, str)] if isinstance(items, list) else []
        )

    def note(self, field: str, value: object, origin: Origin, at: str) -> None:
        """Note what set a whole value."""
        self._entries[field] = {**origin.to_json(), "at": at, "digest": _digest(value)}

    def note_added(self, field: str, items: Sequence[str], origin: Origin, at: str) -> None:
        """Note what was added to a list that may hold a person's own items too."""
        every = list(dict.fromkeys([*self.added(field), *items]))
        self._entries[field] = {**origin.to_json(), "at": at, "added": every}

    def write_to(self, sidecar: Sidecar) -> None:
        """Put the entries into the sidecar."""
        if self._is_ours and self._entries:
            sidecar[KEY] = self._entries

    def _entry(self, field: str) -> Mapping[str, object]:
        value = self._entries.get(field)
        return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _digest(value: object) -> str:
    """Return a few characters that tell a value from any other; texts can be as long as a card."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]

"""Keeps in a sidecar what set each of its values, and when, under a key of our own.

A value that is not the one that was written here is a person's own, whatever the entry says.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agentroster.builtin.skills.enrich_hf_metadata.deciding.evidence import Evidence
from agentroster.json_values import as_list, as_object, is_object
from agentroster.library.sidecar import Sidecar

KEY = "agentroster"
Origin: TypeAlias = Mapping[str, str]
"""What set one value: the kind of source, the place in it, the card that was read, the model that read it."""

_DIGEST_CHARACTERS = 16
_MAX_BEFORE = 2_000
"""Characters of a replaced value that is kept, so that it can be put back."""
_OF_A_CARD = frozenset({Evidence.CARD.source, Evidence.MODEL.source})


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where the values of one extraction come from: of a field not in `evidence`, somewhere in the card.

    `header_base_model` is the base model in the file's header, where it is another one.
    """

    card: str = ""
    model: str = ""
    evidence: Mapping[str, tuple[Evidence, str]] = field(default_factory=dict[str, tuple[Evidence, str]])
    header_base_model: str = ""

    def of(self, field: str) -> Origin:
        """Return what is known of the value for a field, as it stands in sidecars and reports."""
        kind, detail = self.evidence.get(field, (Evidence.CARD, ""))
        every = {
            "source": kind.source,
            "evidence": kind.place(detail),
            "card": self.card if kind.source in _OF_A_CARD else "",
            "model": self.model if kind is Evidence.MODEL else "",
            "file header says": self.header_base_model if field == "base_model" else "",
        }
        return {name: text for name, text in every.items() if text}


class Provenance:
    """The entries of one sidecar, by the name that reports give a field."""

    def __init__(self, sidecar: Sidecar) -> None:
        """Read them; what somebody else keeps under our key is neither used nor replaced."""
        value = sidecar.get(KEY)
        self._is_ours = value is None or is_object(value)
        self._entries: dict[str, object] = dict(as_object(value))

    def set_value(self, field: str, value: object) -> bool:
        """Whether this very value was written here."""
        return self._entry(field).get("digest") == _digest(value)

    def changed_by_a_person(self, field: str, value: object) -> bool:
        """Whether a value was written here, and is another one now."""
        return bool(self._entry(field)) and not self.set_value(field, value)

    def added(self, field: str) -> list[str]:
        """Return what was ever added to a list."""
        return [item for item in as_list(self._entry(field).get("added")) if isinstance(item, str)]

    def at(self, field: str) -> str:
        """Return when the entry of a field was written, or an empty text."""
        at = self._entry(field).get("at")
        return at if isinstance(at, str) else ""

    def before(self, field: str) -> object:
        """Return what stood there before it was replaced; None where nothing did, or it was too long to be kept."""
        return self._entry(field).get("before")

    def note(self, field: str, value: object, origin: Origin, at: str, before: object = None) -> None:
        """Note what set a whole value, and what it replaced."""
        kept = {"before": before} if before and len(json.dumps(before)) <= _MAX_BEFORE else {}
        self._entries[field] = {**origin, "at": at, "digest": _digest(value), **kept}

    def note_before(self, field: str, before: str) -> None:
        """Note what a stamp of ours replaced, the first time."""
        self._entries.setdefault(field, {"before": before})

    def forget(self, field: str) -> None:
        """Drop the entry of a field, which has no value of ours any more."""
        self._entries.pop(field, None)

    def forget_added(self, field: str, items: Sequence[str]) -> None:
        """Drop items that were added to a list: a later run may add them again."""
        left = [item for item in self.added(field) if item not in items]
        if left:
            self._entries[field] = {**self._entry(field), "added": left}
        else:
            self.forget(field)

    @property
    def has_values(self) -> bool:
        """Whether any value here is noted as ours."""
        return any("digest" in as_object(entry) or "added" in as_object(entry) for entry in self._entries.values())

    def note_added(self, field: str, items: Sequence[str], origin: Origin, at: str) -> None:
        """Note what was added to a list that may hold a person's own items too."""
        every = list(dict.fromkeys([*self.added(field), *items]))
        self._entries[field] = {**origin, "at": at, "added": every}

    def write_to(self, sidecar: Sidecar) -> None:
        """Put the entries into the sidecar."""
        if self._is_ours and self._entries:
            sidecar[KEY] = self._entries
        elif self._is_ours:
            sidecar.pop(KEY, None)

    def _entry(self, field: str) -> Mapping[str, object]:
        return as_object(self._entries.get(field))


def _digest(value: object) -> str:
    """Return a few characters that tell a value from any other; texts can be as long as a card."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]

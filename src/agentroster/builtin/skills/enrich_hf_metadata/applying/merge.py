"""Fills the empty fields of a sidecar with what was found, and reports what became of each field.

What is set is replaced in two cases: the field is named in `overwrite`; or `refresh` is asked for, and the value is the
very one that an earlier run wrote.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from agentroster.builtin.skills.enrich_hf_metadata.applying.previews import Preview
from agentroster.builtin.skills.enrich_hf_metadata.applying.provenance import Origins, Provenance
from agentroster.builtin.skills.enrich_hf_metadata.deciding import tags as tag_rules
from agentroster.builtin.skills.enrich_hf_metadata.deciding.extract import Extraction
from agentroster.json_values import as_object, is_list
from agentroster.library.sidecar import Sidecar
from agentroster.messages import say

_EMPTY = (None, "", "Unknown")
_WITHOUT_WORDS = frozenset({"checkpoint", "diffusion_model"})
SOURCE_NAME = "agent:enrich_hf_metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePolicy:
    """The fields that may be replaced although they are set: by name, or because enrichment itself wrote them."""

    overwrite: frozenset[str] = frozenset()
    refresh: bool = False


@dataclass(slots=True)
class Merge:
    """What became of each field."""

    policy: MergePolicy = field(default_factory=MergePolicy)
    earlier: Provenance = field(default_factory=lambda: Provenance({}))
    updated: dict[str, object] = field(default_factory=dict[str, object])
    kept: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    written: dict[str, object] = field(default_factory=dict[str, object])

    def may_replace(self, name: str, current: object, value: object) -> bool:
        """Whether a value that is set makes way for another one."""
        if not value or value == current:
            return False
        return name in self.policy.overwrite or (self.policy.refresh and self.earlier.set_value(name, current))

    def keep(self, name: str, current: object) -> None:
        """Note that a value stays."""
        changed = self.earlier.changed_by_a_person(name, current)
        self.kept[name] = say("enrich.changed_by_a_person") if changed else say("skills.already_set")

    def set(self, name: str, value: object) -> None:
        """Note a new value."""
        self.updated[name] = self.written[name] = value


FILL_ONLY = MergePolicy()
"""Nothing that is set is replaced."""


def apply(
    sidecar: Sidecar,
    found: Extraction,
    preview: Preview | None = None,
    policy: MergePolicy = FILL_ONLY,
    origins: Origins = Origins(),  # noqa: B008 - it is frozen
) -> Merge:
    """Fill the sidecar's empty fields in place, and replace what the policy allows; only a change stamps it."""
    merge = Merge(policy, Provenance(sidecar))
    civitai = _civitai(sidecar, merge)
    silent = found.uncertain or say("enrich.card_silent")
    _fill(merge, sidecar, "base_model", found.base_model, silent)
    if civitai is not None and sidecar.get("model_type") not in _WITHOUT_WORDS:
        why = silent if found.trained_words is None else say("enrich.no_words_needed")
        _fill(merge, civitai, "trainedWords", list(found.trained_words or ()), why)
    _add_tags(merge, sidecar, found)
    _fill(merge, sidecar, "modelDescription", found.html, say("enrich.card_has_no_text"))
    if civitai is not None:
        why = found.uncertain or say("enrich.card_has_no_prose")
        _fill(merge, civitai, "description", found.short, why, "civitai.description")
    if preview is not None:
        _fill_preview(merge, sidecar, preview)
    if merge.updated:
        if civitai:
            sidecar["civitai"] = civitai
        _stamp(merge, sidecar, origins)
    return merge


def is_complete(sidecar: Sidecar) -> bool:
    """Whether nothing is left to fill: each field has a value, and the tags of a card were added once."""
    civitai, has_words = as_object(sidecar.get("civitai")), sidecar.get("model_type") not in _WITHOUT_WORDS
    values = [sidecar.get(name) for name in ("hf_url", "base_model", "modelDescription", "preview_url")]
    return (
        not any(value in _EMPTY for value in [*values, civitai.get("description")])
        and (not has_words or bool(civitai.get("trainedWords")))
        and bool(sidecar.get("tags"))
        and bool(Provenance(sidecar).added("tags"))
    )


def _stamp(merge: Merge, sidecar: Sidecar, origins: Origins) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    sidecar["metadata_source"] = SOURCE_NAME
    sidecar["llm_enriched_at"] = at
    for name, value in merge.written.items():
        if name == "tags":
            merge.earlier.note_added(name, cast("list[str]", value), origins.of(name), at)
        else:
            merge.earlier.note(name, value, origins.of(name), at)
    merge.earlier.write_to(sidecar)


def _civitai(sidecar: Sidecar, merge: Merge) -> dict[str, object] | None:
    value = sidecar.get("civitai")
    if value is None:
        return {}
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    merge.kept["civitai"] = say("enrich.no_object")
    return None


def _fill(merge: Merge, target: dict[str, object], name: str, value: object, why: str, display_name: str = "") -> None:
    display_name, current = display_name or name, target.get(name)
    is_set = bool(current) if name == "trainedWords" else current not in _EMPTY
    if is_set and not merge.may_replace(display_name, current, value):
        merge.keep(display_name, current)
    elif value:
        target[name] = value
        merge.set(display_name, value)
    else:
        merge.missing[display_name] = why


def _add_tags(merge: Merge, sidecar: Sidecar, found: Extraction) -> None:
    current = sidecar.get("tags")
    if current is not None and not is_list(current):
        merge.kept["tags"] = say("enrich.no_list")
        return
    existing = current or []
    # What was added once and is gone now was taken away by a person.
    new = tag_rules.additions(found.tags, [*existing, *merge.earlier.added("tags")])
    if new:
        sidecar["tags"] = [*existing, *new]
        merge.set("tags", new)
    elif existing:
        merge.kept["tags"] = say("enrich.no_new_tags")
    else:
        merge.missing["tags"] = say("enrich.no_tags")


def _fill_preview(merge: Merge, sidecar: Sidecar, preview: Preview) -> None:
    # Somebody may have chosen a picture while ours was fetched. The rating stays: unknown is not the same as safe.
    if sidecar.get("preview_url") not in (None, ""):
        merge.kept["preview_url"] = say("skills.already_set")
    elif preview.path is not None:
        sidecar["preview_url"] = merge.written["preview_url"] = preview.path.as_posix()
        merge.updated["preview_url"] = preview.path.name
    elif preview.kept:
        merge.kept["preview_url"] = preview.kept
    else:
        merge.missing["preview_url"] = preview.missing


def render(merge: Merge) -> Iterator[tuple[str, object]]:
    """Yield updated fields as a person wants to see them: long texts by their length."""
    for name, value in merge.updated.items():
        is_long = name in {"modelDescription", "civitai.description"}
        yield name, say("enrich.characters", characters=len(str(value))) if is_long else value

"""From extraction and sidecar to a report and changes: only what is empty is filled, nothing is replaced."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from agentroster.library.sidecar import Sidecar
from agentroster.skills.bundled.enrich_hf_metadata import tags as tag_rules
from agentroster.skills.bundled.enrich_hf_metadata.extract import Extraction
from agentroster.skills.bundled.enrich_hf_metadata.previewing import Preview

_EMPTY = ("", "Unknown")
SOURCE_NAME = "agent:enrich_hf_metadata"


@dataclass(slots=True)
class Merge:
    """What became of each field; those in `overwrite` are replaced where there is a new value."""

    overwrite: frozenset[str] = frozenset()
    updated: dict[str, object] = field(default_factory=dict[str, object])
    kept: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])


def apply(
    sidecar: Sidecar, found: Extraction, preview: Preview | None = None, overwrite: frozenset[str] = frozenset()
) -> Merge:
    """Fill the sidecar's empty fields in place, and replace those to overwrite; it is stamped only when it changed."""
    merge = Merge(overwrite)
    civitai = _civitai(sidecar, merge)
    _fill(merge, sidecar, "base_model", found.base_model, why=found.base_model_evidence)
    if civitai is not None and _takes_trained_words(sidecar):
        _fill_words(merge, civitai, found)
    _add_tags(merge, sidecar, found)
    _fill(merge, sidecar, "modelDescription", found.html, why="the card has no text")
    if civitai is not None:
        _fill(
            merge,
            civitai,
            "description",
            found.short,
            why="the card has no prose",
            shown="civitai.description",
        )
    if preview is not None:
        _fill_preview(merge, sidecar, preview)
    if merge.updated:
        if civitai:
            sidecar["civitai"] = civitai
        sidecar["metadata_source"] = SOURCE_NAME
        sidecar["llm_enriched_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    return merge


def _civitai(sidecar: Sidecar, merge: Merge) -> dict[str, object] | None:
    value = sidecar.get("civitai")
    if value is None:
        return {}
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    merge.kept["civitai"] = "not an object, left as it is"
    return None


def _fill(
    merge: Merge,
    target: dict[str, object],
    name: str,
    value: str | None,
    *,
    why: str,
    shown: str = "",
) -> None:
    shown = shown or name
    current = target.get(name)
    replaced = shown in merge.overwrite and bool(value) and value != current
    if current is not None and current not in _EMPTY and not replaced:
        merge.kept[shown] = "already set"
    elif value:
        target[name] = value
        merge.updated[shown] = value
    else:
        merge.missing[shown] = why


def _takes_trained_words(sidecar: Mapping[str, object]) -> bool:
    return sidecar.get("model_type") not in {"checkpoint", "diffusion_model"}


def _fill_words(merge: Merge, civitai: dict[str, object], found: Extraction) -> None:
    replaced = (
        "trainedWords" in merge.overwrite and found.trained_words and found.trained_words != civitai.get("trainedWords")
    )
    if civitai.get("trainedWords") and not replaced:
        merge.kept["trainedWords"] = "already set"
    elif found.trained_words:
        civitai["trainedWords"] = list(found.trained_words)
        merge.updated["trainedWords"] = list(found.trained_words)
    elif found.trained_words is not None:
        merge.missing["trainedWords"] = "the card says none are needed"
    else:
        merge.missing["trainedWords"] = "the card does not say"


def _add_tags(merge: Merge, sidecar: Sidecar, found: Extraction) -> None:
    current = sidecar.get("tags")
    if current is not None and not isinstance(current, list):
        merge.kept["tags"] = "not a list, left as it is"
        return
    existing = cast("list[object]", current or [])
    new = tag_rules.additions(found.tags, existing)
    if new:
        sidecar["tags"] = [*existing, *new]
        merge.updated["tags"] = new
    elif existing:
        merge.kept["tags"] = "nothing new"
    else:
        merge.missing["tags"] = "the card has none about the subject"


def _fill_preview(merge: Merge, sidecar: Sidecar, preview: Preview) -> None:
    # Somebody may have chosen a picture while ours was fetched. The rating stays: unknown is not the same as safe.
    if sidecar.get("preview_url") not in (None, ""):
        merge.kept["preview_url"] = "already set"
    elif preview.path is not None:
        sidecar["preview_url"] = preview.path.as_posix()
        merge.updated["preview_url"] = preview.path.name
    elif preview.kept:
        merge.kept["preview_url"] = preview.kept
    else:
        merge.missing["preview_url"] = preview.missing


def shown(merge: Merge) -> Iterator[tuple[str, object]]:
    """Yield updated fields as a person wants to see them: long texts by their length."""
    for name, value in merge.updated.items():
        yield name, f"{len(str(value))} characters" if name in {"modelDescription", "civitai.description"} else value

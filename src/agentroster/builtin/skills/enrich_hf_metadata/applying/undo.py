"""Takes back what one run wrote into a sidecar and nobody has changed since.

A value goes only when its entry of provenance was made during that run and the value is the very one that was written.
What was empty before is empty again; what was replaced comes back where the entry kept it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from agentroster.builtin.skills.enrich_hf_metadata.applying.merge import SOURCE_NAME
from agentroster.builtin.skills.enrich_hf_metadata.applying.provenance import Provenance
from agentroster.json_values import as_list, as_object, is_object
from agentroster.library.sidecar import Sidecar
from agentroster.messages import say
from agentroster.skills.past_runs import PastRun

_EMPTY: Mapping[str, object] = {
    "base_model": "", "trainedWords": [], "modelDescription": "", "civitai.description": "", "usage_tips": "{}",
}  # fmt: skip
_IN_CIVITAI = {"trainedWords": "trainedWords", "civitai.description": "description"}
_STAMPS = ("metadata_source", "llm_enriched_at")


@dataclass(slots=True)
class Undone:
    """What was taken back, and why the rest stays, by the names that reports give fields."""

    taken: list[str] = field(default_factory=list[str])
    kept: dict[str, str] = field(default_factory=dict[str, str])


def fields_of(report: Mapping[str, object]) -> Mapping[str, object]:
    """Return the fields that a run says it wrote for one item."""
    return as_object(report.get("updated"))


def revert(sidecar: Sidecar, written: Mapping[str, object], run: PastRun) -> Undone:
    """Take back in place what a run wrote; `written` is what it reported of this sidecar."""
    undone, ours = Undone(), Provenance(sidecar)
    for name in written:
        reason = _reason(name, sidecar, ours, run)
        if reason:
            undone.kept[name] = reason
        elif name == "tags":
            _take_tags(sidecar, ours, as_list(written[name]), undone)
        else:
            _take(sidecar, ours, name)
            undone.taken.append(name)
    if undone.taken:
        _settle_stamps(sidecar, ours)
        ours.write_to(sidecar)
    return undone


def _reason(name: str, sidecar: Sidecar, ours: Provenance, run: PastRun) -> str:
    """Return why the value of a field stays; empty where it can go."""
    if name not in {*_EMPTY, "tags"}:
        return _stays(name)
    is_as_written = name == "tags" or ours.set_value(name, _holder(sidecar, name).get(_key(name)))
    if not is_as_written or not _is_of(run, ours.at(name)):
        return say("enrich.undo_changed")
    may_have_replaced = name in as_list(run.arguments.get("overwrite")) or run.arguments.get("refresh") is True
    is_lost = name != "tags" and may_have_replaced and ours.before(name) is None
    return say("enrich.undo_not_kept") if is_lost else ""


def _stays(name: str) -> str:
    reasons = {
        "sidecar": say("enrich.undo_sidecar_stays"),
        "preview_url": say("enrich.undo_preview_stays"),
        "hf_url": say("enrich.undo_address_stays"),
    }
    return reasons.get(name, say("enrich.undo_unknown"))


def _take(sidecar: Sidecar, ours: Provenance, name: str) -> None:
    _holder(sidecar, name)[_key(name)] = _put_back(name, ours)
    ours.forget(name)


def _put_back(name: str, ours: Provenance) -> object:
    before = ours.before(name)
    return _EMPTY[name] if before is None else before


def _take_tags(sidecar: Sidecar, ours: Provenance, written: Iterable[object], undone: Undone) -> None:
    added = [tag for tag in written if isinstance(tag, str) and tag in ours.added("tags")]
    current = as_list(sidecar.get("tags"))
    left = [tag for tag in current if tag not in added]
    if len(left) == len(current):
        undone.kept["tags"] = say("enrich.undo_changed")
        return
    sidecar["tags"] = left
    ours.forget_added("tags", added)
    undone.taken.append("tags")


def _settle_stamps(sidecar: Sidecar, ours: Provenance) -> None:
    """Take back who stamped the sidecar, once no value of ours is in it."""
    if ours.has_values or sidecar.get("metadata_source") != SOURCE_NAME:
        return
    before = ours.before("metadata_source")
    for stamp in _STAMPS:
        sidecar.pop(stamp, None)
    if before:
        sidecar["metadata_source"] = before
    ours.forget("metadata_source")


def _holder(sidecar: Sidecar, name: str) -> dict[str, object]:
    if name not in _IN_CIVITAI:
        return sidecar
    civitai = sidecar.get("civitai")
    return cast("dict[str, object]", civitai) if is_object(civitai) else {}


def _key(name: str) -> str:
    return _IN_CIVITAI.get(name, name)


def _is_of(run: PastRun, at: str) -> bool:
    """Whether an entry was made during a run; entries have whole seconds."""
    try:
        seconds = datetime.fromisoformat(at).timestamp()
    except ValueError:
        return False
    return run.ended_at is not None and int(run.began_at) <= seconds <= run.ended_at

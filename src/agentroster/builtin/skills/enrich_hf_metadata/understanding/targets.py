"""Resolves the arguments to models of the library and addresses of the hub."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.reading.hub import HubRef, parse_url
from agentroster.errors import RosterError
from agentroster.library.library import Library, ModelFile
from agentroster.library.model_type import model_type_of
from agentroster.library.walk import LeftOut
from agentroster.messages import say
from agentroster.skills.pipeline import ItemReport


@dataclass(frozen=True, slots=True)
class Target:
    """A model to complete, or a repository to read out; `source` wins over the sidecar's own address."""

    label: str
    model: ModelFile | None = None
    source: HubRef | None = None


def resolve(
    arguments: Mapping[str, Any], library: Library, endpoint: str, left_out: LeftOut | None = None
) -> tuple[list[Target], list[ItemReport]]:
    """Return the targets, and a report for each name that is refused; `left_out` counts what folders hold besides."""
    targets: dict[str, Target] = {}
    source, reason = _source(arguments.get("source"), endpoint)
    if reason:
        return [], [ItemReport(item=str(arguments["source"]), error=reason)]
    excluded, refused = _excluded(arguments.get("exclude", ()), library)
    if refused:
        return [], refused
    sources, refused = _sources(arguments.get("sources", {}), library, endpoint)
    if refused:
        return [], refused
    wanted = arguments.get("model_type")
    for wish in arguments["targets"]:
        try:
            for target in _fitting(_targets(wish, library, endpoint, left_out), excluded, wanted):
                own = sources.get(target.model) if target.model else None
                targets[target.label] = Target(target.label, target.model, target.source or own or source)
        except RosterError as error:
            refused.append(ItemReport(item=wish, error=error.message.rstrip(".")))
    if source is not None and len(targets) > 1:
        return [], [*refused, ItemReport(item=str(arguments["source"]), error=say("enrich.address_for_one_file"))]
    return list(targets.values()), refused


def _sources(
    addresses: Mapping[str, str], library: Library, endpoint: str
) -> tuple[dict[ModelFile, HubRef], list[ItemReport]]:
    """Return the addresses by model, and a report for each that cannot be used."""
    found: dict[ModelFile, HubRef] = {}
    refused: list[ItemReport] = []
    for name, text in addresses.items():
        ref, reason = _source(text, endpoint)
        try:
            models = library.find(name)
        except RosterError as error:
            models, reason = [], error.message.rstrip(".")
        if ref is None or len(models) != 1:
            refused.append(ItemReport(item=name, error=reason or say("enrich.address_for_one_file")))
        else:
            found[models[0]] = ref
    return found, refused


def _excluded(names: Iterable[str], library: Library) -> tuple[set[Path], list[ItemReport]]:
    """Return the sidecars that must stay as they are, and a report for each name that means nothing to the library.

    Two files of one stem share a sidecar: whoever leaves out one of them leaves out that.
    """
    sidecars: set[Path] = set()
    refused: list[ItemReport] = []
    for name in names:
        try:
            sidecars |= {model.sidecar for model in library.find(name)}
        except RosterError as error:
            reason = say("enrich.cannot_leave_out", reason=error.message.rstrip("."))
            refused.append(ItemReport(item=name, error=reason))
    return sidecars, refused


def _fitting(targets: list[Target], excluded: set[Path], model_type: str | None) -> list[Target]:
    """Return the targets that are not left out and are of the wanted type. Raises RosterError when none is left."""
    kept = [target for target in targets if target.model is None or target.model.sidecar not in excluded]
    if model_type is not None:
        kept = [target for target in kept if target.model is not None and model_type_of(target.model) == model_type]
        if not kept:
            _refuse(say("enrich.none_of_type", type=model_type))
    return kept


def _source(text: object, endpoint: str) -> tuple[HubRef | None, str]:
    if not isinstance(text, str):
        return None, ""
    ref = parse_url(text, endpoint)
    return ref, "" if ref else say("enrich.not_a_model_address")


def _targets(wish: str, library: Library, endpoint: str, left_out: LeftOut | None) -> list[Target]:
    if "://" in wish:
        ref, reason = _source(wish, endpoint)
        return [Target(wish, source=ref)] if ref else _refuse(reason)
    if wish.strip().lower() in {"everything", "all", "*"}:
        nothing = (
            say("enrich.empty_library", folder=library.folders[0])
            if library.is_configured
            else say("enrich.no_library")
        )
        return [Target(model.name, model) for model in library.models(left_out=left_out)] or _refuse(nothing)
    return [Target(model.name, model) for model in library.find(wish, left_out)] or _refuse(say("enrich.empty_folder"))


def _refuse(reason: str) -> list[Target]:
    raise RosterError(reason)

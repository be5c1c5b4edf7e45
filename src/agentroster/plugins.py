"""Plug-ins of installed packages, found through entry points: one policy for agents, skills and providers.

`ROSTER_PLUGINS` chooses among them; ours are always loaded. One that is broken is named and left out, and two packages
with one name are refused at the start.
"""

import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from agentroster.errors import RosterError, StartRefused

GROUPS = {"agentroster.agents": "agent", "agentroster.skills": "skill", "agentroster.credentials": "provider"}
OWN = "agentroster"
ALL = ("all",)


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a package offers under a name; `load` imports it and may raise anything."""

    name: str
    package: str
    value: str
    load: Callable[[], Any]


def plugins_of(group: str, chosen: Sequence[str] = ALL) -> list[Plugin]:
    """Return the plug-ins of a group, by name.

    `chosen` is `("all",)`, `("none",)`, or names of entry points or packages: what else a chosen package holds for its
    agents comes with it. Raises StartRefused, naming both packages, when two offer the same name.
    """
    found: dict[str, Plugin] = {}
    for entry in importlib.metadata.entry_points(group=group):
        plugin = Plugin(entry.name, _package(entry), entry.value, entry.load)
        if not _is_chosen(plugin, group, chosen):
            continue
        first = found.setdefault(entry.name, plugin)
        if (first.value, first.package) != (plugin.value, plugin.package):
            raise StartRefused(
                f"Two packages define the {GROUPS[group]} {entry.name!r}: {first.package} ({first.value}) and "
                f"{plugin.package} ({plugin.value}). Uninstall one, or choose with ROSTER_PLUGINS."
            )
    return [found[name] for name in sorted(found)]


def reason_of(error: BaseException) -> str:
    """Return why a plug-in is left out."""
    return error.message if isinstance(error, RosterError) else f"{type(error).__name__}: {error}"


def _is_chosen(plugin: Plugin, group: str, chosen: Sequence[str]) -> bool:
    if plugin.package == OWN or "all" in chosen or plugin.package in chosen:
        return True
    if group == "agentroster.agents":
        return plugin.name in chosen
    entries = (entry for name in GROUPS for entry in importlib.metadata.entry_points(group=name))
    return any(entry.name in chosen and _package(entry) == plugin.package for entry in entries)


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown package"

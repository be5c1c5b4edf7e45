"""The keys of `skill.yaml` before there were `capabilities` and kinds; files that have them keep working."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from agentroster.json_values import as_object
from agentroster.skills.capability_options import Declared, Domain, ModelType

TARGETS = ("targets", "model_paths")
"""Two names for one argument: ours, and the predecessor's."""
_STEP = re.compile(rb"^(?:async[ \t]+)?def[ \t]+(?:prepare|post_process)\b", re.MULTILINE)
_MODEL_PATHS = {
    "type": "object",
    "required": ["model_paths"],
    "properties": {
        "model_paths": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "string", "minLength": 1}}
    },
}


class EarlierPermissions(Declared):
    """What a skill may do, as it was written before: hosts, and what it may write beside a model."""

    write_metadata: bool = False
    write_previews: bool = False
    network_domains: tuple[Domain, ...] = ()


class EarlierKeys(Declared):
    """Without `capabilities` these keys declare what the skill is handed, which was all there is."""

    credentials: tuple[str, ...] = ()
    permissions: EarlierPermissions = EarlierPermissions()
    model_type_filter: tuple[ModelType, ...] | None = None
    write_metadata: bool = False
    write_previews: bool = False

    def as_capabilities(self, *, everything: bool) -> dict[str, dict[str, object]]:
        """Return the same in today's form; `everything` adds what was handed out without being declared."""
        permissions = self.permissions
        metadata = permissions.write_metadata or self.write_metadata
        previews = permissions.write_previews or self.write_previews
        library: dict[str, object] = {}
        if metadata or previews or self.model_type_filter is not None:
            library = {"write_metadata": metadata, "write_previews": previews, "types": self.model_type_filter}
        found: dict[str, dict[str, object]] = {
            "http": {"hosts": permissions.network_domains} if permissions.network_domains else {},
            "accounts": {"providers": self.credentials} if self.credentials else {},
            "library": library,
            "memory": {},
        }
        return {name: options for name, options in found.items() if options or everything}


def with_kind(value: Any, folder: Path) -> Any:
    """Return what a `skill.yaml` says, with the kind that it leaves out, and what the predecessor left out beside it.

    Tools make a skill of kind `tools`; an `input_schema`, or the steps of a pipeline in `handler.py`, a pipeline.
    """
    given = cast("dict[str, object]", value)
    if not isinstance(value, dict) or "kind" in given:
        return given
    if "tools" in given:
        return {**given, "kind": "tools"}
    if "input_schema" not in given and not _has_steps(folder / "handler.py"):
        return {**given, "kind": "prompt"}
    return {**_of_pipeline(given), "kind": "pipeline"}


def with_declared_targets(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments with `model_paths` for `targets`, or the other way round, where the schema has only one."""
    declared = cast("Mapping[str, Any]", schema.get("properties", {}))
    for wanted, given in (TARGETS, TARGETS[::-1]):
        if wanted in declared and given not in declared and given in arguments and wanted not in arguments:
            return {wanted if name == given else name: value for name, value in arguments.items()}
    return arguments


def _of_pipeline(given: Mapping[str, object]) -> dict[str, object]:
    title = given.get("title") or given.get("name")
    schema = given.get("input_schema") or _MODEL_PATHS
    made = {**given, "title": title, "description": given.get("description") or title, "input_schema": schema}
    properties = as_object(as_object(schema).get("properties"))
    targets = [name for name in TARGETS if name in properties]
    if targets and "command" not in given and isinstance(given.get("name"), str):
        name = str(given["name"]).replace("_", "-")
        made["command"] = {"name": name, "usage": f"/{name} MODEL", "help": title, "argument": targets[0]}
    return made


def _has_steps(handler: Path) -> bool:
    try:
        return _STEP.search(handler.read_bytes()) is not None
    except OSError:
        return False

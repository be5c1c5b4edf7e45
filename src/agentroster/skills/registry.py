"""All skills there are, and why a broken one is missing."""

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, cast

from agentroster.errors import BadInput, NotFound, RosterError
from agentroster.library.library import Library
from agentroster.skills.manifest import Manifest, ToolDeclaration, read_manifest
from agentroster.skills.pipeline import PipelineHandler, pipeline_tool
from agentroster.skills.tools import Tool, ToolFunction

Understand: TypeAlias = Callable[[str, Library], dict[str, Any] | None]

logger = logging.getLogger(__name__)

_BUNDLED = "agentroster.skills.bundled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A loaded skill folder: instructions for the model, and tools."""

    manifest: Manifest
    instructions: str
    tools: tuple[Tool, ...]
    origin: str
    understand: Understand | None = None


class SkillRegistry:
    """The skills by name; `broken` maps a folder name to the reason it was left out."""

    def __init__(self, skills: Mapping[str, Skill], broken: Mapping[str, str]) -> None:
        self._skills = dict(skills)
        self.broken = dict(broken)

    @classmethod
    def load(cls) -> "SkillRegistry":
        """Load the bundled skills. A broken one is skipped and named in `broken`."""
        package = importlib.import_module(_BUNDLED)
        folders = sorted(path.parent for path in Path(package.__path__[0]).glob("*/skill.yaml"))
        skills: dict[str, Skill] = {}
        broken: dict[str, str] = {}
        for folder in folders:
            try:
                skill = _load(folder, importlib.import_module(f"{_BUNDLED}.{folder.name}.handler"), "bundled")
            except Exception as error:
                logger.warning("skill %s is skipped", folder.name, exc_info=error)
                broken[folder.name] = error.message if isinstance(error, RosterError) else type(error).__name__
            else:
                skills[skill.manifest.name] = skill
        return cls(skills, broken)

    def get(self, name: str) -> Skill:
        """Return a skill. Raises NotFound, listing the known ones."""
        skill = self._skills.get(name)
        if skill is None:
            reason = self.broken.get(name.replace("-", "_"))
            known = f"Known skills: {', '.join(sorted(self._skills)) or 'none'}."
            raise NotFound(
                f"The skill {name!r} is broken: {reason}" if reason else f"There is no skill {name!r}. {known}"
            )
        return skill

    def all(self) -> list[Skill]:
        """Return all skills, by name."""
        return [self._skills[name] for name in sorted(self._skills)]


def _load(folder: Path, handler: ModuleType, origin: str) -> Skill:
    manifest = read_manifest(folder)
    prompt = folder / "prompt.md"
    instructions = prompt.read_text(encoding="utf-8").strip() if prompt.exists() else ""
    if manifest.kind == "pipeline":
        pipeline = cast("PipelineHandler", handler)
        for name in ("select", "prepare", "post_process"):
            _function(handler, name, folder)
        tools: tuple[Tool, ...] = (pipeline_tool(manifest, pipeline),)
    else:
        tools = tuple(_tool(manifest, declared, handler, folder) for declared in manifest.tools)
    return Skill(
        manifest=manifest,
        instructions=instructions,
        tools=tools,
        origin=origin,
        understand=cast("Understand | None", getattr(handler, "understand", None)),
    )


def _tool(manifest: Manifest, declared: ToolDeclaration, handler: ModuleType, folder: Path) -> Tool:
    return Tool(
        name=declared.name,
        description=declared.description,
        parameters=declared.parameters,
        function=cast("ToolFunction", _function(handler, declared.name, folder)),
        limits=manifest.limits,
        command=declared.command,
    )


def _function(handler: ModuleType, name: str, folder: Path) -> object:
    function = getattr(handler, name, None)
    if not callable(function):
        raise BadInput(f"{folder}/handler.py: has no function {name}, which skill.yaml needs")
    return function

"""The registry of skills, with the reason why a broken one is missing."""

import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import cast

from agentroster.errors import BadInput, NotFound, RosterError, SkillBroken, StartRefused
from agentroster.messages import say
from agentroster.plugins import ALL
from agentroster.skills.manifest import Manifest, ToolDeclaration, canonical_name, read_manifest
from agentroster.skills.pipeline import Pipeline, PipelineHandler, pipeline_tool
from agentroster.skills.predecessor import PredecessorHandler, is_predecessors
from agentroster.skills.prompt import Prompt
from agentroster.skills.question import AskingHandler, FindModel
from agentroster.skills.skill_md import read_skill_md
from agentroster.skills.sources import SkillSource, all_sources
from agentroster.skills.tools import Execute, ExecutedTool, Tool, ToolFunction
from agentroster.skills.understanding import Examples, Understand, with_context
from agentroster.skills.yaml_text import read_text

logger = logging.getLogger(__name__)

_MAX_PROMPT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A loaded skill folder: instructions for the model, and tools."""

    manifest: Manifest
    instructions: str
    tools: tuple[Tool, ...]
    origin: str
    understand: Understand | None = None
    understand_command: Understand | None = None
    examples: Examples | None = None
    pipeline: Pipeline | None = None

    def with_model(self, find_model: FindModel) -> "Skill":
        """Return the skill for one run, in which a pipeline may ask this model; other skills never see it."""
        return replace(self, tools=(pipeline_tool(self.pipeline, find_model),)) if self.pipeline else self


class SkillRegistry:
    """The skills by name; `broken` maps a folder name to the reason it was left out."""

    def __init__(self, skills: Mapping[str, Skill], broken: Mapping[str, str]) -> None:
        self._skills = dict(skills)
        self.broken = dict(broken)

    @classmethod
    def load(cls, skills_dir: Path | None = None, plugins: Sequence[str] = ALL) -> "SkillRegistry":
        """Load the skills of all places. A broken one is skipped and named, with file and reason, in `broken`.

        Raises StartRefused, naming both places, when two skills have one name.
        """
        skills: dict[str, Skill] = {}
        origins: dict[str, str] = {}
        broken: dict[str, str] = {}
        for source in all_sources(skills_dir, plugins):
            if source.name in origins:
                raise StartRefused(
                    f"Two skills are called {source.name!r}: one of {origins[source.name]} and one of "
                    f"{source.origin}. Rename or remove one."
                )
            origins[source.name] = source.origin
            try:
                skills[source.name] = load_skill(source)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to other people's code
                broken[source.name] = "; ".join(problems_of(error))
                logger.warning("skill %s of %s is skipped: %s", source.name, source.origin, broken[source.name])
        if skills_dir is not None and not skills_dir.is_dir():
            broken[str(skills_dir)] = "ROSTER_SKILLS_DIR names this, which is no folder"
            logger.warning("no skills are read from %s: it is no folder", skills_dir)
        return cls(skills, broken)

    def get(self, name: str) -> Skill:
        """Return a skill. Raises NotFound, listing the known ones."""
        name = canonical_name(name)
        if name in self._skills:
            return self._skills[name]
        if name in self.broken:
            raise NotFound(say("skills.broken", name=name, reason=self.broken[name]))
        if not self._skills:
            raise NotFound(say("skills.unknown_of_none", name=name))
        raise NotFound(say("skills.unknown", name=name, known=", ".join(sorted(self._skills))))

    def all(self) -> list[Skill]:
        """Return all skills, by name."""
        return [self._skills[name] for name in sorted(self._skills)]


def load_skill(source: SkillSource) -> Skill:
    """Load one skill. Raises BadInput, or whatever its own code raises."""
    folder = source.folder()
    if not (folder / "skill.yaml").exists() and (folder / "SKILL.md").exists():
        manifest, instructions = read_skill_md(folder)
        return Skill(manifest=manifest, instructions=instructions, tools=(), origin=source.origin)
    manifest = read_manifest(folder)
    prompt = folder / "prompt.md"
    text = read_text(prompt, _MAX_PROMPT).rstrip() if prompt.exists() else ""
    if manifest.kind == "prompt":
        return Skill(
            manifest=manifest, instructions=_joined(manifest.instructions, text), tools=(), origin=source.origin
        )
    handler = source.handler()
    pipeline = _pipeline(manifest, handler, text, folder) if manifest.kind == "pipeline" else None
    if pipeline is not None:
        tools: tuple[Tool, ...] = (pipeline_tool(pipeline, lambda: None),)
    else:
        _require(handler, [tool.name for tool in manifest.tools if not hasattr(handler, "execute")], folder)
        tools = tuple(_tool(manifest, declared, handler) for declared in manifest.tools)
    # The prompt of a pipeline that asks is for its question, not for the agent that runs it.
    asks = pipeline is not None and pipeline.asking is not None
    return Skill(
        manifest=manifest,
        instructions=_joined(manifest.instructions, "" if asks else text),
        tools=tools,
        pipeline=pipeline,
        origin=source.origin,
        understand=with_context(getattr(handler, "understand", None)),
        understand_command=with_context(getattr(handler, "understand_command", None)),
        examples=getattr(handler, "examples", None),
    )


def problems_of(error: BaseException) -> Sequence[str]:
    """Return all that is wrong, and in which line of the skill's own files."""
    if isinstance(error, RosterError):
        return error.problems if isinstance(error, SkillBroken) else [error.message]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    place = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        return [f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"]
    return [f"{place}{type(error).__name__}: {error}"]


def _joined(*texts: str) -> str:
    return "\n\n".join(filter(None, map(str.strip, texts)))


def _tool(manifest: Manifest, declared: ToolDeclaration, handler: ModuleType) -> Tool:
    function = getattr(handler, declared.name, None)
    if not callable(function):
        function = ExecutedTool(cast("Execute", handler.execute), declared.name)
    return Tool(
        name=declared.name,
        description=declared.description,
        parameters=declared.parameters,
        output_schema=declared.output_schema or manifest.output_schema,
        function=cast("ToolFunction", function),
        limits=manifest.limits,
        command=declared.command,
        writes=declared.writes,
        status=declared.status,
    )


def _pipeline(manifest: Manifest, handler: ModuleType, prompt: str, folder: Path) -> Pipeline:
    if is_predecessors(handler):
        adapted = PredecessorHandler(handler, folder, manifest.output_schema)
        # There it is the schema of the answer, not of a report.
        manifest = manifest.model_copy(update={"output_schema": None})
        return Pipeline(manifest=manifest, handler=adapted, asking=(adapted, Prompt(prompt)) if prompt else None)
    _require(handler, ("select", "prepare", "post_process"), folder)
    asking = None
    if hasattr(handler, "open_fields"):
        _require(handler, ("open_fields", "accept"), folder)
        if not prompt:
            raise BadInput(f"{folder}/prompt.md: is missing or empty, but handler.py has open_fields")
        declared = cast("Sequence[str]", getattr(handler, "PROMPT_VARIABLES", ()))
        asking = cast("AskingHandler", handler), Prompt.checked(prompt, declared, f"{folder}/prompt.md")
    return Pipeline(manifest=manifest, handler=cast("PipelineHandler", handler), asking=asking)


def _require(handler: ModuleType, names: Iterable[str], folder: Path) -> None:
    missing = [name for name in names if not callable(getattr(handler, name, None))]
    if missing:
        raise SkillBroken([f"{folder}/handler.py: has no function {name}, which skill.yaml needs" for name in missing])

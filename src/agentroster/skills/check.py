"""Checks a skill folder for `roster skills check`: loads it as the proxy does, then looks more closely."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any, cast

from agentroster.errors import BadInput
from agentroster.skills.pipeline import Pipeline
from agentroster.skills.prompt import Prompt
from agentroster.skills.registry import Skill, load_skill, problems_of
from agentroster.skills.skill_md import strict_problems
from agentroster.skills.sources import folder_source
from agentroster.skills.tools import ExecutedTool, Tool

_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_PIPELINE_ARGUMENTS = {"select": 2, "prepare": 2, "post_process": 3}
_OPTIONAL_ARGUMENTS = {"open_fields": 1, "accept": 2, "understand": 2, "understand_command": 2, "examples": 1}


def check_folder(folder: Path) -> tuple[Skill | None, Sequence[str]]:
    """Return the skill of a folder and what is wrong with it, each with its file and, where it is known, line."""
    if not (folder / "skill.yaml").exists() and not (folder / "SKILL.md").exists():
        return None, [f"{folder}: holds neither skill.yaml nor SKILL.md"]
    try:
        skill = load_skill(folder_source(folder, str(folder.parent)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to other people's code
        return None, problems_of(error)
    if not (folder / "skill.yaml").exists():
        return skill, list(strict_problems(folder))
    return skill, [*_prompt(skill, folder), *_functions(skill)]


def _prompt(skill: Skill, folder: Path) -> Iterator[str]:
    """Complain about variables in a prompt that nothing fills: that of a pipeline that asks is checked on loading."""
    prompt = folder / "prompt.md"
    asks = skill.pipeline is not None and skill.pipeline.asking is not None
    if skill.manifest.kind == "prompt" or asks or not prompt.exists():
        return
    try:
        Prompt.checked(prompt.read_text(encoding="utf-8-sig"), (), str(prompt))
    except BadInput as error:
        yield error.message


def _functions(skill: Skill) -> Iterator[str]:
    if skill.pipeline is not None:
        yield from _pipeline(skill.pipeline)
        return
    executed = [tool.function for tool in skill.tools if isinstance(tool.function, ExecutedTool)]
    for function in executed[:1]:
        yield from _takes(function.execute, "execute", 3, is_async=True)
    for tool in skill.tools:
        if not isinstance(tool.function, ExecutedTool):
            yield from _tool(tool)


def _tool(tool: Tool) -> Iterator[str]:
    """Compare a function with the parameters that skill.yaml declares for it."""
    place = _place(tool.function, tool.name)
    if inspect.isfunction(tool.function) and not inspect.iscoroutinefunction(tool.function):
        yield f"{place}: must be written `async def`"
    parameters = list(inspect.signature(tool.function).parameters.values())
    if not parameters or parameters[0].kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD):
        yield f"{place}: its first parameter must be the context"
        return
    by_name = {
        one.name for one in parameters[1:] if one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    }
    declared = cast("dict[str, Any]", tool.parameters.get("properties", {}))
    required = cast("list[str]", tool.parameters.get("required", []))
    takes_all = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
    for name in [] if takes_all else sorted(declared.keys() - by_name):
        yield f"{place}: does not take {name}, which skill.yaml declares"
    needed = [one for one in parameters[1:] if one.default is one.empty and one.kind not in _VARIABLE]
    for one in needed:
        if one.kind is one.POSITIONAL_ONLY:
            yield f"{place}: {one.name} must be given by name, but stands before the /"
        elif one.name not in declared:
            yield f"{place}: needs {one.name}, which skill.yaml does not declare"
        elif one.name not in required:
            yield f"{place}: needs {one.name}, which skill.yaml does not require: give it a default"


def _pipeline(pipeline: Pipeline) -> Iterator[str]:
    for name, count in _PIPELINE_ARGUMENTS.items():
        yield from _takes(getattr(pipeline.handler, name), name, count, is_async=True)
    for name, count in _OPTIONAL_ARGUMENTS.items():
        function = getattr(pipeline.handler, name, None)
        if function is not None:
            yield from _takes(function, name, count, is_async=False)


def _takes(function: Callable[..., Any], name: str, count: int, *, is_async: bool) -> Iterator[str]:
    if inspect.isfunction(function) and inspect.iscoroutinefunction(function) is not is_async:
        yield f"{_place(function, name)}: must be written `{'async def' if is_async else 'def'}`"
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        yield f"{_place(function, name)}: must take {count} arguments"


def _place(function: Callable[..., Any], name: str) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}: {name}" if code is not None else f"handler.py: {name}"

"""The writing tool."""

import asyncio
from pathlib import Path
from typing import Any

from agentroster import ModelFile, SkillContext
from roster_test_agents.hostile.handler import write


async def hostile_write(context: SkillContext, /, way: str, target: str) -> Any:
    """Write there."""
    return {"done": repr(await asyncio.to_thread(write, context, way, ModelFile(Path(target), "m")))}

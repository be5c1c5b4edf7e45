"""Agents that misbehave in one way each."""

import asyncio
import json
import os
from pathlib import Path

from agno.agent import Agent

import agentroster.errors
from agentroster import AgentContext, AgentSpec, Limits

short_run = AgentSpec(name="short-run", limits=Limits(seconds=1.0))
few_calls = AgentSpec(name="few-calls", skills=("colours",), limits=Limits(model_calls=3))
via_proxy = AgentSpec(name="via-proxy", model="proxy/plain-model")
loop_inner = AgentSpec(name="loop-inner", model="agno/demo-agent")
prober = AgentSpec(name="prober", skills=("probe", "github"))
hasty_prober = AgentSpec(name="hasty-prober", skills=("probe", "github"), limits=Limits(seconds=1.0))
hostile = AgentSpec(name="hostile", skills=("hostile", "hostile-writer"))
unknown_skill = AgentSpec(name="unknown-skill", skills=("no-such-skill",))


def _mark(name: str) -> None:
    Path(os.environ["TEST_MARKS"], name).write_text("x", encoding="utf-8")


async def wait_long(name: str) -> str:
    """Wait for a minute; leaves a mark when it starts and when it is cancelled."""
    _mark(f"{name}.started")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        _mark(f"{name}.cancelled")
        raise
    return "done"


def slow_tool(context: AgentContext) -> Agent:
    """Has a tool that takes long."""
    return Agent(model=context.model, tools=[wait_long])


def bad_factory(context: AgentContext) -> Agent:
    """Fails when it is built."""
    raise RuntimeError("secret-in-factory-exception /etc/shadow")


def raiser(context: AgentContext) -> Agent:
    """Fails with the error that a test wrote down: its class and arguments."""
    name, args, options = json.loads(Path(os.environ["TEST_MARKS"], "raise.json").read_text(encoding="utf-8"))
    raise getattr(agentroster.errors, name)(*args, **options)

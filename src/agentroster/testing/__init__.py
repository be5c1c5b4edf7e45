"""What authors test their agents and skills with: a world to call tools in, a scripted model, a stand-in hub.

    SKILL = load_skill(__file__)

    def test_it_greets() -> None:
        done = asyncio.run(call(SKILL, who="Ada"))
        assert done.value == {"greeting": "Hello, Ada!"}

Tools pass the same guard as in the proxy: arguments and results are checked, undeclared capabilities are refused, and
only what stands outside (the network, accounts, the model, the database) is made up. No proxy is started.
"""

from agentroster.testing.answers import Answers
from agentroster.testing.hub import HUB, Hub, Repository
from agentroster.testing.model import ScriptedModel, answer, tool_call
from agentroster.testing.models import write_model
from agentroster.testing.world import NOBODY, PERSON, Called, Ran, World, call, context, load_skill

__all__ = [
    "HUB",
    "NOBODY",
    "PERSON",
    "Answers",
    "Called",
    "Hub",
    "Ran",
    "Repository",
    "ScriptedModel",
    "World",
    "answer",
    "call",
    "context",
    "load_skill",
    "tool_call",
    "write_model",
]

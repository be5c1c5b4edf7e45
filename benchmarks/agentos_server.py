"""Agno's own server with one agent, to be compared with: run in an environment of its own, which has `agno[os]`.

Usage: `python agentos_server.py MODEL_URL`. It writes its port and its process, and ends when it is told to.
"""

import os
import socket
import sys

import uvicorn
from agno.agent import Agent
from agno.models.openai.like import OpenAILike
from agno.os import AgentOS

agent = Agent(
    id="bench", model=OpenAILike(id="stub", base_url=sys.argv[1], api_key="stub-key"), telemetry=False, markdown=False
)
app = AgentOS(agents=[agent], telemetry=False).get_app()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
sys.stdout.write(f"{listener.getsockname()[1]} {os.getpid()}\n")
sys.stdout.flush()
uvicorn.run(app, fd=listener.fileno(), log_level="warning", access_log=False)

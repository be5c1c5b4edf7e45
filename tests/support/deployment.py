"""What a deployment of the tests is configured with."""

import subprocess
from pathlib import Path

from cryptography.fernet import Fernet

REPOSITORY = Path(__file__).parents[2]
MASTER_KEY = "sk-canary-master-Zq81hTgB0vKs"
OPENWEBUI_KEY = "owui-canary-forwarder-7Yw2LmPq"
JWT_SECRET = "jwt-canary-secret-0123456789-abcdefghijkl"
PROXY_CONFIG = """
model_list:
  - model_name: plain-model
    litellm_params: {{model: openai/stub, api_base: {base}/v1, api_key: os.environ/LLM_API_KEY}}
"""


def new_key() -> str:
    """Return a new key for credentials."""
    return Fernet.generate_key().decode()


ENCRYPTION_KEY = new_key()


def install(target: Path, *packages: str) -> Path:
    """Install packages of this repository into a folder, and return it."""
    command = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run(
        [*command, *(str(REPOSITORY / package) for package in packages)], check=True, capture_output=True, timeout=300
    )
    return target

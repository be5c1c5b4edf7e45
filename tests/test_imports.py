"""What importing a module costs: LiteLLM only where it must be, and the names in people's LiteLLM configs load."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.deployment import REPOSITORY

# The border to LiteLLM, and what cannot be there without it.
NEED_LITELLM = ("agentroster.gateway.app", "agentroster.gateway.litellm.", "agentroster.provider")

EACH_IN_ITS_OWN_PROCESS = """
import importlib, json, os, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "litellm":
            raise ImportError("LiteLLM is blocked")

sys.meta_path.insert(0, Blocked())
for name in ("agno.agent", "agno.models.base", "cryptography.fernet", "httpx", "pydantic_settings", "sqlalchemy"):
    importlib.import_module(name)
assert not [name for name in sys.modules if name.startswith("agentroster")]
failed = {}
for module in json.loads(sys.stdin.read()):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            importlib.import_module(module)
        except BaseException as error:
            os.write(writer, f"{type(error).__name__}: {error}"[:2000].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        if text := file.read():
            failed[module] = text
    os.waitpid(child, 0)
print(json.dumps(failed))
"""

BY_LITELLM = """
import sys
from litellm.proxy.types_utils.utils import get_instance_fn

def kind(value):
    return value.__name__ if callable(value) else type(value).__mro__[1].__name__

names = "agentroster.provider.agno", "agentroster.provider.auth.user_api_key_auth", "agentroster.provider.hooks.hooks"
for config in (None, sys.argv[1]):
    print(*(kind(get_instance_fn(name, config)) for name in names))
"""


def modules() -> list[str]:
    source = REPOSITORY / "src"
    paths = sorted((source / "agentroster").rglob("*.py"))
    names = [".".join(path.relative_to(source).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def test_every_module_but_the_border_to_litellm_is_imported_without_it() -> None:
    names = modules()
    assert len(names) > 200
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EACH_IN_ITS_OWN_PROCESS],
        input=json.dumps(names),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    failed: dict[str, str] = json.loads(done.stdout)
    assert {name: why for name, why in failed.items() if not name.startswith(NEED_LITELLM)} == {}
    assert set(failed.values()) <= {"ImportError: LiteLLM is blocked"}
    # Otherwise nothing was blocked.
    assert "agentroster.gateway.litellm.handler" in failed


def test_the_names_in_litellm_configs_load_with_litellms_own_loader(tmp_path: Path) -> None:
    config = tmp_path / "proxy_config.yaml"
    config.write_text("model_list: []\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BY_LITELLM, str(config)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=280,
        cwd=tmp_path,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["CustomLLM user_api_key_auth CustomLogger"] * 2

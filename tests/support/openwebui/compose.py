"""What compose.yaml says about Open WebUI, read so that the file itself is what the tests run with."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.deployment import REPOSITORY

_REFERENCE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def service(name: str) -> dict[str, Any]:
    """Return one service of compose.yaml."""
    composed = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
    return composed["services"][name]


def environment(name: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return a service's environment, its references filled as compose fills them from `.env`."""
    return {variable: _filled(str(value), values) for variable, value in service(name)["environment"].items()}


def openwebui_version() -> str:
    """Return the version of Open WebUI that compose.yaml starts."""
    return service("openwebui")["image"].rpartition(":v")[2]


def _filled(text: str, values: Mapping[str, str]) -> str:
    def value(reference: re.Match[str]) -> str:
        name, kind, rest = reference.groups()
        if found := values.get(name):
            return found
        assert kind == "-", f"{name} has no value, and compose would refuse to start: {rest}"
        return rest

    return _REFERENCE.sub(value, text).replace("$$", "$")

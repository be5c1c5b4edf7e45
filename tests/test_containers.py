"""Containers as they are declared: compose, Containerfile, Quadlet and Kubernetes say the same, and say nothing wrong.

No engine is needed; `uv run just container-check` runs the stack for real.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentroster.settings.settings import SECRET_FIELDS, Settings
from tests.support.deployment import REPOSITORY
from tests.support.reader import blocks
from tools import env_file

SETTINGS = {field.alias for field in Settings.model_fields.values()}
SECRET_SETTINGS = {Settings.model_fields[name].alias for name in SECRET_FIELDS}
EXAMPLE = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DEVELOPMENT = yaml.safe_load((REPOSITORY / "compose.dev.yaml").read_text(encoding="utf-8"))
CONTAINERFILE = (REPOSITORY / "Containerfile").read_text(encoding="utf-8")
QUADLET = REPOSITORY / "deploy/quadlet"
UNITS = sorted(QUADLET.glob("*.container"))
VARIABLE = re.compile(r"\$\{(\w+)(:\?[^}]*|:-)?")
# What Open WebUI may know; the encryption key and the operator's key open everything.
OPENWEBUI_MAY_KNOW = {
    "ROSTER_OPENWEBUI_KEY", "ROSTER_OPENWEBUI_JWT_SECRET", "WEBUI_SECRET_KEY", "WEBUI_ADMIN_EMAIL",
    "WEBUI_ADMIN_PASSWORD", "TASK_MODEL_EXTERNAL",
}  # fmt: skip
TEMPLATED_HEADERS = {
    "X-OpenWebUI-Task": "{{TASK}}",
    "X-OpenWebUI-Message-Id": "{{MESSAGE_ID}}",
    "X-Agent-Events": "openwebui",
}


def variables(text: object) -> dict[str, str]:
    """Each variable that compose puts in, with what is said when it is missing."""
    return dict(VARIABLE.findall(str(text)))


def image_environment() -> set[str]:
    return set(re.findall(r"\b([A-Z_]+)=", CONTAINERFILE.split("\nENV ")[-1].split("\nUSER")[0]))


def unit(path: Path) -> dict[str, list[str]]:
    """The values of each key of a unit file, in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, assigned, value = line.partition("=")
        if assigned and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def unit_environment(path: Path) -> dict[str, str]:
    return dict(value.strip("'").split("=", 1) for value in unit(path)["Environment"])


def is_pinned(image: str) -> bool:
    """Registry, name and a tag that says a whole version."""
    return re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+/[a-z0-9./-]+:v?\d+\.\d+\.?\d*[\w.-]*", image) is not None


# --- compose


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_locked_down_pinned_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["healthcheck"]["retries"] and service["healthcheck"]["start_period"]
    assert is_pinned(service["image"]) or service["build"]["dockerfile"] == "Containerfile"
    assert not {"privileged", "cap_add", "network_mode", "pid", "env_file"} & service.keys()
    for port in service.get("ports", []):
        assert port.startswith("${PUBLISH_ADDRESS:-127.0.0.1}:")
    for volume in service["volumes"]:
        assert volume.split(":")[0] in COMPOSE["volumes"], "data lives in named volumes"
    assert set(service.get("networks", ["default"])) <= COMPOSE["networks"].keys()


def test_the_ports_are_those_of_the_documentation() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert {name: ports[0].split(":", 2)[2] for name, ports in published.items()} == {
        "proxy": "${PROXY_PORT:-9501}:9501",
        "openwebui": "${OPENWEBUI_PORT:-9500}:8080",
    }
    assert SERVICES["openwebui"]["depends_on"] == {"proxy": {"condition": "service_healthy"}}


def test_every_variable_is_in_the_example_and_the_example_has_no_other() -> None:
    used = variables(COMPOSE).keys() | variables(DEVELOPMENT).keys()
    offered = {line.split("=")[0] for line in EXAMPLE.splitlines() if line and not line.startswith("#")}
    assert offered == used | {"COMPOSE_PROFILES"}


def test_every_setting_reaches_the_proxy_under_its_own_name() -> None:
    given: dict[str, str] = SERVICES["proxy"]["environment"]
    assert given.keys() <= SETTINGS
    assert SETTINGS - given.keys() - image_environment() == {"ROSTER_SKILLS_DIR"}, "pass it on in compose.yaml"
    for name, value in given.items():
        assert name in {"ROSTER_REQUIRE_SECRETS", "ROSTER_LIBRARY"} or value.startswith(f"${{{name}:")


def test_only_the_proxy_knows_the_keys_of_the_proxy() -> None:
    assert variables(SERVICES["openwebui"]).keys() - {"PUBLISH_ADDRESS", "OPENWEBUI_PORT"} == OPENWEBUI_MAY_KNOW
    for name in SERVICES.keys() - {"proxy", "openwebui"}:
        assert not variables(SERVICES[name]).keys() & SECRET_SETTINGS


def test_open_webui_sends_what_agents_need() -> None:
    given = SERVICES["openwebui"]["environment"]
    assert json.loads(given["OPENAI_API_CONFIGS"]) == {"0": {"headers": TEMPLATED_HEADERS}}
    assert given["ENABLE_FORWARD_USER_INFO_HEADERS"] == "true"
    assert given["ENABLE_EVALUATION_ARENA_MODELS"] == "false"
    assert "DEFAULT_MODEL_METADATA" not in given, "it would change the plain models beside the agents"


def test_postgres_is_out_of_reach_for_all_but_the_proxy() -> None:
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "database" in service.get("networks", [])} == {
        "proxy",
        "postgres",
    }


def test_the_development_stack_changes_the_proxy_only_and_cannot_write_the_code() -> None:
    assert DEVELOPMENT["services"].keys() == {"proxy"}
    for mount in DEVELOPMENT["services"]["proxy"]["volumes"]:
        source, _, options = mount.split(":")
        assert (REPOSITORY / source).exists()
        assert "ro" in options.split(",")


# --- secrets


def test_starting_without_secrets_says_what_to_run() -> None:
    missing = {name: said for name, said in variables(COMPOSE).items() if said.startswith(":?")}
    assert missing.keys() == env_file.fresh_secrets().keys()
    for said in missing.values():
        assert "`uv run just secrets`" in said
        assert "cp .env.example .env" in said


def test_fresh_secrets_are_all_that_is_missing_and_differ_each_time() -> None:
    first, second = (env_file.read(env_file.filled(EXAMPLE)[0]) for _ in "12")
    assert first.keys() == env_file.fresh_secrets().keys()
    assert all(first[name] != second[name] for name in first)


def test_secrets_that_are_set_stay_and_profiles_are_added() -> None:
    mine = EXAMPLE.replace("LITELLM_MASTER_KEY=", "LITELLM_MASTER_KEY=sk-mine").replace("HF_TOKEN=", "HF_TOKEN=hf_mine")
    text, names = env_file.filled(mine, ollama="qwen3")
    assert "LITELLM_MASTER_KEY" not in names
    text, names = env_file.filled(text, postgres=True)
    assert names == ["COMPOSE_PROFILES", "POSTGRES_PASSWORD", "ROSTER_DATABASE_URL"]
    values = env_file.read(text)
    assert values["LITELLM_MASTER_KEY"] == "sk-mine"
    assert values["HF_TOKEN"] == "hf_mine"
    assert values["COMPOSE_PROFILES"] == "ollama,postgres"
    assert values["LLM_API_BASE"] == "http://ollama:11434/v1"
    assert values["ROSTER_DATABASE_URL"] == f"postgresql://roster:{values['POSTGRES_PASSWORD']}@postgres/roster"
    assert env_file.filled(text, postgres=True, ollama="qwen3") == (text, [])


def test_the_file_of_secrets_is_for_its_owner_only(tmp_path: Path) -> None:
    target = tmp_path / ".env"
    target.write_text("open to all", encoding="utf-8")
    target.chmod(0o644)
    env_file.write(target, "A=b\n")
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


# --- the image


def test_the_image_is_built_from_pinned_images_and_runs_for_nobody_in_particular() -> None:
    given = dict(re.findall(r"^ARG (\w+)=(\S+)", CONTAINERFILE, re.MULTILINE))
    assert given
    assert all(is_pinned(image) for image in given.values())
    assert {image.strip("${}") for image in re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)} == given.keys()
    assert "USER 10001:10001" in CONTAINERFILE
    assert not image_environment() & SECRET_SETTINGS
    assert "uv sync --locked --extra postgres" in CONTAINERFILE


def test_nothing_but_the_source_gets_near_the_image() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY ([^-\n].*) \S+$", CONTAINERFILE, re.MULTILINE) for name in line.split()
    }
    assert "*" in lines
    assert allowed == copied


# --- Quadlet


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_each_unit_is_locked_down_and_names_only_what_exists(path: Path) -> None:
    given = unit(path)
    assert given["ReadOnly"] == given["NoNewPrivileges"] == ["true"]
    assert given["DropCapability"] == ["all"]
    assert given["HealthCmd"] and given["Notify"] == ["healthy"]
    assert all(port.startswith("127.0.0.1:") for port in given["PublishPort"])
    assert (QUADLET / given["Network"][0]).exists()
    assert all((QUADLET / volume.split(":")[0]).exists() for volume in given["Volume"])
    assert all(secret.split(",")[0] in env_file.fresh_secrets() for secret in given["Secret"])


def test_the_proxys_unit_names_its_secrets_as_files_and_settings_that_exist() -> None:
    given = unit(QUADLET / "agentroster.container")
    assert given["Image"] == [SERVICES["proxy"]["image"]]
    files = {secret.split(",")[0]: re.findall("target=([^,]+)", secret)[0] for secret in given["Secret"]}
    environment = unit_environment(QUADLET / "agentroster.container")
    assert {name: environment.pop(f"{name}_FILE") for name in files} == files
    assert environment.keys() <= SETTINGS
    assert files.keys() <= SECRET_SETTINGS


def test_open_webuis_unit_sets_what_compose_sets() -> None:
    path = QUADLET / "agentroster-openwebui.container"
    environment = unit_environment(path)
    secrets = {secret.split("target=")[-1].split(",")[0] for secret in unit(path)["Secret"]}
    fixed = {name: value for name, value in SERVICES["openwebui"]["environment"].items() if "${" not in value}
    assert json.loads(environment.pop("OPENAI_API_CONFIGS")) == json.loads(fixed.pop("OPENAI_API_CONFIGS"))
    assert environment.pop("OPENAI_API_BASE_URL") == "http://agentroster:9501/v1"
    assert environment == {name: value for name, value in fixed.items() if name != "OPENAI_API_BASE_URL"}
    assert secrets == {"OPENAI_API_KEY", "FORWARD_USER_INFO_HEADER_JWT_SECRET", "WEBUI_SECRET_KEY"}
    assert unit(path)["Image"] == [SERVICES["openwebui"]["image"]]


# --- Kubernetes


def manifests() -> Iterator[dict[str, Any]]:
    for block in blocks(REPOSITORY / "docs/kubernetes.md"):
        if block.language == "yaml":
            yield from yaml.safe_load_all(block.text)


def manifest(kind: str) -> Mapping[str, Any]:
    return next(one for one in manifests() if one.get("kind") == kind)


def test_the_manifests_set_settings_that_exist() -> None:
    page = (REPOSITORY / "docs/kubernetes.md").read_text(encoding="utf-8")
    secrets, plain = manifest("Secret")["stringData"].keys(), manifest("ConfigMap")["data"].keys()
    named = {one["name"] for one in manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert secrets <= SECRET_SETTINGS
    assert (plain | named) <= SETTINGS - SECRET_SETTINGS
    assert set(re.findall(r"\b(?:ROSTER|LLM|LITELLM|HF)_[A-Z_]+\b", page)) - {"ROSTER_PORT"} <= SETTINGS


def test_the_pod_is_locked_down_and_its_parts_fit_together() -> None:
    pod = manifest("Deployment")["spec"]["template"]
    container = pod["spec"]["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod['spec']['securityContext']['runAsUser']}:" in CONTAINERFILE
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {
        "/health/liveliness"
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in pod["spec"]["volumes"]}
    claims = {one["metadata"]["name"] for one in manifests() if one.get("kind") == "PersistentVolumeClaim"}
    used = {
        one["persistentVolumeClaim"]["claimName"] for one in pod["spec"]["volumes"] if "persistentVolumeClaim" in one
    }
    assert used == claims
    assert manifest("Service")["spec"]["selector"] == pod["metadata"]["labels"]


# --- starting anew after a change


def test_a_change_of_the_code_starts_the_command_anew(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("import time; print('first', flush=True); time.sleep(60)", encoding="utf-8")
    reload = str(REPOSITORY / "tools/reload.py")
    command = [sys.executable, reload, str(tmp_path), "--", sys.executable, str(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout
        assert process.stdout.readline() == "first\n"
        code.write_text("raise SystemExit('broken')", encoding="utf-8")
        assert process.stderr
        assert "code.py" in process.stderr.readline()
        assert process.stderr.readline() == "broken\n"
        code.write_text("import time; print('mended', flush=True); time.sleep(60)", encoding="utf-8")
        assert process.stdout.readline() == "mended\n"
        process.terminate()
        assert process.wait(20) == 130

"""A model that is down does not take the deterministic work down; and what one variable is enough for."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentroster.errors import StartRefused
from agentroster.gateway.config.proxy_config import build_config
from agentroster.settings.llm_presets import KEY_NAMES, NAMES, PRESETS, LlmProvider
from agentroster.settings.settings import load_settings
from tests.support.deployment import MASTER_KEY
from tests.support.endpoints import ask, said
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins.hub import HubServer, Repository

PATH = "/v1/chat/completions"
GEMINI_KEY = "AIzaSyCanary0123456789abcdefghijklmnopq"


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str]) -> Iterator[RosterProcess]:
    """A proxy for Ollama, which does not run, with a key of Gemini for direct models."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("away")
    (folder / "gemini").write_text(GEMINI_KEY + "\n", encoding="utf-8")
    environment = {
        **base_environment,
        "LLM_PROVIDER": "ollama",
        "LLM_MODEL": "qwen3",
        "LLM_API_BASE": f"http://127.0.0.1:{port}/v1",
        "GEMINI_API_KEY_FILE": str(folder / "gemini"),
    }
    process = RosterProcess(folder, environment).start()
    yield process
    process.stop()


def address(proxy: RosterProcess) -> str:
    return proxy.environment["LLM_API_BASE"].removesuffix("/v1")


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_skill_understands_is_done_without_the_model(
    away: RosterProcess, hub: HubServer, library_root: Path, stream: bool
) -> None:
    hub.repositories["a/wash"] = Repository("---\nbase_model: black-forest-labs/FLUX.1-dev\n---\n# Wash")
    folder = library_root / f"away-{stream}"
    folder.mkdir()
    model = folder / "wash.safetensors"
    model.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    sentence = f"enrich {model} from https://huggingface.co/a/wash"
    answer = said(ask(away.url, MASTER_KEY, PATH, "agno/enrich-metadata", sentence, stream=stream))
    first = answer[answer.index("The language model is away") :].split("\\n")[0]
    assert "without it" in first
    assert address(away) in first
    assert "1 in all: 1 changed" in answer
    assert (folder / "wash.metadata.json").exists()


def test_what_no_skill_understands_is_an_error_that_names_server_and_address(away: RosterProcess) -> None:
    for words in ("hello", "please enrich the weather and then maybe everything"):
        response = ask(away.url, MASTER_KEY, PATH, "agno/enrich-metadata", words)
        assert response.status_code == 503, response.text
        message = response.json()["error"]["message"]
        assert "ollama" in message
        assert address(away) in message
        assert "/v1" not in message
    line = next(line for line in away.log.splitlines() if "cannot be reached: ollama" in line)
    assert "refused" in line.casefold() or "Connect" in line


def test_commands_work_without_the_model(away: RosterProcess) -> None:
    assert "#1d70b8" in said(ask(away.url, MASTER_KEY, PATH, "agno/demo-agent", "/palette blue"))


def test_one_line_of_the_start_says_which_model_and_whether_it_answers(
    away: RosterProcess, proxy: RosterProcess, offline_proxy: RosterProcess
) -> None:
    away.wait_for("which does not answer")
    lines = [line for line in away.log.splitlines() if "agents use the language model" in line]
    assert len(lines) == 1
    assert f"qwen3 of ollama at {address(away)}, which does not answer" in lines[0]
    proxy.wait_for("which answers")
    offline_proxy.wait_for("no language model is configured")


def test_direct_models_of_gemini_are_listed_for_its_key_alone(away: RosterProcess) -> None:
    with away.http() as client:
        listed = [row["id"] for row in client.get("/v1/models").json()["data"]]
    assert {"gemini-flash-latest", "gemini-pro-latest"} <= set(listed)
    assert GEMINI_KEY not in away.log
    assert GEMINI_KEY not in (away.data_dir / "litellm_config.yaml").read_text(encoding="utf-8")


def test_rows_of_the_operators_take_the_place_of_ours() -> None:
    keys = {"GEMINI_API_KEY": GEMINI_KEY}
    mine = {"model_name": "mine", "litellm_params": {"model": "gemini/gemini-pro-latest"}}
    assert [row["model_name"] for row in build_config({"model_list": [mine]}, [], keys)["model_list"]] == [
        "mine",
        "agno/*",
    ]
    other = {"model_name": "gpt", "litellm_params": {"model": "openai/gpt-5-mini"}}
    names = [row["model_name"] for row in build_config({"model_list": [other]}, [], keys)["model_list"]]
    assert "gemini-flash-latest" in names
    assert [row["model_name"] for row in build_config({}, [])["model_list"]] == ["agno/*"]


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without anything about models."""
    for name in (*KEY_NAMES, "LLM_PROVIDER", "LLM_MODEL", "LLM_API_BASE", "LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_a_key_of_gemini_alone_is_a_model(nothing_set: pytest.MonkeyPatch, name: str) -> None:
    nothing_set.setenv(name, GEMINI_KEY)
    settings = load_settings()
    assert (settings.provider, settings.model) == ("gemini", "gemini-flash-latest")
    assert settings.api_base == "https://generativelanguage.googleapis.com/v1beta/openai"
    assert settings.model_key == GEMINI_KEY
    assert GEMINI_KEY in settings.secrets()


@pytest.mark.parametrize("name", NAMES)
def test_each_provider_starts_with_what_it_needs_and_says_what_is_missing(
    nothing_set: pytest.MonkeyPatch, name: LlmProvider
) -> None:
    preset = PRESETS[name]
    nothing_set.setenv("LLM_PROVIDER", name)
    if name == "offline":
        assert load_settings().model is None
        return
    if preset.model is None:
        with pytest.raises(StartRefused, match="needs LLM_MODEL"):
            load_settings()
        nothing_set.setenv("LLM_MODEL", "some-model")
    if preset.keys:
        with pytest.raises(StartRefused, match=preset.keys[0]):
            load_settings()
        nothing_set.setenv(preset.keys[0], "key-of-the-provider")
    if name == "custom":
        with pytest.raises(StartRefused, match="LLM_API_BASE"):
            load_settings()
        nothing_set.setenv("LLM_API_BASE", "http://127.0.0.1:8080/v1")
    settings = load_settings()
    assert settings.model == (preset.model or "some-model")
    assert settings.api_base == (preset.base or settings.llm_api_base or "")
    assert settings.model_key == ("key-of-the-provider" if preset.keys else None)


def test_a_providers_key_goes_to_no_other_provider(nothing_set: pytest.MonkeyPatch) -> None:
    nothing_set.setenv("OPENAI_API_KEY", "key-of-openai")
    nothing_set.setenv("LLM_MODEL", "local")
    nothing_set.setenv("LLM_API_BASE", "http://127.0.0.1:8080/v1")
    assert load_settings().provider == "custom"
    assert load_settings().model_key is None
    nothing_set.setenv("LLM_PROVIDER", "groq")
    with pytest.raises(StartRefused, match="GROQ_API_KEY"):
        nothing_set.delenv("LLM_API_BASE")
        load_settings()


def test_a_key_without_a_default_model_is_no_model_until_one_is_named(nothing_set: pytest.MonkeyPatch) -> None:
    nothing_set.setenv("GROQ_API_KEY", "key-of-groq")
    assert load_settings().provider == "offline"
    nothing_set.setenv("LLM_MODEL", "openai/gpt-oss-120b")
    assert load_settings().provider == "groq"


def test_default_and_direct_models_are_known_and_call_tools() -> None:
    import litellm  # noqa: PLC0415 - slow

    for name, preset in PRESETS.items():
        for model in (preset.model and f"{name}/{preset.model}", *preset.direct):
            if model:
                known = litellm.model_cost.get(model) or litellm.model_cost[model.partition("/")[2]]
                assert known["supports_function_calling"], model
                assert "deprecation_date" not in known, model

"""What `LLM_PROVIDER` knows: address, usual name of the key, and, where one name stays good, a default model.

Addresses: each provider's page on its OpenAI-compatible endpoint; local servers: their default ports. Models: names in
the price list that comes with LiteLLM, which a test compares. Where no name lasts, LLM_MODEL must be set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

LlmProvider: TypeAlias = Literal[
    "openai", "gemini", "anthropic", "openrouter", "mistral", "deepseek", "groq", "ollama", "lmstudio", "llama-server",
    "vllm", "custom", "proxy", "offline",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """`keys` are the environment variables that hold the key, the first is the usual one; without any, none is needed.

    `direct` are models that are offered beside the agents when the key is there, as LiteLLM's names.
    """

    base: str = ""
    keys: tuple[str, ...] = ()
    model: str | None = None
    direct: tuple[str, ...] = ()


PRESETS: Mapping[LlmProvider, Preset] = {
    "openai": Preset(base="https://api.openai.com/v1", keys=("OPENAI_API_KEY",), model="gpt-5-mini"),
    "gemini": Preset(
        base="https://generativelanguage.googleapis.com/v1beta/openai",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        model="gemini-flash-latest",
        direct=("gemini/gemini-flash-latest", "gemini/gemini-flash-lite-latest", "gemini/gemini-pro-latest"),
    ),
    "anthropic": Preset(base="https://api.anthropic.com/v1", keys=("ANTHROPIC_API_KEY",)),
    "openrouter": Preset(base="https://openrouter.ai/api/v1", keys=("OPENROUTER_API_KEY",)),
    "mistral": Preset(base="https://api.mistral.ai/v1", keys=("MISTRAL_API_KEY",), model="mistral-medium-latest"),
    "deepseek": Preset(base="https://api.deepseek.com/v1", keys=("DEEPSEEK_API_KEY",)),
    "groq": Preset(base="https://api.groq.com/openai/v1", keys=("GROQ_API_KEY",)),
    "ollama": Preset(base="http://127.0.0.1:11434/v1"),
    "lmstudio": Preset(base="http://127.0.0.1:1234/v1"),
    "llama-server": Preset(base="http://127.0.0.1:8080/v1"),
    "vllm": Preset(base="http://127.0.0.1:8000/v1"),
    "custom": Preset(),
    "proxy": Preset(),
    "offline": Preset(),
}

NAMES: tuple[LlmProvider, ...] = get_args(LlmProvider)
KEY_NAMES: tuple[str, ...] = tuple(name for preset in PRESETS.values() for name in preset.keys)


def provider_of(keys: Mapping[str, str], *, model: str | None) -> LlmProvider | None:
    """Return the first provider whose key is there, with a default model unless `model` is given; None: none is."""
    for name, preset in PRESETS.items():
        if any(keys.get(key) for key in preset.keys) and (model or preset.model):
            return name
    return None


def direct_models(keys: Mapping[str, str], listed: object) -> list[dict[str, object]]:
    """Return rows for a LiteLLM model list: the direct models of each provider whose key is there.

    None of a provider that `listed`, the operator's own rows, speaks of: who chose some models wants no others.
    """
    rows: list[dict[str, object]] = []
    for provider, preset in PRESETS.items():
        key = next((name for name in preset.keys if keys.get(name)), None)
        if key is None or provider in str(listed).casefold():
            continue
        for model in preset.direct:
            params: dict[str, object] = {"model": model, "api_key": f"os.environ/{key}"}
            rows.append({"model_name": model.rsplit("/", 1)[1], "litellm_params": params})
    return rows

"""Reads what other programs keep beside a model file: sidecars of the model site's helpers and of web interfaces.

`NAME.civitai.info` holds the model site's version object (`baseModel`, `trainedWords`, `description`); `NAME.json` is
the web interface's own (`sd version`, `activation text`, `description`); `NAME.cm-info.json` is Stability Matrix';
`NAME.swarm.json` is SwarmUI's, with the keys of ModelSpec.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentroster.json_values import as_list, as_object

_MAX_BYTES, _MAX_WORDS, _MAX_TEXT, _MAX_STRENGTH = 8_000_000, 100, 100_000, 5
_KNOWN = frozenset({"sd version", "activation text", "BaseModel", "TrainedWords"})
_ENDINGS = (".civitai.info", ".cm-info.json", ".json", ".swarm.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What one other program's sidecar says; empty where it is silent."""

    file_name: str
    base_model: str = ""
    trained_words: tuple[str, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    strength: float = 0


def peers_of(path: Path) -> list[Peer]:
    """Return what is there beside a model file, the surest first; blocks.

    Links, files over 8 MB and what is no JSON object are named and say nothing.
    """
    return [_read(beside) for ending in _ENDINGS if (beside := path.with_name(path.stem + ending)).is_file()]


def _read(path: Path) -> Peer:
    value = _object(path)
    if spec := {key.removeprefix("modelspec."): text for key, text in value.items() if key.startswith("modelspec.")}:
        return _of_swarm(path.name, spec)
    words = _texts(value.get("trainedWords", value.get("TrainedWords")))
    activation = _text(value, "activation text")
    return Peer(
        file_name=path.name,
        base_model=_text(value, "baseModel") or _text(value, "BaseModel") or _text(value, "sd version"),
        trained_words=words or ((activation,) if activation else ()),
        description=_text(value, "description"),
        tags=_texts(as_object(value.get("model")).get("tags")),
        strength=_strength(value.get("preferred weight")),
    )


def _of_swarm(name: str, spec: Mapping[str, object]) -> Peer:
    return Peer(
        file_name=name,
        base_model=_text(spec, "architecture"),
        trained_words=_listed(_text(spec, "trigger_phrase")),
        description="\n\n".join(filter(None, (_text(spec, "description"), _text(spec, "usage_hint")))),
        tags=_listed(_text(spec, "tags")),
        strength=_strength(spec.get("lora_default_weight")),
    )


def _object(path: Path) -> Mapping[str, object]:
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
            return {}
        value: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    found = as_object(value)
    # Anybody's JSON may stand beside a model under its name.
    is_known = not _KNOWN.isdisjoint(found) or any(key.startswith("modelspec.") for key in found)
    return found if is_known or path.suffix != ".json" else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in as_list(value)[:_MAX_WORDS] if isinstance(text, str))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.replace(";", ",").split(",")[:_MAX_WORDS])))


def _strength(value: object) -> float:
    """Return a strength that is one; 0 for what is none, which is what programs write where nobody chose it."""
    try:
        number = float(str(value))
    except ValueError:
        return 0
    return number if 0 < abs(number) <= _MAX_STRENGTH else 0


def _text(value: Mapping[str, object], key: str) -> str:
    text = value.get(key)
    return text.strip()[:_MAX_TEXT] if isinstance(text, str) else ""

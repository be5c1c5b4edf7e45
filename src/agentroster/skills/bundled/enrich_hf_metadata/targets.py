"""What a message or an argument means: models of the library, and addresses of the hub."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentroster.errors import RosterError
from agentroster.library.library import MODEL_SUFFIXES, Library, ModelFile
from agentroster.skills.bundled.enrich_hf_metadata.hub import URL, HubRef, parse_url
from agentroster.skills.pipeline import ItemReport

_EVERYTHING = re.compile(
    r"^\W*(?:(?:can|could|would) you\s+)?(?:please\s+)?(?:enrich|complete|update|fill(?: in)?)?\s*(?:everything|all|"
    r"(?:all|my|the|whole|entire)\b.*\b(?:models?|loras?|files?|library|sidecars?|metadata))(?:,? please)?\W*$",
    re.IGNORECASE,
)
_VERB = re.compile(r"\b(?:enrich|complete|update|fill)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"'`“”]([^\"'`“”\n]+)[\"'`“”]")
_SUFFIXES = "|".join(re.escape(suffix) for suffix in sorted(MODEL_SUFFIXES))
_PATH = re.compile(rf"(?i)(?:~?/|\.\.?/)[^\s,;\"'`]+|[^\s,;\"'`]+(?:{_SUFFIXES})(?![\w])|[^\s,;\"'`:]+/[^\s,;\"'`]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A model to complete, or a repository to read out; `source` wins over the sidecar's own address."""

    label: str
    model: ModelFile | None = None
    source: HubRef | None = None


def understand(text: str, library: Library) -> dict[str, Any] | None:
    """Return the arguments a message asks for, or None when it names nothing to enrich."""
    if _EVERYTHING.match(text.strip()):
        return {"targets": ["everything"]}
    urls = [match[0].rstrip(".,;") for match in URL.finditer(text)]
    rest = URL.sub(" ", text)
    quoted = [match[1].strip() for match in _QUOTED.finditer(rest)]
    asked = bool(_VERB.search(text))
    names = [name for name in quoted if asked or _is_path(name)] or _named_models(rest, library)
    names = names or [name for name in _paths(rest) if asked or _is_path(name)]
    if len(names) == 1 and len(urls) == 1:
        return {"targets": names, "source": urls[0]}
    targets = [*names, *urls]
    return {"targets": targets} if targets else None


def _is_path(text: str) -> bool:
    """Whether a text can only mean a file or folder; "and/or" and "1/2" need a verb before they count."""
    return text.startswith(("/", "./", "../")) or text.lower().endswith(tuple(MODEL_SUFFIXES))


def _named_models(text: str, library: Library) -> list[str]:
    """Return the models of the library that stand in the text; this is how names with blanks are found."""
    found: list[str] = []
    for model in library.models():
        forms = (str(model.path), model.name, model.path.name)
        form = next((form for form in forms if " " in form and form.lower() in text.lower()), None)
        if form is not None:
            found.append(str(model.path))
            text = re.sub(re.escape(form), " ", text, flags=re.IGNORECASE)
    return [*found, *_paths(text)] if found else []


def _paths(text: str) -> list[str]:
    return list(dict.fromkeys(match[0].rstrip(".,;:!?)") for match in _PATH.finditer(text)))


def resolve(arguments: Mapping[str, Any], library: Library, endpoint: str) -> tuple[list[Target], list[ItemReport]]:
    """Return what to work on and a report for each wish that is refused."""
    targets: dict[str, Target] = {}
    refused: list[ItemReport] = []
    source, complaint = _source(arguments.get("source"), endpoint)
    if complaint:
        return [], [ItemReport(item=str(arguments["source"]), error=complaint)]
    for wish in arguments["targets"]:
        try:
            for target in _targets(wish, library, endpoint):
                targets[target.label] = Target(target.label, target.model, target.source or source)
        except RosterError as error:
            refused.append(ItemReport(item=wish, error=error.message.rstrip(".")))
    if source is not None and len(targets) > 1:
        return [], [
            *refused,
            ItemReport(item=str(arguments["source"]), error="an address can be given for one file only"),
        ]
    return list(targets.values()), refused


def _source(text: object, endpoint: str) -> tuple[HubRef | None, str]:
    if not isinstance(text, str):
        return None, ""
    ref = parse_url(text, endpoint)
    return ref, "" if ref else "this is not the address of a HuggingFace model"


def _targets(wish: str, library: Library, endpoint: str) -> list[Target]:
    if "://" in wish:
        ref, complaint = _source(wish, endpoint)
        return [Target(wish, source=ref)] if ref else _refuse(complaint)
    if wish.strip().lower() in {"everything", "all", "*"}:
        return [Target(model.name, model) for model in library.models()] or _refuse(_empty(library))
    return [Target(model.name, model) for model in library.find(wish)] or _refuse(
        "there is no model file in this folder"
    )


def _empty(library: Library) -> str:
    if library.is_configured:
        return "the library holds no model files"
    return "no library is configured: the operator sets ROSTER_LIBRARY to the folders of the models"


def _refuse(reason: str) -> list[Target]:
    raise RosterError(reason)

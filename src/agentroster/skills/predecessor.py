"""Skill folders in the predecessor's form (the agent skills of LoRA Manager, July 2026), adapted to a pipeline.

Such a `skill.yaml` has no `kind`; its `output_schema` is that of the language model's answer. Its `handler.py` has

    prepare(model_path, input_data) -> dict     what `{{variable}}` in prompt.md stands for; may be missing
    post_process(context) -> None, a dict of sidecar fields, an ItemReport, or {"success", "updated_fields", "errors"}

where `context.llm_response` is the answer. Both may be `async def` or `def`. Only what `post_process` returns is
written, only into empty fields, and only where `write_metadata` is declared.
"""

import asyncio
import inspect
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from agentroster.errors import BadInput, RosterError, SkillBroken, ToolFailed
from agentroster.json_values import as_list, as_object, is_list, is_object
from agentroster.messages import say
from agentroster.skills.context import SkillContext
from agentroster.skills.earlier_keys import TARGETS
from agentroster.skills.filling import Filled, fill, require_not_excluded
from agentroster.skills.pipeline import Selection
from agentroster.skills.question import OpenQuestion
from agentroster.skills.report import ItemReport

_RESULT_KEYS = frozenset({"success", "updated_fields", "updates", "errors", "error", "skipped", "summary"})
_MAX_WORD = 200
_ANY_ANSWER: Mapping[str, Any] = {"type": "object"}


def is_predecessors(handler: ModuleType) -> bool:
    """Whether a handler selects nothing, and its `post_process` takes one argument."""
    function = getattr(handler, "post_process", None)
    return not hasattr(handler, "select") and callable(function) and _takes(function, 1)


@dataclass(frozen=True, slots=True)
class Model:
    """One model file to work on."""

    file: Any
    input_data: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The name of the model in the library."""
        return self.file.name


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` returned, and what the language model answered."""

    model: Model
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    answer: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class PostProcessContext:
    """What `post_process` gets. `metadata` is the sidecar as it was read; capabilities are attributes as in ours."""

    model_path: str
    input_data: Mapping[str, Any]
    prepared: Mapping[str, object]
    metadata: Mapping[str, object]
    llm_response: dict[str, object]
    _context: SkillContext

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._context, name)


class PredecessorHandler:
    """The steps of a pipeline, made of the functions of such a folder."""

    def __init__(self, handler: ModuleType, folder: Path, answer_schema: Mapping[str, Any] | None) -> None:
        """`answer_schema` is what the model's answer must fit. Raises SkillBroken for a `prepare` of another form."""
        self._prepare: Callable[..., object] | None = getattr(handler, "prepare", None)
        self._post_process: Callable[..., object] = handler.post_process
        self._answer_schema = _without_path(answer_schema or _ANY_ANSWER)
        if self._prepare is not None and not _takes(self._prepare, 2):
            raise SkillBroken([f"{folder}/handler.py: prepare must take (model_path, input_data)"])

    async def select(self, context: SkillContext, arguments: Mapping[str, Any]) -> Selection:
        """Find the models in the library."""
        return await asyncio.to_thread(_found, context.library, arguments)

    async def prepare(self, context: SkillContext, item: Model) -> Prepared:
        """Call the folder's `prepare`, where there is one."""
        read = cast("Callable[[Any], dict[str, object] | None]", context.sidecars.read)
        metadata = await asyncio.to_thread(read, item.file) or {}
        require_not_excluded(metadata)
        values: object = {}
        if self._prepare is not None:
            values = await _called(self._prepare, str(item.file.path), dict(item.input_data))
        if not is_object(values):
            raise ToolFailed(say("skills.prepare_returned", kind=type(values).__name__))
        return Prepared(item, metadata, values)

    def open_fields(self, prepared: Prepared) -> OpenQuestion:
        """Return the question of `prompt.md`; long texts, which may be a stranger's, go into the data."""
        data: list[str] = []
        # As the predecessor did, an unknown variable is an empty text.
        words: defaultdict[str, str] = defaultdict(str, model_path=prepared.model.label)
        for name, value in prepared.values.items():
            # Where the library lies on this machine is nobody's business.
            text = _text(value).replace(str(prepared.model.file.path), prepared.model.label)
            is_long = len(text) > _MAX_WORD or len(text.splitlines()) > 1
            words[name] = f'(see "{name}" in the data)' if is_long else text
            data += [f"{name}:\n{text}"] if is_long else []
        return OpenQuestion(schema=self._answer_schema, data="\n\n".join(data), variables=words)

    def accept(self, prepared: Prepared, answer: Mapping[str, Any]) -> Prepared:
        """Keep the answer for `post_process`, which decides what to believe."""
        return replace(prepared, answer={**answer, "model_path": str(prepared.model.file.path)})

    async def post_process(self, context: SkillContext, item: Model, prepared: Prepared) -> ItemReport:
        """Call the folder's `post_process` and write what it returns."""
        seen = PostProcessContext(
            model_path=str(item.file.path),
            input_data=item.input_data,
            prepared=prepared.values,
            metadata=prepared.metadata,
            llm_response=dict(prepared.answer),
            _context=context,
        )
        returned = await _called(self._post_process, seen)
        if isinstance(returned, ItemReport):
            return returned
        if returned is not None and not is_object(returned):
            raise ToolFailed(say("skills.post_process_returned", kind=type(returned).__name__))
        return await _applied(context, item, returned or {})


async def _applied(context: SkillContext, item: Model, returned: Mapping[str, object]) -> ItemReport:
    """Write the fields of a result, and report it."""
    fields, named = returned, list[str]()
    if returned and returned.keys() <= _RESULT_KEYS:
        errors = returned.get("errors") or returned.get("error") or say("skills.failed_silently")
        if returned.get("success", True) is False:
            return ItemReport(item=item.label, error=_sentence(errors))
        updates, updated = returned.get("updates"), returned.get("updated_fields")
        fields = as_object(updates if is_object(updates) else updated)
        named = [str(name) for name in as_list(updated)]
    filled = await fill(context, item.file, fields) if fields else Filled()
    is_rehearsed = item.input_data.get("dry_run") is True
    unreported = [name for name in named if name not in {**fields, **filled.written}]
    notes = {"named by the skill": ", ".join(unreported)} if unreported else {}
    return ItemReport(
        item=item.label,
        found={**filled.unwritten, **(filled.written if is_rehearsed else {})},
        updated={} if is_rehearsed else filled.written,
        kept=filled.kept,
        notes={**notes, **({"dry run": say("skills.nothing_written")} if is_rehearsed else {}), **filled.notes},
    )


def _found(library: Any, arguments: Mapping[str, Any]) -> Selection:
    items: dict[str, Model] = {}
    refused: list[ItemReport] = []
    wishes = next((arguments[name] for name in TARGETS if name in arguments), None)
    if not wishes:
        raise BadInput(say("skills.no_models_named"))
    for wish in [wishes] if isinstance(wishes, str) else wishes:
        try:
            items |= {file.name: Model(file, arguments) for file in library.find(str(wish))}
        except RosterError as error:
            refused.append(ItemReport(item=str(wish), error=error.message.rstrip(".")))
    return Selection(list(items.values()), refused)


async def _called(function: Callable[..., object], *arguments: object) -> object:
    """Call a function of the folder; one that is not `async def` may block, so it runs in a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    value = await asyncio.to_thread(function, *arguments)
    return await cast("Awaitable[object]", value) if inspect.isawaitable(value) else value


def _takes(function: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def _without_path(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema without `model_path`: we know it, and no model is told where a file lies."""
    made = {key: value for key, value in schema.items() if key not in {"properties", "required"}}
    if "properties" in schema:
        made["properties"] = {name: one for name, one in schema["properties"].items() if name != "model_path"}
    if "required" in schema:
        made["required"] = [name for name in schema["required"] if name != "model_path"]
    return made


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _sentence(errors: object) -> str:
    return "; ".join(map(str, errors)) if is_list(errors) else str(errors)

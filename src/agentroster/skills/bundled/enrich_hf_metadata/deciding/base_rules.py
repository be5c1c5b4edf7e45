"""The base model of a file: a table of kinds of evidence, the strongest first, each with the rule that reads it."""

from collections.abc import Sequence

from agentroster.skills.bundled.enrich_hf_metadata.deciding import base_models, base_statements
from agentroster.skills.bundled.enrich_hf_metadata.deciding.base_models import agreed, from_hint, narrowest
from agentroster.skills.bundled.enrich_hf_metadata.deciding.evidence import Evidence, Rule, Scope, decide
from agentroster.skills.bundled.enrich_hf_metadata.reading.file_sections import shared_part
from agentroster.skills.bundled.enrich_hf_metadata.reading.source import Source, spoken


def _section(source: Source) -> str | None:
    stated = (
        base_statements.in_row(part.row) or base_statements.in_section(spoken(part.text), part.above)
        for part in source.parts
    )
    return next(filter(None, map(narrowest, stated)), None)


def _about_file(source: Source) -> str | None:
    return narrowest(base_statements.about_file(source.body, source.file_name))


def _declared(source: Source) -> str | None:
    return agreed(source.declared)


def _unnamed_family(source: Source) -> str | None:
    """Return an empty name, which ends the search: nothing else can name a declared family without a name here."""
    return "" if any(map(base_models.is_unnamed, source.declared)) else None


def _base_tags(source: Source) -> str | None:
    return agreed(tag.rsplit(":", 1)[-1] for tag in source.tags if tag.startswith("base_model:"))


def _label(source: Source) -> str | None:
    return narrowest(base_statements.in_labels(source.body))


def _tags(source: Source) -> str | None:
    hints = {name for tag in source.tags if ":" not in tag and (name := from_hint(tag))}
    return hints.pop() if len(hints) == 1 else None


def _file_name(source: Source) -> str | None:
    return from_hint(source.file_name)


def _declared_file_name(source: Source) -> str | None:
    """Take a word with other meanings for a hint when the card declares that very model beside others."""
    named = base_models.from_statement(source.stem)
    return named if named in map(base_models.from_statement, source.declared) else None


def _repository_name(source: Source) -> str | None:
    return from_hint(source.name)


def _header(source: Source) -> str | None:
    hints = (from_hint(source.header.get(key, "")) for key in ("modelspec.architecture", "ss_base_model_version"))
    return next(filter(None, hints), None)


def _text(source: Source) -> str | None:
    return narrowest(base_statements.in_text(_of_all_files(source)))


def _opening(source: Source) -> str | None:
    return narrowest(base_statements.in_opening(_of_all_files(source))) if not source.parts else None


def _trainer(source: Source) -> str | None:
    return narrowest(base_statements.of_trainer(source.body))


def _all_files(source: Source) -> str | None:
    return narrowest(base_statements.of_all_files(source.body))


def _shared_opening(source: Source) -> str | None:
    return narrowest(base_statements.in_opening(_of_all_files(source)))


def _of_all_files(source: Source) -> str:
    return shared_part(source.body) if source.is_collection else source.body


RULES: Sequence[Rule[str]] = (
    Rule(Evidence.SECTION, _section),
    Rule(Evidence.ABOUT_FILE, _about_file, Scope.ONE),
    Rule(Evidence.DECLARED, _declared),
    Rule(Evidence.NONE, _unnamed_family),
    Rule(Evidence.BASE_TAGS, _base_tags),
    Rule(Evidence.LABEL, _label, Scope.ONE),
    Rule(Evidence.TAGS, _tags),
    Rule(Evidence.FILE_NAME, _file_name),
    Rule(Evidence.FILE_NAME, _declared_file_name),
    Rule(Evidence.REPOSITORY_NAME, _repository_name),
    Rule(Evidence.HEADER, _header),
    Rule(Evidence.TEXT, _text),
    Rule(Evidence.OPENING, _opening),
    Rule(Evidence.TRAINER, _trainer),
    Rule(Evidence.ALL_FILES, _all_files, Scope.SEVERAL),
    Rule(Evidence.OPENING, _shared_opening, Scope.SEVERAL),
)


def base_model(source: Source) -> tuple[str | None, Evidence]:
    """Return the canonical name and what it rests on; None where the source does not say it."""
    name, evidence = decide(RULES, source)
    texts = [source.file_name, source.repo, *source.tags, *source.declared]
    return base_models.sharpened(name or None, texts, source.body), evidence

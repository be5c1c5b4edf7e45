"""Says what came of one item of a pipeline: for a person in a line of Markdown, for a program and a model as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agentroster.json_values import is_list
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.field_names import field_name, in_words

_MAX_VALUE, _MAX_LINE = 120, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReport:
    """What came of one item, by field.

    `updated` has the values written, `found` values that were only read; `kept` and `missing` say why. `notes` are
    what else a person should know, such as which values a language model read; `provenance` what set each new value.
    `ask` is the sentence that a person sends to have it done after all, `why` the reason where there is no `error`.
    `is_intended`: it failed because somebody asked for that, and nobody has to do anything.
    """

    item: str
    found: Mapping[str, object] = field(default_factory=dict[str, object])
    updated: Mapping[str, object] = field(default_factory=dict[str, object])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    error: str = ""
    ask: str = ""
    why: str = ""
    is_intended: bool = False

    @property
    def needs_you(self) -> bool:
        """Whether it is not done until a person does something."""
        return bool(self.ask or (self.error and not self.is_intended))

    def line(self) -> str:
        """Return the item of a Markdown list: its name, and what was set, kept and not found."""
        if self.error:
            return _line(f"**{_flat(self.item)}**: {_flat(self.error)}")
        values = "; ".join(self._values()) or say("skills.nothing_new")
        return _line(f"**{_flat(self.item)}**: {'. '.join([values, *self._reasons()])}")

    def lines(self) -> str:
        """Return the same as a list of its own below the name, where there is room for it."""
        if self.error:
            return self.line()
        parts = [*(self._values() or [say("skills.nothing_new")]), *self._reasons()]
        return f"- **{_flat(self.item)}**\n" + "".join(f"  {_line(part)}" for part in parts)

    def request(self) -> str:
        """Return the item of a Markdown list: its name, the reason, and the sentence to send."""
        reason = _flat(self.error or self.why).rstrip(".")
        send = f" {say('skills.send', sentence=_code(self.ask))}" if self.ask else ""
        return _line(f"**{_flat(self.item)}**: {reason}.{send}")

    def to_json(self) -> dict[str, object]:
        """Return the report for a program or a model."""
        if self.error:
            return {"item": self.item, "error": self.error}
        names = ("found", "updated", "kept", "missing", "notes", "provenance")
        return {"item": self.item, **{name: value for name in names if (value := getattr(self, name))}}

    def _values(self) -> list[str]:
        return [f"{field_name(name)}: {_value(value)}" for name, value in {**self.found, **self.updated}.items()]

    def _reasons(self) -> Iterator[str]:
        same = [field_name(name) for name, why in self.kept.items() if why == say("skills.already_set")]
        if same:
            yield say("skills.set_before", fields=", ".join(same))
        kept = {name: why for name, why in self.kept.items() if why != say("skills.already_set")}
        # What has blanks in its name is no field, but says what happened.
        fields = [_with_reason(name, why) for name, why in kept.items() if " " not in name]
        if fields:
            yield say("skills.kept", fields=", ".join(fields))
        yield from (f"{field_name(name)}: {_flat(why)}" for name, why in kept.items() if " " in name)
        if self.missing:
            missing = [_with_reason(name, why) for name, why in self.missing.items()]
            yield say("skills.not_found", fields=", ".join(missing))
        yield from (f"{field_name(name)}: {_flat(in_words(note))}" for name, note in self.notes.items())


def quoted(name: str) -> str:
    """Return a name as it is written in a command: with blanks it stands in quotes."""
    return f'"{name}"' if any(map(str.isspace, name)) else name


def _with_reason(name: str, why: str) -> str:
    return f"{field_name(name)} ({_flat(why)})" if why else field_name(name)


def _value(value: object) -> str:
    text = _flat(", ".join(map(str, value)) if is_list(value) else str(value))
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}..."


def _flat(text: str) -> str:
    return escape_markdown(" ".join(text.split()))


def _line(text: str) -> str:
    return f"- {text if len(text) <= _MAX_LINE else f'{text[:_MAX_LINE]}...'}\n"


def _code(text: str) -> str:
    """Return a sentence to copy; within a code span nothing is escaped, so that none may hold its mark."""
    flat = " ".join(text.split())
    return _flat(text) if "`" in flat else f"`{flat}`"

"""Answers questions about what was done, from the person's own runs; what would write is a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentroster.builtin.skills.enrich_hf_metadata.applying import undo
from agentroster.builtin.skills.enrich_hf_metadata.applying.undo_run import items_of
from agentroster.builtin.skills.enrich_hf_metadata.understanding import written
from agentroster.errors import RosterError
from agentroster.json_values import as_list
from agentroster.library.library import Library
from agentroster.library.sidecar import Sidecars
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.field_names import field_name
from agentroster.skills.past_runs import PastRun, PastRuns
from agentroster.skills.understanding import Plan, Refusal

_MAX_SHOWN, _MAX_AGAIN, _MAX_REASON = 10, 200, 200


@dataclass(frozen=True, slots=True)
class Recall:
    """The newest run of a person, and what they may ask about it."""

    run: PastRun
    library: Library
    sidecars: Sidecars

    def failed(self) -> Refusal:
        """Return which items failed and why; to try them again is a plan."""
        reports = [report for report in self.run.items if report.get("error")]
        if not reports:
            return Refusal(f"{self._told()} {say('enrich.recall_none_failed')}")
        lines = [self._told(), "", *_listed([(_name(report), str(report["error"])) for report in reports])]
        names = [name for report in reports if self._is_known(name := str(report.get("item", "")))]
        if "undo" in self.run.arguments or not names or len(names) > _MAX_AGAIN:
            return Refusal("\n".join(lines))
        plan = say("enrich.recall_try_failed", count=len(names))
        return Plan("\n".join([*lines, "", plan]), {**self.run.arguments, "targets": names})

    def last(self) -> Refusal:
        """Return what the run did."""
        done = [(_name(report), _fields(report)) for report in self.run.items if report.get("updated")]
        lines = [self._told(), *(["", *_listed(done)] if done else [])]
        if self.run.failed:
            lines += ["", say("enrich.recall_ask_failed")]
        elif done and not self._is_undo:
            lines += ["", say("enrich.recall_ask_undo")]
        return Refusal("\n".join(lines))

    def again(self) -> Refusal:
        """Return the plan to do the same once more."""
        if self._is_undo or self.run.is_at_work:
            return Refusal(self._told())
        return Plan(f"{self._told()} {say('enrich.recall_same_again')}", self.run.arguments)

    def undo(self) -> Refusal:
        """Return the plan that takes back what the run wrote and nobody has changed since; and what must stay."""
        if self._is_undo or self.run.is_at_work or not any(map(undo.fields_of, self.run.items)):
            return Refusal(f"{self._told()} {say('enrich.undo_nothing')}")
        taken, kept = self._undone()
        lines = [f"{say('enrich.nothing_yet_alone')} {self._told()}"]
        if taken:
            lines += ["", say("enrich.undo_would", count=len(taken)), "", *_listed(taken)]
        if kept:
            lines += ["", say("enrich.undo_stays"), "", *_listed(kept)]
        if not taken:
            return Refusal("\n".join([*lines, "", say("enrich.undo_cannot")]))
        plan = "\n".join([*lines, "", say("enrich.say_yes")])
        return Plan(plan, {"targets": ["everything"], "undo": self.run.id})

    def _undone(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return what would go and what would stay, by model, tried on copies."""
        items, refused = items_of(self.run, self.library)
        taken: list[tuple[str, str]] = []
        kept = [(escape_markdown(report.item), report.error) for report in refused]
        for item in items:
            try:
                sidecar = self.sidecars.read(item.model)
            except RosterError as error:
                kept.append((escape_markdown(item.label), error.message.rstrip(".")))
                continue
            undone = undo.revert(sidecar or {}, item.written, self.run)
            label = escape_markdown(item.label)
            taken += [(label, ", ".join(map(field_name, undone.taken)))] if undone.taken else []
            stays = "; ".join(f"{field_name(name)} ({why})" for name, why in undone.kept.items())
            kept += [(label, stays)] if stays else []
        return taken, kept

    @property
    def _is_undo(self) -> bool:
        return "undo" in self.run.arguments

    def _is_known(self, name: str) -> bool:
        if "://" in name:
            return True
        try:
            return bool(self.library.find(name))
        except RosterError:
            return False

    def _told(self) -> str:
        """Return the sentence about the run: what it was asked, when, and its counts."""
        run, when = self.run, _when(self.run.began_at)
        command = "" if self._is_undo else written.command(run.arguments)
        if self._is_undo:
            told = say("enrich.recall_undid", when=when)
        elif command:
            told = say("enrich.recall_run", command=command, when=when)
        else:
            told = say("enrich.recall_run_alone", when=when)
        if run.is_at_work:
            return f"{told} {say('enrich.recall_at_work', done=run.done, total=run.total)}"
        unchanged = run.done - run.changed - run.failed
        counts = say("skills.summary", total=run.done, changed=run.changed, unchanged=unchanged, failed=run.failed)
        ended = "" if run.state == "completed" else f" {say('enrich.recall_stopped')}"
        dry = f" {say('enrich.recall_dry')}" if run.arguments.get("dry_run") else ""
        return f"{told} {counts}{ended}{dry}"


def recalled(asked: str, library: Library, sidecars: Sidecars | None, past: PastRuns | None) -> Refusal | None:
    """Return the answer to what is asked about the last run; None for what is no such question. It blocks."""
    if asked not in {"failed", "last", "again", "retry", "undo"}:
        return None
    run = past.last() if past is not None else None
    if run is None or sidecars is None:
        return Refusal(say("enrich.recall_nothing", examples=written.listed(written.examples(library))))
    recall = Recall(run, library, sidecars)
    if asked == "retry":
        asked = "failed" if run.failed else "again"
    answers = {"failed": recall.failed, "last": recall.last, "undo": recall.undo, "again": recall.again}
    return answers[asked]()


def _name(report: Mapping[str, Any]) -> str:
    return escape_markdown(str(report.get("item", "")))


def _fields(report: Mapping[str, Any]) -> str:
    fields = undo.fields_of(report)
    taken = as_list(fields.get(say("enrich.undo_taken")))
    return ", ".join(field_name(str(name)) for name in taken or fields)


def _listed(lines: Sequence[tuple[str, str]]) -> list[str]:
    shown = [f"- {name}: {what[:_MAX_REASON]}" for name, what in sorted(lines)[:_MAX_SHOWN]]
    more = len(lines) - _MAX_SHOWN
    return [*shown, *([f"- {say('enrich.recall_more', count=more)}"] if more > 0 else [])]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

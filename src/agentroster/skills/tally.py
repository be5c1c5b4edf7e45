"""Counts the reports of a pipeline and words all of them, however many there are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.report import ItemReport

# A page lays out what it shows; more than this nobody reads there.
_MAX_ROWS, _MAX_REQUESTS = 500, 100
_MAX_OPEN, _MAX_ROOMY = 5, 3


@dataclass(slots=True)
class Tally:
    """Counts reports and keeps as many as are shown or returned; all of them would fill the memory of a large run.

    `total` is the number of items, `most_characters` the length of the result, `left_out` what was no item, in words.
    """

    total: int
    most_characters: int
    left_out: str = ""
    done: int = 0
    changed: int = 0
    failed: int = 0
    needs: int = 0
    kept: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    _requests: list[ItemReport] = field(default_factory=list[ItemReport])
    _rest: list[ItemReport] = field(default_factory=list[ItemReport])
    _characters: int = 0

    def add(self, report: ItemReport) -> None:
        """Count a report, and keep it while there is room."""
        self.done += 1
        self.changed += bool(report.updated)
        self.failed += bool(report.error)
        self.needs += report.needs_you
        self._keep(report.to_json())
        kept, most = (self._requests, _MAX_REQUESTS) if report.needs_you else (self._rest, _MAX_ROWS)
        if len(kept) < most:
            kept.append(report)

    def opened(self) -> str:
        """Return what everybody reads: the counts, what needs a person, and the rest where it is short."""
        if not self.total:
            left_out = f"\n{say('skills.left_out', reasons=escape_markdown(self.left_out))}\n" if self.left_out else ""
            return f"{say('skills.nothing_to_do')}\n{left_out}"
        total, changed, unchanged, failed = self.done, self.changed, self._unchanged, self.failed
        parts = [say("skills.summary", total=total, changed=changed, unchanged=unchanged, failed=failed)]
        if self.done < self.total:
            parts.insert(0, say("skills.stopped_at", done=self.done, total=self.total))
        parts = [" ".join(parts)]
        if self.left_out:
            parts.append(say("skills.left_out", reasons=escape_markdown(self.left_out)))
        if self.needs:
            parts += [f"**{say('skills.needs_you', count=self.needs)}**", "".join(self._request_lines())]
        if not self._is_folded:
            rest = "".join(self._rest_lines())
            title = [f"**{say('skills.the_others', count=self.done - self.needs)}**"] if self.needs else []
            parts += [*title, rest] if rest else []
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    def folded(self) -> tuple[str, str]:
        """Return title and text of what a page shows closed: what needs nobody, by name; empty where it is short."""
        if not self._is_folded:
            return "", ""
        rest = self.done - self.needs
        title = say("skills.the_others", count=rest) if self.needs else say("skills.all_of_them", count=rest)
        return title, "".join(self._rest_lines())

    def to_json(self) -> dict[str, object]:
        """Return the counts and what was kept."""
        counts: dict[str, object] = {
            "total": self.done,
            "changed": self.changed,
            "unchanged": self._unchanged,
            "failed": self.failed,
        }
        items_left_out = self.done - len(self.kept)
        counts |= {"items_left_out": items_left_out} if items_left_out else {}
        return {**counts, "items": self.kept} | ({"left_out": self.left_out} if self.left_out else {})

    @property
    def _unchanged(self) -> int:
        return self.done - self.changed - self.failed

    @property
    def _is_folded(self) -> bool:
        return self.done - self.needs > _MAX_OPEN

    def _request_lines(self) -> Iterator[str]:
        yield from (report.request() for report in sorted(self._requests, key=_by_name))
        left_out = self.needs - len(self._requests)
        if left_out:
            yield f"- {say('skills.rows_left_out', rows=left_out)}\n"

    def _rest_lines(self) -> Iterator[str]:
        is_roomy = self.done - self.needs <= _MAX_ROOMY
        for report in sorted(self._rest, key=_by_name):
            yield report.lines() if is_roomy else report.line()
        left_out = self.done - self.needs - len(self._rest)
        if left_out:
            yield f"- {say('skills.rows_left_out', rows=left_out)}\n"

    def _keep(self, item: dict[str, object]) -> None:
        if self._characters > self.most_characters:
            return
        self._characters += len(json.dumps(item, ensure_ascii=False)) + 2
        # Room for the counts around the items.
        if self._characters <= self.most_characters - 200:
            self.kept.append(item)
        else:
            self._characters = self.most_characters + 1


def _by_name(report: ItemReport) -> tuple[str, str]:
    return report.item.casefold(), report.item

"""A line on standard error that tells how far a run is; where no person watches, nothing."""

import math
import shutil
import sys
import time
import unicodedata
from dataclasses import dataclass, field

import click

from agentroster.skills.pipeline import ItemReport

_BAR_CELLS, _LEAST_FOR_BAR = 20, 60
_MINUTE, _HOUR = 60, 3_600
_STATUS_SECONDS = 1.0


@dataclass(slots=True)
class Progress:
    """A bar that grows with each item, with the rate and the time that is left."""

    reports: list[ItemReport] = field(default_factory=list[ItemReport])
    total: int = 0
    began_at: float = 0.0
    told_at: float = -math.inf

    def is_done(self, item: str) -> bool:  # noqa: ARG002 - the interface of a watch
        """Nothing was done before."""
        return False

    async def selected(self, total: int) -> None:
        """Begin."""
        self.total, self.began_at = total, time.monotonic()
        self._draw("")

    async def finished(self, report: ItemReport) -> None:
        """Grow."""
        self.reports.append(report)
        self._draw(report.item)

    def waits(self, line: str) -> None:
        """Say what it waits for: in the bar, and where none is drawn on a line of its own, once for all items."""
        if sys.stderr.isatty():
            self._draw(line)
        elif time.monotonic() - self.told_at >= _STATUS_SECONDS:
            click.echo(line, err=True)
        self.told_at = time.monotonic()

    def _draw(self, item: str) -> None:
        if not sys.stderr.isatty() or not self.total:
            return
        columns = shutil.get_terminal_size().columns
        line = progress_line(len(self.reports), self.total, time.monotonic() - self.began_at, item, columns)
        click.echo(f"\r\x1b[K{line}", nl=False, err=True)
        if len(self.reports) == self.total:
            click.echo(err=True)


def progress_line(done: int, total: int, seconds: float, item: str, columns: int) -> str:
    """Return the line for a terminal of so many columns: one longer would leave a line behind with each redraw."""
    full = _BAR_CELLS * done // total
    bar = f"[{'#' * full}{'.' * (_BAR_CELLS - full)}] " if columns >= _LEAST_FOR_BAR else ""
    pace = f"  {_rate(done / seconds)}" if done and seconds > 0 else ""
    left = f", {_duration(seconds / done * (total - done))} left" if 0 < done < total and pace else ""
    line = f"{bar}{done}/{total}{pace}{left}"
    # The last column stays free: some terminals begin a new line once it is written.
    return shortened(f"{line}  {_tail(item, columns - 3 - width(line))}".rstrip(), columns - 1)


def width(text: str) -> int:
    """Return how many columns a text takes: letters of East Asian scripts take two, marks on letters none."""
    return sum(_columns(char) for char in text)


def shortened(text: str, columns: int) -> str:
    """Return the beginning of a text that fits into so many columns."""
    taken = 0
    for place, char in enumerate(text):
        taken += _columns(char)
        if taken > columns:
            return text[:place]
    return text


def _tail(text: str, columns: int) -> str:
    """Return the end of a name, which tells it from its neighbours in a folder."""
    if width(text) <= columns:
        return text
    return shortened(text[::-1], max(0, columns))[::-1]


def _columns(char: str) -> int:
    if unicodedata.combining(char) or not char.isprintable():
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _rate(per_second: float) -> str:
    return f"{per_second:.0f}/s" if per_second >= 10 else f"{per_second:.1f}/s"  # noqa: PLR2004 - a digit more below


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"

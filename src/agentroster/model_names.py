"""Which name was meant by one that does not exist: among those that the caller may use, by the fewest changed letters."""

from collections.abc import Iterable

_MAX_EDITS = 2
_MAX_LENGTH = 100
_MAX_SHOWN = 3
_MAX_COMPARED = 500


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that begins with a blank, naming what may be meant, or an empty text."""
    wanted = name.strip().casefold()
    if not wanted or len(wanted) > _MAX_LENGTH:
        return ""
    found: list[tuple[int, str]] = []
    for model in [model for model in known if "*" not in model][:_MAX_COMPARED]:
        edits = min(_edits(wanted, form) for form in _forms(model))
        if edits <= _MAX_EDITS and edits * 3 <= len(wanted):
            found.append((edits, model))
    least = min(found)[0] if found else 0
    close = [model for edits, model in sorted(found) if edits == least][:_MAX_SHOWN]
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _forms(model: str) -> set[str]:
    """Return a name with and without what stands before its slash."""
    whole = model.casefold()
    return {whole, whole.rpartition("/")[2]}


def _edits(one: str, other: str) -> int:
    """Return how many letters differ (Levenshtein), or more than `_MAX_EDITS` once that is sure."""
    if abs(len(one) - len(other)) > _MAX_EDITS:
        return _MAX_EDITS + 1
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row = row, [at]
        for index, against in enumerate(other, 1):
            row.append(min(row[-1] + 1, before[index] + 1, before[index - 1] + (letter != against)))
        if min(row) > _MAX_EDITS:
            return _MAX_EDITS + 1
    return row[-1]

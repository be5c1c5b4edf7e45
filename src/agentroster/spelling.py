"""Finds the word that somebody meant who mistyped it; what it finds is shown, and never acted on."""

from collections.abc import Iterable, Iterator

_SHORTEST, _LONG, _LONGEST = 4, 9, 80


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the one known word of nearly the same letters, or an empty text where there is none, or several."""
    if len(word) < _SHORTEST or len(word) > _LONGEST:
        return ""
    most = 2 if len(word) >= _LONG else 1
    distances = {text: distance(word, text, most) for text in _perhaps(word, known, most)}
    least = min(distances.values(), default=most + 1)
    found = [text for text, steps in distances.items() if steps == least]
    return found[0] if len(found) == 1 and 0 < least <= most else ""


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to one that nobody has, or "" where more than a third of the letters differ.

    For names of few commands, fields or agents, where a guess that is shown costs nothing: of several equally near ones
    the first, and where none is near the one that has the beginning of the other.
    """
    known = list(known)
    most = max(1, min(len(word), _LONGEST) // 3)
    found = [(distance(word, text, most), text) for text in _perhaps(word, known, most)]
    steps, text = min(found, key=lambda one: one[0], default=(most + 1, ""))
    return text if steps <= most else next((text for text in known if _begins(word, text)), "")


def _begins(word: str, text: str) -> bool:
    return min(len(word), len(text)) >= _SHORTEST and (text.startswith(word) or word.startswith(text))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `: did you mean "...?"`, or an empty text where none is close."""
    found = closest(name, known)
    return f': did you mean "{found}"?' if found else ""


def _perhaps(word: str, known: Iterable[str], most: int) -> Iterator[str]:
    """Yield what may be so near: a step changes the length by one at most, and the letters there are by two."""
    letters = frozenset(word)
    for text in known:
        if abs(len(text) - len(word)) <= most and len(letters.symmetric_difference(text)) <= 2 * most:
            yield text


def distance(one: str, other: str, most: int) -> int:
    """Return how many letters are put in, left out, replaced or swapped with the next (optimal string alignment).

    Counting ends above `most`, so that words which have nothing in common take no time.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        two_before, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            steps = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                steps = min(steps, two_before[j - 2] + 1)
            row.append(steps)
        if min(row) > most and min(before) > most:
            return most + 1
    return row[-1]

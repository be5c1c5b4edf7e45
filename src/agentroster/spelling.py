"""Finds the word that somebody meant who mistyped it; what it finds is shown, and never acted on."""

from collections.abc import Iterable

_SHORTEST, _LONG, _LONGEST = 4, 9, 80


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the one known word of nearly the same letters, or an empty text where there is none, or several."""
    if len(word) < _SHORTEST or len(word) > _LONGEST:
        return ""
    most = 2 if len(word) >= _LONG else 1
    distances = {text: distance(word, text, most) for text in known if abs(len(text) - len(word)) <= most}
    least = min(distances.values(), default=most + 1)
    found = [text for text, steps in distances.items() if steps == least]
    return found[0] if len(found) == 1 and 0 < least <= most else ""


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

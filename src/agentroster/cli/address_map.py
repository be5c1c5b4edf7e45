"""Reads `--map addresses.csv`: the HuggingFace address of each of many files; a line that is wrong stops all of it."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from agentroster.errors import InputInvalid
from agentroster.library.walk import MODEL_SUFFIXES, is_model_name

_COLUMNS = ("file", "address")


def read_map(path: Path, roots: Sequence[Path]) -> dict[str, str]:
    """Return the address of each file by its whole path.

    The first line names the columns, `file` and `address`. A file is a path, or one below the folders that are
    enriched. Raises InputInvalid with what is wrong in each line.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, row in _rows(path):
        file, problem = _file(row.get("file") or "", roots)
        address = (row.get("address") or "").strip()
        problem = problem or _of_address(address)
        if None in row or None in row.values():
            problem = "has not two columns"
        elif not problem and file in found:
            problem = f"{row['file']} stands in an earlier line too"
        if problem:
            problems.append(f"line {number}: {problem}")
        else:
            found[file] = address
    if problems:
        raise InputInvalid(f"{path.name} cannot be used, so nothing was done.", problems)
    if not found:
        raise InputInvalid(f"{path.name} cannot be used, so nothing was done.", ["it names no file"])
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str | None, str | None]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if sorted(name.strip().lower() for name in reader.fieldnames or ()) != sorted(_COLUMNS):
                raise InputInvalid(
                    f"{path.name} cannot be used, so nothing was done.", ["line 1: must be file,address"]
                )
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            for row in reader:
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputInvalid(
            f"{path.name} cannot be used, so nothing was done.", [f"it is no CSV in UTF-8: {error}"]
        ) from error


def _file(text: str, roots: Sequence[Path]) -> tuple[str, str]:
    """Return the whole path of a model file, and what is wrong with it."""
    text = text.strip()
    if not text:
        return "", "names no file"
    places = [Path(text).expanduser()] if Path(text).expanduser().is_absolute() else [root / text for root in roots]
    real = next((place.resolve() for place in places if place.is_file()), None)
    if real is None:
        return "", f"{text} is not there"
    if not is_model_name(real):
        return "", f"{text} is no model file ({', '.join(sorted(MODEL_SUFFIXES))})"
    if not any(root == real or root in real.parents for root in roots):
        return "", f"{text} is outside the folders that are enriched"
    return str(real), ""


def _of_address(address: str) -> str:
    parts = urlsplit(address)
    is_one = parts.scheme in {"http", "https"} and parts.path.strip("/").count("/") >= 1
    return "" if is_one else f"{address or 'nothing'} is not the address of a HuggingFace model"

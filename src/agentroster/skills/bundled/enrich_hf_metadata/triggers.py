"""Trigger words: what a card says must be in the prompt."""

import re
from collections.abc import Iterable, Iterator, Mapping

from agentroster.skills.bundled.enrich_hf_metadata.card import WEIGHT_NAME, Card, headings

# What cards write before a trigger word, in the languages they are written in.
_LABELS = "|".join(
    (
        r"trigger(?:s|ing)?(?:[\s-]*(?:words?|phrases?|tokens?|keywords?|prompts?))?",
        r"activation(?:[\s-]*(?:words?|tokens?|phrases?|keywords?|text))?|instance[\s-]prompts?",
        r"触发词|觸發詞|触发关键词|激活词|トリガー(?:ワード)?|트리거(?:\s*(?:워드|단어))?",
        r"триггер(?:ные слова|ы|[- ]?слов[оа])?|слов[оа][- ]триггер\w*|מיל(?:ת|ות) הפעלה",
        r"ausl[öo]sew[öo]rt(?:er)?|mots?[\s-]d[ée]clencheurs?|palabras?[\s-](?:clave|de activaci[óo]n|activadoras?)",
    )
)
_LABEL_HEADING = re.compile(rf"^[\W_]*(?:{_LABELS})[\W_]*$", re.IGNORECASE)
_LABEL_LINE = re.compile(
    rf"^[\s>*_#\-•`]*(?:\w+\s+)?(?:{_LABELS})[*_`\s]*(?:\([^)]*\)[*_`\s]*)?[:：=]\s*[*_]*\s*(.+)$", re.IGNORECASE
)
# The Hub's template: "You should use `word` to trigger the image generation."
_TEMPLATE = re.compile(
    r"(?:use|using|include|add|with|put)\s+(?:the\s+)?(?:(?:trigger|activation)\s+)?"
    r"(?:words?|phrases?|tokens?|keywords?)?\s*[`\"“]([^`\"”\n]+)[`\"”]\s+"
    r"(?:in\s+(?:your|the)\s+prompts?\s+)?to\s+(?:trigger|activate|invoke)",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(r"^\s*trigger(?:_?words?)?\s*=\s*[\"']([^\"'\n]+)[\"']", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(r"`([^`\n]+)`|\"([^\"\n]+)\"|“([^”\n]+)”|「([^」\n]+)」|\*\*([^*\n]+)\*\*")
_PLACEHOLDER = re.compile(
    r"^(?:none|null|n/?a|nil|no|nothing|[-–—.]*|(?:is |are )?not? (?:needed|required|necessary).*|"
    r"no (?:trigger|activation|special).*|not applicable|无|無|なし|없음|нет|keine?s?|aucun|ninguna?)[.!]?$",
    re.IGNORECASE,
)
_NOT_WORDS = re.compile(r"<lora:[^>]*>|https?://|!\[|</?\w+[^>]*>")
_QUALITY = re.compile(
    r"^(?:masterpiece|best quality|high quality|amazing quality|very aesthetic|absurdres|highres|8k|4k|score_\d\w*)$",
    re.IGNORECASE,
)
_TRIGGER_COLUMN = re.compile(rf"^(?:{_LABELS})$", re.IGNORECASE)
_MOST_WORDS, _LONGEST_WORD, _LONGEST_LABEL_LINE = 40, 300, 8


def from_front_matter(card: Card) -> list[str] | None:
    """Return the words of the front matter; an empty list when it says there are none; None when silent."""
    for key in ("instance_prompt", "trigger", "trigger_word", "trigger_words", "trigger_phrase"):
        stated = card.strings(key)
        if stated:
            return _clean(word for text in stated for word in _split(text))
    return None


def from_row(row: Mapping[str, str]) -> list[str] | None:
    """Return the words of a table row's trigger column; None when it has none."""
    for column, cell in row.items():
        if _TRIGGER_COLUMN.match(column.strip("*`_ ")) and cell.strip():
            return _clean(_of_statement(cell))
    return None


def from_text(text: str) -> list[str] | None:
    """Return the words a text states; an empty list when it says there are none; None when silent."""
    stated = [*_TEMPLATE.findall(text), *_ASSIGNMENT.findall(text)]
    statements = [*_labelled_lines(text), *_labelled_sections(text)]
    if not stated and not statements:
        return None
    return _clean([*stated, *(word for statement in statements for word in _of_statement(statement))])


def _labelled_lines(text: str) -> Iterator[str]:
    lines = text.split("\n")
    for line in lines:
        if "|" in line and line.strip().startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 2 and _LABEL_HEADING.match(cells[0]) and not re.fullmatch(r":?-*:?", cells[1]):  # noqa: PLR2004 - label and value
                yield cells[1]
        elif match := _LABEL_LINE.match(line):
            yield match[1]


def _labelled_sections(text: str) -> Iterator[str]:
    lines = text.split("\n")
    marks = list(headings(text))
    for index, (number, _, heading) in enumerate(marks):
        if not _LABEL_HEADING.match(heading):
            continue
        end = marks[index + 1][0] if index + 1 < len(marks) else len(lines)
        yield from (line.strip() for line in lines[number + 1 : end] if _states_words(line))


def _states_words(line: str) -> bool:
    """Whether a line under a trigger heading holds words, and not prose, a picture or the Hub's own sentence."""
    content = line.strip().strip(">-*• ").strip()
    if not content or _TEMPLATE.search(line) or content.startswith(("```", "|", "!", "<", "[")):
        return False
    return bool(_QUOTED.search(line)) or len(content.split()) <= _LONGEST_LABEL_LINE or "," in content


def _of_statement(statement: str) -> list[str]:
    statement = _NOT_WORDS.sub(" ", statement).strip()
    quoted = ["".join(groups).strip() for groups in _QUOTED.findall(statement)]
    if quoted:
        return [part for text in quoted for part in (_split(text) if len(quoted) == 1 else [text])]
    return _split(re.sub(r"^[\s*_>•\-]+|[\s*_]+$", "", statement))


def _split(text: str) -> list[str]:
    return re.split(r"\s*[,，、;；\n]\s*", text) if re.search(r"[,，、;；\n]", text) else [text]


def _clean(words: Iterable[str]) -> list[str]:
    cleaned: dict[str, None] = {}
    for word in words:
        text = " ".join(word.split()).strip("`\"'“”*").strip().rstrip(".。").strip()
        if text and not _PLACEHOLDER.match(text) and not _is_noise(text):
            cleaned.setdefault(text)
    return list(cleaned)[:_MOST_WORDS]


def _is_noise(text: str) -> bool:
    return bool(
        len(text) > _LONGEST_WORD or WEIGHT_NAME.search(text) or "://" in text or "<" in text or _QUALITY.match(text)
    )

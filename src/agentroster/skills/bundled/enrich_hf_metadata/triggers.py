"""Trigger words: what a card says must be in the prompt."""

import re
import unicodedata
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
_LABEL_HEADING = re.compile(rf"^[^\w\n]{{0,8}}(?:{_LABELS})[^\w\n]{{0,8}}$", re.IGNORECASE)
_LABEL_LINE = re.compile(
    rf"^[\s>*_#\-•`]{{0,12}}(?:\w{{1,20}}\s)?(?:{_LABELS})[*_`\s]{{0,6}}(?:\([^()]{{0,80}}\)[*_`\s]{{0,6}})?"
    r"[:：=]\s{0,4}[*_]{0,4}\s{0,4}(\S.*)?$",
    re.IGNORECASE,
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
    r"^(?:none|null|n/?a|nil|no|nothing|false|[-–—.]{0,5}|无|無|なし|없음|нет|keine?s?|aucun|ninguna?|不需要|不要|必要なし)[.!。]?$",
    re.IGNORECASE,
)
# A statement that begins like this says that there are no words, whatever it goes on to say.
_NONE_NEEDED = re.compile(
    r"^[\W_]{0,8}(?:none\b|n/a\b|no\b(?![-\w])|not applicable|"
    r"not? (?:needed|required|necessary|trigger|activation|special)|"
    r"(?:this |the )?\w{0,12} ?(?:does not|doesn['’]t|do not|don['’]t) (?:need|require|have)|"
    r"не (?:требу|нуж)|无需|不需要|不要|必要(?:なし|ありません)|필요 ?없)",
    re.IGNORECASE,
)
_SETTING = re.compile(
    r"(?i)\b(?:strength|weight|cfg|steps?|sampler|guidance|negative|resolution|recommended|clip skip)\b|强度|権重|強度"
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
    lines = unicodedata.normalize("NFKC", text).split("\n")
    for number, line in enumerate(lines):
        if line.strip().startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 2 and _LABEL_HEADING.match(cells[0]) and not re.fullmatch(r":?-*:?", cells[1]):  # noqa: PLR2004 - label and value
                yield cells[1]
        elif match := _LABEL_LINE.match(line):
            if match[1] and not re.fullmatch(r"[*_\s]+", match[1]):
                yield match[1]
            else:
                yield from _stated_lines(lines[number + 1 :])


def _labelled_sections(text: str) -> Iterator[str]:
    lines = text.split("\n")
    marks = list(headings(text))
    for index, (number, _, heading) in enumerate(marks):
        if _LABEL_HEADING.match(unicodedata.normalize("NFKC", heading)):
            end = marks[index + 1][0] if index + 1 < len(marks) else len(lines)
            yield from _stated_lines(lines[number + 1 : end])


def _stated_lines(lines: list[str]) -> Iterator[str]:
    """Yield the lines that hold the words: up to the first prose, setting, picture or heading after them."""
    found = ""
    for line in lines:
        content = line.strip().strip(">-*•+ ").strip()
        if not content or content.startswith(("```", "~~~")) or (not found and _TEMPLATE.search(line)):
            continue
        kind = _kind(line, content)
        if kind == "" or (found and kind != found):
            return
        found = kind
        yield line.strip()


def _kind(line: str, content: str) -> str:
    """Return what a line under a label is: quoted words, plain words, or (empty) something else."""
    if _NONE_NEEDED.match(content):
        return "none"
    if content.startswith(("|", "!", "<", "[", "#")) or _TEMPLATE.search(line) or _SETTING.search(content):
        return ""
    if _QUOTED.search(line):
        return "quoted"
    is_short = len(content.split()) <= _LONGEST_LABEL_LINE and not re.search(r"[.。!?]\s*\S|[。]$", content)
    return "plain" if is_short else ""


def _of_statement(statement: str) -> list[str]:
    statement = _NOT_WORDS.sub(" ", re.sub(r"^[\s>*•+-]{0,8}positive:", "", statement, flags=re.IGNORECASE)).strip()
    if _NONE_NEEDED.match(statement):
        return []
    quoted = ["".join(groups).strip() for groups in _QUOTED.findall(statement)]
    if quoted:
        return [part for text in quoted for part in (_split(text) if len(quoted) == 1 else [text])]
    # A sentence after the words is no word.
    first = re.split(r"\.\s+(?=[A-ZА-Я])", statement, maxsplit=1)[0]
    return _split(re.sub(r"^[\s*_>•\-]{1,12}|[\s*_]{1,12}$", "", first))


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

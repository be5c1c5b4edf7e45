"""Trigger words: what a card says must be in the prompt."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from agentroster.skills.bundled.enrich_hf_metadata.card import Card
from agentroster.skills.bundled.enrich_hf_metadata.file_names import WEIGHT_NAME
from agentroster.skills.bundled.enrich_hf_metadata.label_forms import Labels
from agentroster.skills.bundled.enrich_hf_metadata.labels import alternatives, normal
from agentroster.skills.bundled.enrich_hf_metadata.markdown import table_rows
from agentroster.skills.bundled.enrich_hf_metadata.statements import Stated, labelled, sentences

_LABELS = Labels.of("trigger", "trigger_bare", asked="trigger_question")
_NOUN, _ANY = alternatives("trigger"), alternatives("trigger", "trigger_bare", "trigger_weak")
_COLUMN = re.compile(rf"^[\W_]{{0,4}}(?:{_ANY})(?:[\s/|(,]{{1,3}}(?:{_ANY})\)?)?[\W_]{{0,4}}$", re.IGNORECASE)
# The cell below "Trigger" is a key where the table is one of keys and values.
_KEY = re.compile(
    rf"^[\W_]{{0,4}}{alternatives('trigger', 'trigger_bare', 'base', 'base_weak')}[\W_]{{0,4}}$", re.IGNORECASE
)
_QUOTE = (
    r"(?:`+([^`\n]{1,300})`+|\"([^\"\n]{1,300})\"|“([^“”\n]{1,300})[”“]|„([^„“”\n]{1,300})[“”]|«\s?([^«»\n]{1,300}?)\s?»"
    r"|「([^「」\n]{1,300})」|『([^『』\n]{1,300})』|\*\*([^*\n]{1,300})\*\*"
    r"|(?<!\w)[‘']([^‘’'\n]{2,100})[’'](?!\w))"
)
_QUOTED = re.compile(_QUOTE)
_GROUPLESS = re.sub(r"(?<!\\)\((?!\?)", "(?:", _QUOTE)
# The Hub's template: "You should use `word` to trigger the image generation."
_TEMPLATE = re.compile(
    r"(?:use|using|include|add|with|put)\s+(?:the\s+)?(?:(?:trigger|activation)\s+)?"
    r"(?:words?|phrases?|tokens?|keywords?)?\s*[`\"“]([^`\"”\n]{1,300})[`\"”]\s+"
    r"(?:in\s+(?:your|the)\s+prompts?\s+)?to\s+(?:trigger|activate|invoke)",
    re.IGNORECASE,
)
# In a sentence: "trigger word is `x`", "`x` as trigger word", "activated with `x`".
_NAMED_BEFORE = re.compile(
    rf"(?:{_NOUN}|(?:^[\W\d_]{{0,12}}|[-–—;,:(]\s?|\b(?:the|its|das|der|le|la|el|o|il)\s){alternatives('trigger_bare')})"
    rf"[\s*_]{{0,3}}(?:\([^()]{{0,60}}\)\s?)?(?:(?:{alternatives('copula')}|[-–—,:=→➜⇒])[\s*_]{{0,3}})?(?={_GROUPLESS})",
    re.IGNORECASE,
)
_NAMED_AFTER = re.compile(
    rf"({_GROUPLESS})[^`\"“”„«»「」\n]{{0,40}}?(?<![A-Za-z]){alternatives('as_trigger')}\s{{0,2}}"
    rf"(?:\w{{1,6}}\s){{0,2}}(?:{_NOUN}|(?<=\s){alternatives('trigger_bare')}(?=\W*$))",
    re.IGNORECASE,
)
_DONE_BY = re.compile(rf"(?:{alternatives('done_by')})\s(?:\w{{1,12}}\s){{0,3}}?(?={_GROUPLESS})", re.IGNORECASE)
_NOUN_AT_ALL = re.compile(_NOUN, re.IGNORECASE)
_NO_TRIGGER = re.compile(
    rf"\b(?:no|without(?: a| any)?|kein\w{{0,2}}|ohne|sans|aucun\w?|sin|senza|sem|без)\s"
    rf"{alternatives('trigger', 'trigger_bare')}\b",
    re.IGNORECASE,
)
_IS_BARE = re.compile(rf"{_NOUN}\s{alternatives('copula')}\s([\w-]{{3,40}})\W{{0,3}}$", re.IGNORECASE)
_PUT, _EFFECT = (re.compile(alternatives(name), re.IGNORECASE) for name in ("put", "effect"))
_BARE_WORD = re.compile(
    r"\b(?:word|token|phrase|keyword|tag|wort|mot|palabra|palavra|parola|woord|слово|słowo)\s([\w-]{3,40})",
    re.IGNORECASE,
)
_NEGATION = re.compile(alternatives("negation"), re.IGNORECASE)
_FILE_NAME = re.compile(alternatives("file_name"), re.IGNORECASE)
_WORD_OR_EFFECT = alternatives("trigger", "trigger_bare", "effect")
_FILE_NAME_IS = re.compile(
    rf"{alternatives('file_name')}[^.。]{{0,30}}?{alternatives('as_trigger')}\s?(?:\w{{1,6}}\s){{0,2}}"
    rf"{_WORD_OR_EFFECT}"
    rf"|{_WORD_OR_EFFECT}[^.。]{{0,12}}?{alternatives('copula')}[^.。]{{0,16}}?{alternatives('file_name')}",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"^(?:none|null|n/?a|nil|no|nothing|false|tbd|todo|[-–—.]{0,5}|"
    r"无|無|なし|없음|нет|keine?s?|aucun|ninguna?|不需要|不要|必要なし)[.!。]?$",
    re.IGNORECASE,
)
# A statement that begins like this says that there are no words, whatever it goes on to say.
_NONE_NEEDED = re.compile(rf"^[\W_]{{0,8}}{alternatives('none_needed')}", re.IGNORECASE)
_SETTING = re.compile(
    r"\b(?:strength|weight|cfg|steps?|sampler|guidance|negative|resolution|recommended|clip skip)\b|"
    r"强度|権重|強度|权重",
    re.IGNORECASE,
)
_NOT_WORDS = re.compile(r"<(?:lora|lyco|lycoris|hypernet):[^>]*>|https?://|!\[")
_TOKENS = re.compile(r"(?:<[\w-]{1,60}>)+")
_QUALITY = re.compile(
    r"^(?:masterpiece|best quality|high quality|amazing quality|very aesthetic|absurdres|highres|8k|4k|"
    r"(?:score|rating|source)_\w+)$",
    re.IGNORECASE,
)
# What is quoted after the words themselves and is none of them.
_ASIDE = re.compile(
    r"\b(?:not|instead of|rather than|e\.?g\.|for example|such as|optional(?:ly)?|negative|example|"
    r"z\.? ?B\.)(?!\w)|例如|たとえば|例えば",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"^(?:see|any|your|the (?:same|word)|same|described|listed|as |below|above|check|just|simply|please|read|refer|"
    r"depends|various|multiple|you |it |this |there |optional|yes)\b|[?]$",
    re.IGNORECASE,
)
_MOST_WORDS, _LONGEST_WORD, _LONGEST_PLAIN = 40, 300, 8


def from_front_matter(card: Card) -> list[str] | None:
    """Return the words of the front matter; an empty list when it says there are none; None when silent."""
    for key in ("instance_prompt", "trigger", "trigger_word", "trigger_words", "trigger_phrase"):
        stated = card.strings(key)
        if stated:
            return _clean(word for text in stated for word in _split(text))
    return None


def from_row(row: Iterable[tuple[str, str]]) -> list[str] | None:
    """Return the words of a table row's trigger column; None when it has none."""
    for column, cell in row:
        if _COLUMN.match(normal(column)) and cell.strip() and not _KEY.match(normal(cell)):
            return _clean(_of_statement(cell))
    return None


def from_text(text: str, names: Sequence[str] = ()) -> list[str] | None:
    """Return the words a text states; an empty list when it says there are none; None when silent.

    `names` are the names of file and repository: they tell a word without quotes from the rest of a sentence.
    """
    template = _TEMPLATE.findall(text)
    stated = [word for found in labelled(text, _LABELS) for word in _of_label(found, names)]
    columns = [word for row in table_rows(text) for word in from_row(row.items()) or ()]
    if words := _clean([*template, *stated, *columns]):
        return words
    prose = list(sentences(text, _LABELS))
    for form in (_labelled_within, _named, _put_in_prompt):
        if words := _clean(word for sentence in prose for word in form(sentence, names)):
            return words
    if names and any(_is_file_name(sentence) for sentence in prose):
        return [names[0]]
    says_none = any(map(_denies, labelled(text, _LABELS))) or any(map(_says_none, prose))
    return [] if says_none else None


def of_embedding(text: str, stem: str) -> list[str] | None:
    """Return the word of an embedding where the text shows it as code: its new token, or the file's name."""
    codes = [code.strip() for code in re.findall(r"`([^`\n]{1,100})`", text)]
    token = next((code for code in codes if _TOKENS.fullmatch(code)), stem if stem in codes else None)
    return [token] if token else None


def _is_file_name(sentence: str) -> bool:
    """Whether a sentence says that the file's name is the word."""
    match = _FILE_NAME_IS.search(re.sub(r"\([^()]{0,80}\)", "", normal(sentence)))
    return bool(match and not _NEGATION.search(match[0]))


def _says_none(sentence: str) -> bool:
    plain = normal(sentence)
    return bool(_NO_TRIGGER.search(plain) or (_NOUN_AT_ALL.search(plain) and _NEGATION.search(plain)))


def _denies(found: Stated) -> bool:
    """Whether a labelled value says that there are no words."""
    value = found.value or next((line.strip(" >-*•+=") for line in found.below if line.strip(" >-*•+=`")), "")
    return bool(_NONE_NEEDED.match(value) or _PLACEHOLDER.match(value.strip("*_`\"' ")))


def _of_label(found: Stated, names: Sequence[str]) -> Iterator[str]:
    if found.value:
        if names and not _QUOTED.search(found.value) and _FILE_NAME.search(found.value):
            yield names[0]
        else:
            yield from _of_statement(found.value)
    for line in _stated_lines(found.below):
        yield from _of_statement(line)


def _labelled_within(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Read "Something about it. Trigger: `x`" and "file - trigger: x"."""
    plain = normal(sentence)
    for start in (0, *(match.end() for match in re.finditer(r"\s[-–—]\s|[;,(]\s?", plain))):
        if match := _LABELS.before.match(plain[start : start + 400]):
            yield from _of_statement((match[1] or "").rstrip(")") if match[1] else "")
            return
    del names


def _named(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Read what the sentence itself calls a trigger: quoted words beside the name of the thing."""
    if match := _NAMED_BEFORE.search(sentence) or _DONE_BY.search(sentence):
        yield from _of_statement(sentence[match.end() :])
    elif (match := _NAMED_AFTER.search(sentence)) and not _NEGATION.search(sentence):
        yield from _of_statement(match[1])
    elif (match := _IS_BARE.search(sentence)) and _is_coined(match[1], names):
        yield match[1]


def _put_in_prompt(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """Read "use `x` to call the style": one quoted word, a verb for putting it in, and one for what it does."""
    if not (_PUT.search(sentence) and _EFFECT.search(sentence)) or _NEGATION.search(sentence):
        return
    quoted = _quoted(sentence)
    if quoted:
        yield from quoted if len(quoted) == 1 or _is_run(sentence) else ()
    elif (match := _BARE_WORD.search(sentence)) and _is_coined(match[1], names):
        yield match[1]


def _is_run(sentence: str) -> bool:
    """Whether the quoted words of a sentence stand together, with nothing but a connector between."""
    spans = [match.span() for match in _QUOTED.finditer(sentence)]
    return all(later[0] - earlier[1] <= 6 for earlier, later in pairwise(spans))  # noqa: PLR2004 - " and "


def _is_coined(word: str, names: Sequence[str]) -> bool:
    """Whether a word without quotes is surely a made-up one: part of the names, or unlike any ordinary word."""
    parts = {part for name in names for part in (name.lower(), *re.split(r"[\W_]+", name.lower()))}
    return word.lower() in parts or bool(re.search(r"[A-Za-z]\d|\d[A-Za-z]|\w_\w", word))


def _stated_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines that hold the words: up to the first prose, setting, picture or heading after them."""
    found = ""
    for line in lines:
        content = line.strip().strip(">-*•+= ").strip()
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
    if content.startswith(("|", "!", "[", "#")) or _TEMPLATE.search(line) or _SETTING.search(content):
        return ""
    if _QUOTED.search(line):
        return "quoted"
    is_short = len(content.split()) <= _LONGEST_PLAIN and not re.search(r"[.。!?]\s*\S|[。]$", content)
    return "plain" if is_short else ""


def _of_statement(statement: str) -> list[str]:
    statement = _NOT_WORDS.sub(" ", re.sub(r"^[\s>*•+-]{0,8}positive:", "", statement, flags=re.IGNORECASE)).strip()
    if _NONE_NEEDED.match(statement):
        return []
    quoted = _quoted(statement)
    if quoted:
        return [part for text in quoted for part in (_split(text) if len(quoted) == 1 else [text])]
    # A sentence after the words is no word.
    first = re.split(r"\.\s+(?=[A-ZА-Я])|。", statement, maxsplit=1)[0]
    plain = _split(re.sub(r"^[\s*_>•\-]{1,12}|[\s*_]{1,12}$|\s#\s.*$", "", first))
    return [] if _PROSE.search(first.strip()) else [word for word in plain if len(word.split()) <= _LONGEST_PLAIN]


def _quoted(text: str) -> list[str]:
    """Return the quoted words of a statement up to its end, or to where it goes on to something else."""
    found: list[str] = []
    end = 0
    for match in _QUOTED.finditer(text):
        between = text[end : match.start()]
        if found and (re.search(r"[.!?。]\s|[。]", between) or _ASIDE.search(between) or _SETTING.search(between)):
            break
        found.append("".join(group or "" for group in match.groups()).strip())
        end = match.end()
    return found


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
    if _TOKENS.fullmatch(text):
        return False
    return bool(
        len(text) > _LONGEST_WORD
        or WEIGHT_NAME.search(text)
        or "://" in text
        or "<" in text
        or text.startswith("--")
        or text.endswith("()")
        or _QUALITY.match(text)
    )

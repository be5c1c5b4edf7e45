"""Reads a message as a call of this skill, when it is understood to its last word, or says why it is none."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from agentroster.builtin.skills.enrich_hf_metadata.understanding import (
    asks,
    first_start,
    inventory,
    plan,
    recall,
    sentence,
    wish,
    written,
)
from agentroster.builtin.skills.enrich_hf_metadata.understanding.sentence import UNKNOWN, Token
from agentroster.builtin.skills.enrich_hf_metadata.understanding.vocabulary import FIELDS, Language, languages
from agentroster.builtin.skills.enrich_hf_metadata.understanding.wish import OPTIONS, Wish
from agentroster.errors import RosterError
from agentroster.library.library import Library
from agentroster.library.names import Names, folded
from agentroster.library.sidecar import Sidecars
from agentroster.library.walk import MODEL_SUFFIXES
from agentroster.messages import say
from agentroster.skills.escape_markdown import escape_markdown
from agentroster.skills.past_runs import PastRuns
from agentroster.skills.understanding import Call, Outcome, Plan, Refusal

_VERBS = frozenset({"verb", "endverb", "endask"})
_BEGINNINGS = _VERBS | {"maybeverb", "askmissing", "missing"}
_ABOUT = _VERBS | {"name", "several", "url"}
_READ_OUT = frozenset({"url", "polite", "and", "comma", "stop", "look"})
_MAX_CHARACTERS, _MAX_TARGETS, _EXPLAINED = 10_000, 1000, 500
_REASONS: Mapping[str, Callable[[str], str]] = {
    "not": lambda word: say("enrich.reads_not", word=word),
    "if": lambda word: say("enrich.depends", word=word),
    "question": lambda word: say("enrich.looks_like_question", word=word),
    "qmark": lambda _: say("enrich.ends_as_question"),
    "other": lambda word: say("enrich.does_nothing_else", word=word),
    "except": lambda word: say("enrich.unclear_exception", word=word),
    "exceptpost": lambda word: say("enrich.unclear_exception", word=word),
    "dry": lambda _: say("enrich.unclear_dry_run"),
    "overwrite": lambda _: say("enrich.unclear_overwrite", fields=", ".join(FIELDS)),
    "vague": lambda word: say("enrich.unclear_model", word=word),
    "maybeall": lambda word: say("enrich.unsure_all", word=word),
    UNKNOWN: lambda word: say("enrich.unclear_word", word=word),
}


def understand(text: str, library: Library, sidecars: Sidecars | None = None, past: PastRuns | None = None) -> Outcome:
    """Return what a message asks for; what is missing and what was done is looked up where it is asked.

    The time it takes grows with the length of the message and no faster.
    """
    text = sentence.normal(text)
    if (start := first_start.offered(library)) is not None:
        return _urls_alone(text, library) or start
    outcome = _understood(text, library, sidecars) if _may_be_about_this(text) else None
    if isinstance(outcome, Call | Plan):
        return outcome
    return _answered(text, library, sidecars, past) or outcome or _hinted(text, library)


def understand_command(
    text: str, library: Library, sidecars: Sidecars | None = None, past: PastRuns | None = None
) -> Outcome:
    """Return what the text after `/enrich` asks for; what is not understood is refused with the usage."""
    text, names = sentence.normal(text), Names(library)
    if text and (start := first_start.offered(library)) is not None:
        return _urls_alone(text, library) or start
    usage = say("enrich.usage", fields=", ".join(FIELDS))
    if not text:
        return Refusal(say("enrich.command_alone", usage=usage, example=written.example(library)))
    if len(text) > _MAX_CHARACTERS:
        return Refusal(say("enrich.command_too_long", usage=usage))
    outcome = _agreed(text, names, library, lambda tokens, _: wish.command(tokens))
    outcome = outcome or _answered(text, library, sidecars, past)
    if outcome is not None:
        return outcome
    reason = _reason(_best_tokens(text, names))
    likely = plan.planned(f"enrich {text}", reason, names, library)
    example = written.example(library)
    return likely or Refusal(say("enrich.command_unclear", reason=reason, usage=usage, example=example))


def _urls_alone(text: str, library: Library) -> Outcome:
    """Return the call for addresses, which are read out where there is no library too."""
    return _read_out(text, Names(library)) if "://" in text and len(text) <= _MAX_CHARACTERS else None


def _understood(text: str, library: Library, sidecars: Sidecars | None) -> Outcome:
    names = Names(library)
    if len(text) > _MAX_CHARACTERS:
        return Refusal(say("enrich.message_too_long", example=written.example(library)))
    outcome = _agreed(
        text, names, library, lambda tokens, language: wish.sentence(tokens, verb_last=language.name.startswith("zh"))
    )
    outcome = outcome or _read_out(text, names)
    if outcome is None and sidecars is not None and (target := inventory.asked_of(text, names)):
        return inventory.missing(target, library, sidecars)
    return outcome or _explained(text, names, library)


def _answered(text: str, library: Library, sidecars: Sidecars | None, past: PastRuns | None) -> Outcome:
    """Return the answer to a question about what was done, or is missing."""
    asked = asks.meant(text)
    if asked == "missing":
        return inventory.missing("everything", library, sidecars) if sidecars is not None else None
    return recall.recalled(asked, library, sidecars, past)


def _hinted(text: str, library: Library) -> Outcome:
    """Return what could be asked in place of a message that is probably about what was done; never a plan."""
    asked = asks.hinted(text)
    if not asked:
        return None
    return Refusal(say("enrich.hinted", question=asks.question(asked), example=written.example(library)))


def _may_be_about_this(text: str) -> bool:
    """Whether it is worth while to look closer: no library is looked through for a greeting."""
    lower = folded(text)
    is_named = "://" in text or any(part in lower for part in (*MODEL_SUFFIXES, *_verb_phrases()))
    return is_named or plan.is_worth_a_look(text)


@cache
def _verb_phrases() -> tuple[str, ...]:
    phrases = (pair for language in languages() for pairs in language.phrases.values() for pair in pairs)
    return tuple(phrase for phrase, kind in phrases if kind in _BEGINNINGS)


def _agreed(
    text: str, names: Names, library: Library, read: Callable[[Sequence[Token], Language], Wish | None]
) -> Outcome:
    """Return what the languages make of a text in which they know every word; where two differ, nothing is done."""
    found: list[Wish] = []
    for language in languages():
        tokens: list[Token] = []
        for token in sentence.tokens(text, language, names):
            if token.kind == UNKNOWN:
                break
            tokens.append(token)
        else:
            understood = read(tokens, language)
            found += [understood] if understood else []
    if not found:
        return None
    if any(other.arguments != found[0].arguments for other in found):
        return Refusal(say("enrich.two_meanings", example=written.example(library)))
    return _checked(found[0], names, library)


def _checked(understood: Wish, names: Names, library: Library) -> Outcome:
    """Return the call, unless a name in it can mean several models, or one of many is none at all."""
    several = next((token for token in understood.names if token.kind == "several"), None)
    if several is not None:
        problem = _problem(several, names)
        is_alone = understood.arguments == {"targets": [several.value]}
        likely = plan.choice(names.written_out(several.text), problem, names, library) if is_alone else ""
        return Refusal(likely or say("enrich.did_nothing", problem=problem))
    if len(understood.targets) > _MAX_TARGETS:
        return Refusal(say("enrich.too_many_targets", most=_MAX_TARGETS))
    if understood.source and [token.kind for token in understood.targets] not in (["name"], ["bare"]):
        return Refusal(say("enrich.one_file_only"))
    if len(understood.names) > 1 or understood.excluded:
        # What is wrong with the only name that is wanted, the table says.
        problem = next(filter(None, (_problem(token, names) for token in understood.names)), "")
        if problem:
            return Refusal(say("enrich.did_nothing", problem=problem))
    return _mistyped(understood, names, library) or Call(understood.arguments)


def _mistyped(understood: Wish, names: Names, library: Library) -> Outcome:
    """Return the plan for the one file that is nearly spelt like the wanted name, when no file has that name."""
    [*rest, last] = understood.targets
    if rest or last.kind != "name" or names.meant(last.text) or names.is_folder(last.value):
        return None
    near = names.nearest(folded(last.text))
    problem = _problem(last, names) if near else ""
    if not problem:
        return None
    return plan.shown({**understood.arguments, "targets": [near]}, problem, names, library)


def _problem(token: Token, names: Names) -> str:
    known = names.meant(token.text)
    if token.kind != "several" and len(known) == 1:
        return ""
    try:
        names.require(token.value)
    except RosterError as error:
        return escape_markdown(error.message)
    listed = ", ".join(model.name for model in known[:10])
    return escape_markdown(say("enrich.several", name=token.text, names=listed)) if token.kind == "several" else ""


def _read_out(text: str, names: Names) -> Outcome:
    """Return the call for addresses that stand alone: they are read out, and nothing is written."""
    tokens = list(sentence.tokens(text, languages()[0], names))
    urls = list(dict.fromkeys(token.value for token in tokens if token.kind == "url"))
    if not urls or len(urls) > _MAX_TARGETS or not {token.kind for token in tokens} <= _READ_OUT:
        return None
    return Call({"targets": urls})


def _best_tokens(text: str, names: Names) -> list[Token]:
    """Return the tokens of the beginning of a text in the language that knows most of it."""
    read = [list(sentence.tokens(text[:_EXPLAINED], language, names)) for language in languages()]
    return min(read, key=lambda tokens: (sum(token.kind == UNKNOWN for token in tokens), -len(tokens)))


def _explained(text: str, names: Names, library: Library) -> Outcome:
    """Return what is likely meant, or why nothing is done, or None for a message that is about something else."""
    tokens = _best_tokens(text, names)
    kinds = {token.kind for token in tokens}
    reason = _reason(tokens)
    if likely := plan.planned(text, reason, names, library):
        return likely
    if not kinds & _ABOUT:
        return None
    if kinds <= {"name", "bare", "several", "url", "and", "comma", "polite", "stop"}:
        named = next((token for token in tokens if token.kind in {"name", "several"}), tokens[0])
        return Refusal(say("enrich.name_alone", name=escape_markdown(named.text)))
    return Refusal(say("enrich.not_every_word", reason=reason, example=written.example(library)))


def _reason(tokens: Sequence[Token]) -> str:
    """Return in words what stood in the way."""
    for token in tokens:
        if token.kind == "option" and f"--{token.value}" not in OPTIONS:
            return say("enrich.no_option", option=escape_markdown(token.value))
    for kind, reason in _REASONS.items():
        found = next((token for token in tokens if token.kind == kind), None)
        if found is not None:
            return reason(escape_markdown(found.text[:60]))
    if not any(token.kind in {"name", "bare", "several", "url"} or token.kind.startswith("all") for token in tokens):
        return say("enrich.no_model_named")
    return say("enrich.unclear_order")

"""Without a language model: honest answers, slash commands, and nothing invented."""

from pathlib import Path

import pytest

from tests.support.roster_process import RosterProcess


def say(proxy: RosterProcess, text: str, model: str = "agno/demo-agent") -> str:
    answer = proxy.openai().chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    assert answer.usage is not None
    assert answer.usage.total_tokens == 0
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("model", ["agno/demo-agent", "agno/enrich-metadata"])
@pytest.mark.parametrize("text", ["hello", "What is the weather?", "script: say hi", "👋", "x" * 5000])
def test_anything_else_is_answered_in_two_sentences(
    offline_proxy: RosterProcess, library_root: Path, model: str, text: str
) -> None:
    (library_root / "offline.pt").write_bytes(b"x")
    answer = say(offline_proxy, text, model)
    assert answer.startswith("No language model is configured")
    assert "LLM_PROVIDER" in answer
    assert answer.strip().count(". ") == 1


def test_help_lists_the_commands(offline_proxy: RosterProcess) -> None:
    for command in ("/palette", "/themed", "/scheme", "/favourite", "/help"):
        assert command in say(offline_proxy, "/help")
    assert "/enrich" in say(offline_proxy, "/help", "agno/enrich-metadata")


def test_slash_commands_run_their_tools(offline_proxy: RosterProcess) -> None:
    assert "#1d70b8" in say(offline_proxy, "/palette blue")
    assert "| accent |" in say(offline_proxy, "/scheme a bakery website")
    assert "hello" in say(offline_proxy, "/themed hello")
    assert "favourite colour is lilac" not in say(offline_proxy, "/favourite lilac")


def test_a_command_with_bad_arguments_says_how_it_is_used(offline_proxy: RosterProcess) -> None:
    assert "Usage: `/scheme PURPOSE`" in say(offline_proxy, "/scheme")
    assert "I do not know the colour" in say(offline_proxy, "/palette mud-ish")


def test_an_unknown_command_points_to_help(offline_proxy: RosterProcess) -> None:
    assert say(offline_proxy, "/nonsense here") == "There is no command /nonsense here: /help lists the commands.\n"


def test_the_palette_follows_the_remembered_colour(offline_proxy: RosterProcess) -> None:
    assert "remember" in say(offline_proxy, "/favourite #336699")
    assert "around `#336699`" in say(offline_proxy, "/palette")


def test_slash_commands_do_not_need_the_model_where_there_is_one(proxy: RosterProcess) -> None:
    assert "#1d70b8" in say(proxy, "/palette blue")

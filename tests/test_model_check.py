"""`roster model check`: what it prints of a good server, of a weak one, and of one that does not answer at all."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.roster_process import run_roster
from tests.support.stand_ins.model_server import KEY
from tests.support.stand_ins.serving import serving
from tests.support.stand_ins.tried_model import TriedModel

Done = subprocess.CompletedProcess[str]


@contextmanager
def checked(model: TriedModel, folder: Path, *arguments: str, **changed: str) -> Iterator[Done]:
    with serving(model.app) as url:
        yield check(folder, *arguments, LLM_API_BASE=f"{url}/v1", **changed)


def check(folder: Path, *arguments: str, **changed: str) -> Done:
    environment = {"LLM_PROVIDER": "custom", "LLM_MODEL": "stub", "LLM_API_KEY": KEY, "LLM_TIMEOUT_SECONDS": "5"}
    done = run_roster("model", "check", *arguments, environment={**environment, **changed}, cwd=folder)
    assert "Traceback" not in done.stderr
    assert KEY not in done.stdout + done.stderr
    return done


def rows(done: Done) -> dict[str, dict[str, Any]]:
    return {row["what"]: row for row in json.loads(done.stdout)}


def test_a_good_server_passes_every_trial_and_nothing_is_written(tmp_path: Path) -> None:
    with checked(TriedModel(), tmp_path) as done:
        assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["what", "state", "note"]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "a whole answer", "a streamed answer", "a tool loop", "thinking", "token counts", "a picture",
    ]  # fmt: skip
    assert all("  works  " in line for line in lines[1:]), done.stdout
    assert "Trying stub at http://127.0.0.1:" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_trials_ask_as_agents_do(tmp_path: Path) -> None:
    model = TriedModel()
    with checked(model, tmp_path):
        loop = [body for body in model.requests if body.get("tools")]
    assert [message["role"] for message in loop[0]["messages"]] == ["system", "user"]
    assert [message["role"] for message in loop[1]["messages"]] == ["system", "user", "assistant", "tool"]


def test_a_server_without_tools_is_not_enough_for_agents(tmp_path: Path) -> None:
    with checked(TriedModel(calls_tools=False, thinks=False), tmp_path, "--json") as done:
        assert done.returncode == 1
    found = rows(done)
    assert found["a tool loop"]["state"] == "fails"
    assert "called no tool" in found["a tool loop"]["note"]
    assert "a model that can" in found["a tool loop"]["note"]
    assert found["a whole answer"]["state"] == found["a streamed answer"]["state"] == "works"
    assert found["thinking"]["state"] == "not seen"


def test_broken_arguments_are_named(tmp_path: Path) -> None:
    with checked(TriedModel(arguments='{"article": "lant'), tmp_path, "--json") as done:
        assert done.returncode == 1
    assert "cannot be run" in rows(done)["a tool loop"]["note"]


def test_what_agents_can_do_without_is_no_failure(tmp_path: Path) -> None:
    with checked(TriedModel(sees=False, thinks=False, counts_streams=False), tmp_path, "--json") as done:
        assert done.returncode == 0, done.stdout
    found = rows(done)
    assert found["token counts"]["note"] == "not in streamed answers: usage of agents will be 0 there"
    assert [found[what]["state"] for what in ("thinking", "token counts", "a picture")] == ["not seen"] * 3


@pytest.mark.parametrize("guess", ["red", "I cannot see the rendered picture.", "Green, red."])
def test_a_guessed_colour_is_no_seen_picture(guess: str, tmp_path: Path) -> None:
    with checked(TriedModel(sees=False, guesses=guess), tmp_path, "--json") as done:
        assert rows(done)["a picture"]["state"] == "not seen"


def test_what_a_server_refuses_is_found_out_and_said(tmp_path: Path) -> None:
    with checked(TriedModel(refuses=frozenset({"max_tokens", "stream_options"})), tmp_path, "--json") as done:
        assert done.returncode == 0, done.stdout
    learnt = rows(done)["how it is asked"]
    assert learnt["state"] == "learnt"
    assert "`max_completion_tokens`" in learnt["note"]
    assert "without `stream_options`" in learnt["note"]


def test_a_wrong_key_is_said_once_with_what_to_do(tmp_path: Path) -> None:
    model = TriedModel()
    with checked(model, tmp_path, LLM_API_KEY="wrong-key-of-the-tests-4711") as done:
        assert done.returncode == 1
        assert len(model.requests) == 1
    assert done.stdout.count("refused its key (status 401)") == 1
    assert "LLM_API_KEY" in done.stdout
    assert "The rest was not tried" in done.stderr
    assert "wrong-key-of-the-tests-4711" not in done.stdout + done.stderr


def test_a_server_that_is_down_is_said_once_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = check(tmp_path, "--json", LLM_API_BASE=f"http://127.0.0.1:{port}/v1")
    assert done.returncode == 1
    assert [row["what"] for row in json.loads(done.stdout)] == ["a whole answer"]
    note = rows(done)["a whole answer"]["note"]
    assert "cannot be reached" in note
    assert "LLM_API_BASE" in note


def test_a_server_that_never_answers_is_said_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = check(tmp_path, LLM_API_BASE=f"http://127.0.0.1:{port}/v1", LLM_TIMEOUT_SECONDS="1")
    assert done.returncode == 1
    assert done.stdout.count("LLM_TIMEOUT_SECONDS") == 1


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (404, "model 'stub' not found, try pulling it first", "try pulling it first"),
        (503, "Loading model", "Loading model"),
        (429, "You exceeded your current quota", "your current quota"),
        (400, "stub is an embedding model", "stub is an embedding model"),
    ],
)
def test_a_refusal_that_every_trial_would_meet_is_said_once(
    status: int, reason: str, said: str, tmp_path: Path
) -> None:
    with checked(TriedModel(status=status, reason=reason), tmp_path) as done:
        assert done.returncode == 1
    assert done.stdout.count(said) == 1


def test_what_a_server_says_cannot_write_on_the_terminal_or_show_the_key(tmp_path: Path) -> None:
    hostile = f"no\x1b]0;owned\x07\x1b[2J way\nwith {KEY}"
    with checked(TriedModel(status=400, reason=hostile), tmp_path) as done:
        assert done.returncode == 1
    assert not {"\x1b", "\x07"} & set(done.stdout)
    assert len(done.stdout.splitlines()) == 2
    with checked(TriedModel(says=f"My key is {KEY}"), tmp_path) as done:
        assert "My key is" in done.stdout


@pytest.mark.parametrize("setting", [{}, {"LLM_PROVIDER": "offline"}])
def test_without_a_model_one_line_says_what_to_set(setting: dict[str, str], tmp_path: Path) -> None:
    done = run_roster("model", "check", environment=setting, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "roster: No language model is configured: set LLM_PROVIDER and LLM_MODEL.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_the_proxy_itself_is_not_tried_and_one_line_says_how_to(tmp_path: Path) -> None:
    done = check(tmp_path, LLM_PROVIDER="proxy", LLM_MODEL="plain-model")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "ask an agent" in done.stderr


def test_a_key_that_no_header_can_carry_is_said_in_one_line(tmp_path: Path) -> None:
    with checked(TriedModel(), tmp_path, LLM_API_KEY="schlüssel-4711-abc") as done:
        assert done.returncode in {1, 2}
    assert "LLM_API_KEY" in done.stdout + done.stderr

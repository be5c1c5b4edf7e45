"""The recipes of the justfile that people know by name, as `just` itself reads them."""

import subprocess

import pytest

from tests.support.deployment import REPOSITORY

# What people who come from the predecessor type.
KNOWN = (
    "oauth-callback", "dev", "dev-status", "dev-logs", "dev-stop", "dev-restart", "proxy", "container-build",
    "container-rebuild", "container-update", "test", "test-integration", "test-eval", "hello", "format", "lint",
    "clean", "clean-test-dbs", "tokens", "info", "sync",
)  # fmt: skip


def just(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["just", *arguments], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("recipe", KNOWN)
def test_a_recipe_of_the_predecessor_is_there_says_what_it_does_and_could_run(recipe: str) -> None:
    listed = {line.split()[0]: line.partition("# ")[2] for line in just("--list").stdout.splitlines()[1:]}
    assert listed[recipe]
    assert just("--dry-run", recipe).stderr.strip()


def test_the_callback_of_oauth_says_that_it_is_part_of_the_proxy() -> None:
    said = just("oauth-callback").stdout
    assert "part of the proxy" in said
    assert "http://127.0.0.1:9501/roster/oauth/callback/NAME" in said


def test_cleaning_touches_no_data_of_a_proxy() -> None:
    for recipe in ("clean", "clean-test-dbs"):
        removed = [line for line in just("--dry-run", recipe).stderr.splitlines() if "rm " in line]
        assert removed
        assert not [line for line in removed if "data" in line.split() or "secrets" in line or ".env" in line]

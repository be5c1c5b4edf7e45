"""What the documentation says is so: commands run, pages are complete, examples are the files that are tested."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from agentroster.settings.settings import Settings
from tests.support.deployment import REPOSITORY
from tests.support.reader import Reader, blocks
from tests.support.stand_ins import model_server as model_stand_in
from tests.support.stand_ins.model_server import ModelServer
from tools import settings_page

DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
CONTRIBUTING, FOR_AGENTS = REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "AGENTS.md"
OTHERS = (REPOSITORY / "CHANGELOG.md", REPOSITORY / "SECURITY.md", CONTRIBUTING, FOR_AGENTS)
PAGES = [README, *OTHERS, *sorted(DOCS.glob("*.md"))]
# What the tests below follow, block by block.
FOLLOWED = {README, CONTRIBUTING, *(DOCS / f"{name}.md" for name in ("agents", "agents-file", "skills", "operating"))}
CODE = re.compile(r"`[^`\n]+`|^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def test_the_first_minute_of_the_readme_is_real_for_a_stranger_without_a_network(home: Path) -> None:
    with Reader(home, {"HF_ENDPOINT": "http://127.0.0.1:9"}) as reader:
        reader.follow(README)
    assert "0 changed" in reader.seen
    assert sorted(path.name for path in (home / "models").glob("*.metadata.json")) == [
        "clay-toys.metadata.json",
        "ink-wash.metadata.json",
    ]


def test_an_author_gets_as_far_as_the_pages_on_agents_and_skills_say(
    home: Path, model_server: ModelServer, _model_server: tuple[ModelServer, str]
) -> None:
    model = {"LLM_PROVIDER": "custom", "LLM_API_BASE": f"{_model_server[1]}/v1", "LLM_API_KEY": model_stand_in.KEY}
    with Reader(home, model) as reader:
        reader.follow(DOCS / "agents.md")
        assert "Hello from the model." in reader.seen
        assert "Answer with one haiku" in str(model_server.requests[-1]["messages"][0])
        reader.follow(DOCS / "skills.md")
        assert "word_games_greet" in str(model_server.requests[-1]["tools"])


def test_an_operator_gets_as_far_as_the_page_on_operating_says(home: Path) -> None:
    first_start = {"LITELLM_MASTER_KEY": "sk-0123456789abcdef", "ROSTER_ENCRYPTION_KEY": Fernet.generate_key().decode()}
    with Reader(home) as reader:
        data = reader.folder / "data"
        data.mkdir()
        secrets = "".join(f"{name}={value}\n" for name, value in first_start.items())
        (data / "secrets.env").write_text(secrets, encoding="utf-8")
        reader.follow(DOCS / "operating.md")
    assert first_start["ROSTER_ENCRYPTION_KEY"] not in (data / "secrets.env").read_text(encoding="utf-8")


def test_a_contributor_gets_as_far_as_the_page_for_them_says(home: Path) -> None:
    with Reader(home) as reader:
        reader.follow(CONTRIBUTING)
    assert "skills/word-count: fine (pipeline, 1 tool)" in reader.seen


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_and_files_of_this_repository_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    called = re.findall(r"\bjust ((?:[a-z][a-z-]*\b(?!/) ?)+)", "\n".join(CODE.findall(text)))
    recipes = subprocess.run(["just", "--summary"], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=True)
    known = recipes.stdout.split()
    for words in called:
        # Arguments may follow the first.
        assert words.split()[0] in known, words
    for path in re.findall(r"(?<![\w/.-])(?:src|tests|tools|evals|benchmarks|\.ci)/[\w./-]+\w", text):
        assert (REPOSITORY / path).exists() or "ROOM" in path, path


def test_the_layers_of_the_page_for_contributors_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers: list[str] = contracts["contracts"][0]["layers"]
    [block] = [block for block in blocks(CONTRIBUTING) if block.text.startswith(layers[0])]
    assert [re.split(r" {2,}|\n", line)[0] for line in block.text.splitlines()] == layers


def test_every_block_is_run_or_says_that_it_is_not() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert page in FOLLOWED or block.no_run or block.language in {"text", "python"}, (
                f"{page.name}: {block.text}"
            )


def test_examples_are_the_files_the_tests_install() -> None:
    quoted = [block for page in PAGES for block in blocks(page) if block.mark == "file"]
    assert quoted
    for block in quoted:
        assert (REPOSITORY / block.path).read_text(encoding="utf-8") == block.text, block.path


def test_the_settings_page_is_made_from_the_settings() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page()
    assert all(field.description for field in Settings.model_fields.values())


def links(page: Path) -> list[tuple[Path, str]]:
    """Return the files that a page links to or shows, each with the name of a place in it or an empty text."""
    found = LINK.findall(page.read_text(encoding="utf-8"))
    return [
        ((page.parent / target).resolve() if target else page, place) for target, place in found if ":" not in target
    ]


def places(page: Path) -> set[str]:
    """Return what links to the headings of a page are called."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target, place in links(page):
            assert target.exists(), f"{page.name} -> {target.name}"
            assert not place or place in places(target), f"{page.name} -> {target.name}#{place}"


def test_every_page_and_every_picture_can_be_found_and_no_picture_is_large() -> None:
    linked = {target for page in PAGES for target, _ in links(page)}
    pictures = set((DOCS / "images").iterdir())
    assert pictures
    assert pictures | set(DOCS.glob("*.md")) <= linked
    assert all(picture.stat().st_size < 80_000 for picture in pictures)


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "keys",
        "agents",
        "skills",
        "credentials",
        "users",
        "audit",
        "backup",
        "restore",
        "enrich",
        "candidates",
        "demo",
        "ask",
        "models",
        "status",
    ],
)
def test_every_command_is_documented(command: str) -> None:
    assert any(f"roster {command}" in page.read_text(encoding="utf-8") for page in PAGES)

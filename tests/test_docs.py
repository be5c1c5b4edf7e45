"""What the documentation says is so: commands run, pages are complete, examples are the files that are tested."""

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from agentroster.settings import Settings
from tests.conftest import REPOSITORY
from tests.roster_process import RosterProcess, clean_environment
from tests.stand_ins.hub import HubServer, Repository
from tools import settings_page

PAGES = [REPOSITORY / "README.md", REPOSITORY / "SECURITY.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(?:<!-- file: (\S+) -->\n)?```(\w+)( no-run)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def small_picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (640, 480), "white").save(written, "PNG")
    return written.getvalue()


def blocks(page: Path) -> list[tuple[str, str, str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def test_the_first_conversation_of_the_readme_is_real(
    tmp_path: Path, base_environment: dict[str, str], hub: HubServer
) -> None:
    """Run the README's shell and Python blocks against a proxy with the README's library; compare what it shows."""
    hub.repositories["someone/ink-wash"] = Repository(
        (REPOSITORY / "tests/cards/ink_flux.md").read_text(encoding="utf-8"),
        images={"images/heron.png": (small_picture(), "image/png")},
    )
    library = tmp_path / "models"
    library.mkdir()
    (library / "ink.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    proxy = RosterProcess(
        tmp_path, {"HF_ENDPOINT": base_environment["HF_ENDPOINT"], "ROSTER_LIBRARY": str(library)}
    ).start()
    try:
        shell, python, shown = [], "", []
        for _, language, no_run, text in blocks(REPOSITORY / "README.md"):
            if language == "bash" and not no_run and "pip install" not in text:
                shell.append(text)
            if language == "python":
                python = text
            if language == "text" and ("palette" in text or "Item" in text):
                shown.append(text)
        script = "set -eu\n" + "\n".join(shell) + f'\nexport KEY; python - <<"END"\n{python}END\n'
        script = script.replace("http://127.0.0.1:9501", proxy.url).replace("uv run roster", "roster")
        script = script.replace("http://127.0.0.1:9501/v1", f"{proxy.url}/v1")
        environment = clean_environment(ROSTER_DATA_DIR=str(proxy.data_dir))
        environment["PATH"] = f"{REPOSITORY / '.venv/bin'}:{Path(sys.executable).parent}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    finally:
        proxy.stop()
    assert done.returncode == 0, done.stderr
    for text in shown:
        assert text in done.stdout
    assert "0 changed, 1 unchanged" in done.stdout
    assert (library / "ink.metadata.json").exists()


def test_every_block_is_run_or_says_that_it_is_not() -> None:
    for page in PAGES:
        for file, language, no_run, _ in blocks(page):
            assert no_run or file or language in {"text", "python", "toml"} or page.name == "README.md", page


def test_examples_are_the_files_the_tests_install() -> None:
    quoted = [(file, text) for page in PAGES for file, _, _, text in blocks(page) if file]
    assert quoted
    for file, text in quoted:
        assert (REPOSITORY / file).read_text(encoding="utf-8") == text, file


def test_the_settings_page_is_made_from_the_settings() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page()
    assert all(field.description for field in Settings.model_fields.values())


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name} -> {target}"


@pytest.mark.parametrize("command", ["serve", "keys", "agents", "skills", "credentials", "users", "audit", "enrich"])
def test_every_command_is_documented(command: str) -> None:
    assert any(f"roster {command}" in page.read_text(encoding="utf-8") for page in PAGES)

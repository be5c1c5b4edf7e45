"""One Open WebUI in front of one proxy, its users, and one browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.conftest import JWT_SECRET, OPENWEBUI_KEY, install
from tests.openwebui import compose
from tests.openwebui.installation import installed, missing
from tests.openwebui.page import OpenWebUIPage
from tests.openwebui.process import OpenWebUIProcess
from tests.openwebui.user import OpenWebUIUser
from tests.roster_process import RosterProcess

ADMIN = ("admin@example.com", "password-of-the-admin")
# What `.env` holds for compose.
SECRETS = {
    "ROSTER_OPENWEBUI_KEY": OPENWEBUI_KEY,
    "ROSTER_OPENWEBUI_JWT_SECRET": JWT_SECRET,
    "WEBUI_SECRET_KEY": "openwebui-secret-of-the-tests-0123456789",
}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Agents that may be seen in pictures of the documentation."""
    return install(tmp_path_factory.mktemp("plugins"), "docs/examples/roster-haiku", "tests/plugins/roster-viewer")


@pytest.fixture(scope="session")
def proxy_environment(proxy_environment: dict[str, str]) -> dict[str, str]:
    """As elsewhere, but a model may be silent while somebody looks at the page."""
    return {**proxy_environment, "LLM_TIMEOUT_SECONDS": "60"}


@pytest.fixture(scope="session")
def openwebui(proxy: RosterProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenWebUIProcess]:
    """Open WebUI of the version and with the settings of compose.yaml; only the address of the proxy is another."""
    environment = compose.environment("openwebui", SECRETS) | {
        "OPENAI_API_BASE_URL": f"{proxy.url}/v1",
        # The first admin without the page.
        "WEBUI_ADMIN_NAME": "Admin",
        "WEBUI_ADMIN_EMAIL": ADMIN[0],
        "WEBUI_ADMIN_PASSWORD": ADMIN[1],
    }
    command = installed(compose.openwebui_version())
    process = OpenWebUIProcess(tmp_path_factory.mktemp("openwebui"), command, environment).start()
    try:
        yield process.wait()
    finally:
        process.stop()


@pytest.fixture(scope="session")
def admin(openwebui: OpenWebUIProcess) -> Iterator[OpenWebUIUser]:
    """Who runs Open WebUI."""
    user = OpenWebUIUser.sign_in(openwebui, *ADMIN)
    yield user
    user.sign_out()


@pytest.fixture(scope="session")
def anna(admin: OpenWebUIUser) -> Iterator[OpenWebUIUser]:
    """A person without special rights."""
    user = admin.add("Anna Example")
    yield user
    user.sign_out()


@pytest.fixture(scope="session")
def bert(admin: OpenWebUIUser) -> Iterator[OpenWebUIUser]:
    """Another one."""
    user = admin.add("Bert Example")
    yield user
    user.sign_out()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium: the one of the system, or else Playwright's own."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        except Error as error:
            missing(f"No browser: install chromium, or run `playwright install chromium`.\n{error.message}")
        yield started
        started.close()


@pytest.fixture(scope="session")
def _pages(browser: Browser) -> Iterator[Callable[[OpenWebUIUser], OpenWebUIPage]]:
    """Pages by person: a second page of one person finds everything in the browser's cache."""
    pages: dict[str, OpenWebUIPage] = {}

    def of(user: OpenWebUIUser) -> OpenWebUIPage:
        if user.id not in pages:
            pages[user.id] = OpenWebUIPage.of(browser, user)
        return pages[user.id]

    yield of
    for page in pages.values():
        page.close()


@pytest.fixture
def annas_page(_pages: Callable[[OpenWebUIUser], OpenWebUIPage], anna: OpenWebUIUser) -> OpenWebUIPage:
    """Anna's browser."""
    return _pages(anna)


@pytest.fixture
def berts_page(_pages: Callable[[OpenWebUIUser], OpenWebUIPage], bert: OpenWebUIUser) -> OpenWebUIPage:
    """Bert's browser."""
    return _pages(bert)

"""One Open WebUI in front of one proxy, its users, and one browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.support.deployment import JWT_SECRET, OPENWEBUI_KEY, install
from tests.support.openwebui import compose
from tests.support.openwebui.installation import installed, missing
from tests.support.openwebui.page import OpenWebUIPage
from tests.support.openwebui.process import OpenWebUIProcess
from tests.support.openwebui.user import OpenWebUIUser
from tests.support.ports import free_port
from tests.support.roster_process import RosterProcess

ADMIN = ("admin@example.com", "password-of-the-admin")
# What `.env` holds for compose.
SECRETS = {
    "ROSTER_OPENWEBUI_KEY": OPENWEBUI_KEY,
    "ROSTER_OPENWEBUI_JWT_SECRET": JWT_SECRET,
    "WEBUI_SECRET_KEY": "openwebui-secret-of-the-tests-0123456789",
    "WEBUI_ADMIN_EMAIL": ADMIN[0],
    "WEBUI_ADMIN_PASSWORD": ADMIN[1],
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
def proxy_arguments() -> list[str]:
    """A port chosen before the proxy starts, so that Open WebUI can start beside it."""
    return ["--port", str(free_port())]


@pytest.fixture(scope="session")
def _starting_openwebui(
    proxy_arguments: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenWebUIProcess]:
    environment = compose.environment("openwebui", SECRETS)
    environment["OPENAI_API_BASE_URL"] = f"http://127.0.0.1:{proxy_arguments[-1]}/v1"
    command = installed(compose.openwebui_version())
    process = OpenWebUIProcess(tmp_path_factory.mktemp("openwebui"), command, environment).start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def openwebui(_starting_openwebui: OpenWebUIProcess, proxy: RosterProcess) -> OpenWebUIProcess:
    """Open WebUI of the version and with the settings of compose.yaml; only the address of the proxy is another."""
    return _starting_openwebui.wait()


@pytest.fixture(scope="session")
def admin(openwebui: OpenWebUIProcess) -> Iterator[OpenWebUIUser]:
    """Who runs Open WebUI."""
    user = OpenWebUIUser.sign_in(openwebui, *ADMIN)
    # As every page does first: until then Open WebUI knows no model.
    user.get("/api/models")
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
    if os.environ.get("WITHOUT_BROWSER"):
        pytest.skip("WITHOUT_BROWSER is set.")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        except Error as error:
            missing(f"No browser: install chromium, or run `playwright install chromium`.\n{error.message}")
        yield started
        started.close()


@pytest.fixture(scope="session")
def annas_page(browser: Browser, anna: OpenWebUIUser) -> Iterator[OpenWebUIPage]:
    """Anna's browser; the second page in it finds everything in its cache."""
    page = OpenWebUIPage.of(browser, anna)
    yield page
    page.close()

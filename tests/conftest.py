"""What tests share: stand-ins, and real proxies that talk to them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.support.deployment import (
    ENCRYPTION_KEY,
    JWT_SECRET,
    MASTER_KEY,
    OPENWEBUI_KEY,
    PROXY_CONFIG,
    install,
)
from tests.support.postgres import programs, serving_postgres
from tests.support.roster_process import RosterProcess
from tests.support.stand_ins import hub as hub_stand_in
from tests.support.stand_ins import model_server as model_stand_in
from tests.support.stand_ins import services
from tests.support.stand_ins.authorization_server import AuthorizationServer
from tests.support.stand_ins.github import GitHubServer
from tests.support.stand_ins.hub import HubServer
from tests.support.stand_ins.model_server import ModelServer
from tests.support.stand_ins.serving import serving

# LiteLLM would fetch a price list when a test imports it.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


@pytest.fixture(scope="session")
def _model_server() -> Iterator[tuple[ModelServer, str]]:
    server = ModelServer()
    with serving(server.app) as url:
        yield server, url


@pytest.fixture(scope="session")
def _hub() -> Iterator[tuple[HubServer, str]]:
    server = HubServer()
    with serving(server.app) as url:
        yield server, url


@pytest.fixture(scope="session")
def _github() -> Iterator[tuple[GitHubServer, str]]:
    server = GitHubServer()
    with serving(server.app) as url:
        yield server, url


@pytest.fixture(scope="session")
def _authority() -> Iterator[tuple[AuthorizationServer, str]]:
    server = AuthorizationServer()
    with serving(server.app) as url:
        yield server, url


@pytest.fixture(scope="session")
def services_url() -> Iterator[str]:
    """The address of the stand-ins for services that take a token by form."""
    with serving(services.app) as url:
        yield url


@pytest.fixture
def github(_github: tuple[GitHubServer, str], proxy: RosterProcess) -> GitHubServer:
    """The stand-in for GitHub, empty, with the proxy's OAuth app registered."""
    _github[0].reset()
    _github[0].redirect_uris = {f"{proxy.url}/roster/oauth/callback/github"}
    return _github[0]


@pytest.fixture
def authority(_authority: tuple[AuthorizationServer, str], proxy: RosterProcess) -> AuthorizationServer:
    """The stand-in for an authorization server, with the proxy's client registered."""
    _authority[0].reset()
    _authority[0].redirect_uris = {f"{proxy.url}/roster/oauth/callback/oidc"}
    return _authority[0]


@pytest.fixture
def model_server(_model_server: tuple[ModelServer, str]) -> ModelServer:
    """The stand-in for the language model, with no memory of earlier tests."""
    _model_server[0].reset()
    return _model_server[0]


@pytest.fixture
def hub(_hub: tuple[HubServer, str]) -> HubServer:
    """The stand-in for the HuggingFace Hub, empty."""
    _hub[0].reset()
    return _hub[0]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader of the pages: one path for all, so that what Python compiled is found again."""
    return tmp_path_factory.getbasetemp() / "stranger/home"


@pytest.fixture(scope="session")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the test plugin leaves marks."""
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example package and the misbehaving one, installed as real distributions."""
    return install(tmp_path_factory.mktemp("plugins"), "docs/examples/roster-haiku", "tests/plugins/roster-test-agents")


@pytest.fixture(scope="session")
def library_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of the shared proxies; each test makes a folder of its own in it."""
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="session")
def base_environment(library_root: Path, _hub: tuple[HubServer, str]) -> dict[str, str]:
    """Secrets, library and hub: what both shared proxies have in common."""
    return {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "ROSTER_ENCRYPTION_KEY": ENCRYPTION_KEY,
        "ROSTER_OPENWEBUI_KEY": OPENWEBUI_KEY,
        "ROSTER_LIBRARY": str(library_root),
        "HF_ENDPOINT": _hub[1],
        "HF_TOKEN": hub_stand_in.TOKEN,
        # A test that refuses once means it; those of the waits have proxies of their own.
        "ROSTER_HUB_WAIT_SECONDS": "0",
        # Tests say with `X-Forwarded-For` where a request comes from.
        "ROSTER_TRUSTED_PROXIES": "127.0.0.1",
        # All tests together ask more often than a person does, and with more wrong keys.
        "ROSTER_REQUESTS_PER_MINUTE": "0",
        "ROSTER_WRONG_KEYS_PER_MINUTE": "0",
    }


@pytest.fixture(scope="session")
def proxy_environment(
    base_environment: dict[str, str],
    _model_server: tuple[ModelServer, str],
    _github: tuple[GitHubServer, str],
    _authority: tuple[AuthorizationServer, str],
    services_url: str,
    plugins: Path,
    marks: Path,
) -> dict[str, str]:
    """The environment of the proxy with everything; a folder of tests may change some of it."""
    return {
        **base_environment,
        "ROSTER_OPENWEBUI_JWT_SECRET": JWT_SECRET,
        "LLM_PROVIDER": "custom",
        "LLM_MODEL": "stub",
        "LLM_API_BASE": f"{_model_server[1]}/v1",
        "LLM_API_KEY": model_stand_in.KEY,
        "LLM_TIMEOUT_SECONDS": "2",
        "ROSTER_RUN_MODEL_CALLS": "6",
        "ROSTER_MAX_REQUEST_MB": "1",
        "PYTHONPATH": str(plugins),
        "TEST_MARKS": str(marks),
        "ROSTER_TRUSTED_URLS": f"{_github[1]},{_authority[1]},{services_url}",
        "ROSTER_GITHUB_URL": _github[1],
        "ROSTER_GITHUB_CLIENT_ID": GitHubServer.CLIENT_ID,
        "ROSTER_GITHUB_CLIENT_SECRET": GitHubServer.CLIENT_SECRET,
        "ROSTER_OIDC_ISSUER": _authority[1],
        "ROSTER_OIDC_CLIENT_ID": AuthorizationServer.CLIENT_ID,
        "ROSTER_OIDC_CLIENT_SECRET": AuthorizationServer.CLIENT_SECRET,
    }


@pytest.fixture(scope="session")
def proxy_arguments() -> list[str]:
    """More arguments for `roster serve`."""
    return []


@pytest.fixture(scope="session")
def proxy(request: pytest.FixtureRequest) -> RosterProcess:
    """A proxy with a language model, signed Open WebUI users, plug-ins and a direct model.

    A module with `BOTH_LANES = True` runs each of its tests with it twice: past LiteLLM, as it is by default, and
    through LiteLLM.
    """
    lane: str = getattr(request, "param", "auto")
    process: RosterProcess = request.getfixturevalue(f"{lane}_lane_proxy")
    return process


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "proxy" in metafunc.fixturenames and getattr(metafunc.module, "BOTH_LANES", False):
        metafunc.parametrize("proxy", ["auto", "litellm"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def auto_lane_proxy(start_proxy: Callable[..., RosterProcess]) -> RosterProcess:
    process = start_proxy()
    assert "chat completions with agents take our own lane" in process.log
    return process


@pytest.fixture(scope="session")
def litellm_lane_proxy(start_proxy: Callable[..., RosterProcess]) -> RosterProcess:
    process = start_proxy(ROSTER_LANE="litellm")
    assert "go through LiteLLM, because of ROSTER_LANE" in process.log
    return process


@pytest.fixture(scope="session")
def start_proxy(
    tmp_path_factory: pytest.TempPathFactory,
    proxy_environment: dict[str, str],
    proxy_arguments: list[str],
    _model_server: tuple[ModelServer, str],
) -> Iterator[Callable[..., RosterProcess]]:
    """Start a proxy with these variables beside those of all."""
    with ExitStack() as started:

        def start(**variables: str) -> RosterProcess:
            folder = tmp_path_factory.mktemp("proxy")
            config = PROXY_CONFIG.format(base=_model_server[1])
            (folder / "proxy_config.yaml").write_text(config, encoding="utf-8")
            process = RosterProcess(folder, {**proxy_environment, **variables}, proxy_arguments).start()
            started.callback(process.stop)
            return process

        yield start


@pytest.fixture(scope="session")
def offline_proxy(
    tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str]
) -> Iterator[RosterProcess]:
    """A proxy without a language model, trusting plain headers of the forwarder."""
    process = RosterProcess(tmp_path_factory.mktemp("offline"), base_environment).start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def narrow_proxy(tmp_path_factory: pytest.TempPathFactory, base_environment: dict[str, str]) -> Iterator[RosterProcess]:
    """A proxy with narrow limits and little patience."""
    environment = {
        **base_environment,
        "ROSTER_HEADER_SECONDS": "1",
        "ROSTER_BODY_SECONDS": "1",
        "ROSTER_MAX_CONNECTIONS": "40",
        "ROSTER_LARGE_BODIES": "2",
        "ROSTER_REQUESTS_PER_MINUTE": "30",
        "ROSTER_WRONG_KEYS_PER_MINUTE": "20",
        "ROSTER_TRUSTED_PROXIES": "127.0.0.1",
    }
    process = RosterProcess(tmp_path_factory.mktemp("narrow"), environment).start()
    yield process
    process.stop()


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the proxy does."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here")
    with serving_postgres(binaries) as url:
        yield url


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """A database on the server, emptied after each test."""
    yield postgres
    engine = create_engine(postgres.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return tmp_path / "credentials.db"
    url: str = request.getfixturevalue("empty_postgres")
    return url

# `uv run just` lists the recipes; CI calls the same names.

set dotenv-load := false
# Tests and benchmarks measure what users run: compiled byte code.
export PYTHONDONTWRITEBYTECODE := ""

_default:
    @just --list

# Start the proxy
serve *arguments:
    uv run -q roster serve {{ arguments }}

# Run all tests, on two cores
test *arguments:
    uv run -q pytest -n 2 --dist loadfile {{ arguments }}

# Run the tests with a real Open WebUI and a browser; the first time it is installed into the cache directory
test-openwebui *arguments:
    uv run -q --group openwebui pytest tests/openwebui {{ arguments }}

# Run the tests with real client libraries, each in an environment of its own in the cache directory
test-clients *arguments:
    uv run -q pytest tests/clients -p no:randomly {{ arguments }}

# Write the table of docs/clients.md from a run of them
docs-clients:
    WRITE_CLIENTS_PAGE=1 uv run -q pytest tests/clients -p no:randomly

# Put a llama-server into the cache directory for tests/test_llama_server.py; --build builds it, in 10 to 25 minutes
llama-server *arguments:
    uv run -q python -m tools.llama_server {{ arguments }}

# Format
fmt:
    uv run -q ruff format .
    uv run -q ruff check --fix .

# Check format and lint rules
lint:
    uv run -q ruff format --check .
    uv run -q ruff check .
    uv lock --check -q

# Check types
types:
    uv run -q --group openwebui pyright

# Check that each layer imports only what is below it
layers:
    PYTHONPATH=src uvx -q --from import-linter==2.16 lint-imports

# Check that what is imported is declared and used, and that nothing is defined for nobody
unused:
    uv run -q deptry src
    uv run -q vulture

# With uv's setting each `uv run` would look through 10,000 files, and say so.
_compiled:
    uv sync -q --inexact --compile-bytecode

# Measure CPU, memory and start-up against LiteLLM itself
bench *arguments: _compiled
    uv run -q python -m benchmarks {{ arguments }}

# Measure one use of a stored credential, with few and with 100,000 stored
bench-credentials *arguments: _compiled
    uv run -q python -m benchmarks.credentials {{ arguments }}

# Measure what completing a library costs, by command and as a job of 10,000 models
bench-enrichment *arguments: _compiled
    uv run -q python -m benchmarks.enrichment {{ arguments }}

# Measure what the answer about 200 models costs the page of Open WebUI, beside as many plain words
bench-page: _compiled
    uv run -q --group openwebui pytest tests/openwebui/measure_page.py -s -q -p no:randomly

# Send nearly right requests to every door; `ROSTER_FUZZ_SEED` chooses others
fuzz:
    ROSTER_FUZZ_REQUESTS=${ROSTER_FUZZ_REQUESTS:-5000} uv run -q pytest tests/test_fuzz.py -s --timeout 3600

# Measure what hostile requests cost, and what others wait meanwhile
bench-hostile: _compiled
    uv run -q python -m benchmarks.hostile

# Run the long tests: 5,000 nearly right requests, what hostile ones cost, 5,000 models, kills and faults again and again
soak rounds="5":
    #!/usr/bin/env bash
    set -euo pipefail
    mkdir -p build
    log=build/soak-$(date -u +%F).txt
    echo "soak of $(date -u +%FT%TZ), {{ rounds }} rounds, $(git rev-parse --short HEAD)" | tee "$log"
    just fuzz 2>&1 | tee -a "$log"
    just bench-hostile 2>&1 | tee -a "$log"
    ROSTER_LIBRARY_FILES=5000 uv run -q pytest -q tests/test_large_library.py -s --timeout 3600 2>&1 | tee -a "$log"
    for round in $(seq {{ rounds }}); do
        uv run -q pytest tests/test_store.py tests/test_job_faults.py tests/test_backup.py tests/test_database_trouble.py \
            2>&1 | tail -n 3 | tee -a "$log"
    done

# Measure what the extraction reads from the corpus of model cards
eval *arguments:
    uv run -q python -m evals {{ arguments }}

# Write docs/settings.md and docs/model-servers.md from the code
docs:
    uv run -q python -m tools.settings_page
    uv run -q python -m tools.model_servers_page

# Take the pictures of docs/images from the last run of `just test-openwebui`
docs-images:
    uv run -q python -m tools.docs_images

# Write .env with fresh secrets for compose; --postgres and --ollama MODEL add those services
secrets *arguments:
    uv run -q python -m tools.env_file {{ arguments }}

compose_dev := "podman compose -p agentroster-dev -f compose.yaml -f compose.dev.yaml"

# Start the stack on the code of this folder, in a project and volumes of its own; `just dev proxy` leaves out Open WebUI
dev *services:
    test -e .env || uv run -q python -m tools.env_file
    {{ compose_dev }} up -d --build {{ services }}

# Follow what the development stack logs
dev-logs *arguments:
    {{ compose_dev }} logs -f {{ arguments }}

# Stop the development stack and keep its data
dev-stop:
    {{ compose_dev }} down

# Stop the development stack and delete its data
[confirm("Delete the volumes of the development stack? [y/N]")]
dev-reset:
    {{ compose_dev }} down -v

# Start the proxy on this machine, without containers, anew after each change of the code
dev-serve *arguments:
    uv run -q python -m tools.reload src -- roster serve {{ arguments }}

# Build the image of the proxy
container-build *arguments:
    podman build -t localhost/agentroster:dev {{ arguments }} .

# Start the proxy alone in its container, without Open WebUI
container-run:
    podman compose up -d --build proxy

# Prove the stack in containers: build, start, enrich, stop, start again, all data there; --postgres, --all
container-check *arguments:
    uv run -q python -m tools.try_stack {{ arguments }}

# Build a release into a folder: sdist, wheel, SBOM, provenance, checksums
release *arguments:
    uv run -q python -m tools.release {{ arguments }}

# Say the digests of the base images; --write puts them into the Containerfile
image-base *arguments:
    uv run -q python -m tools.image_base {{ arguments }}

# Look for known vulnerabilities in the dependencies; without a network it says that it is skipped
audit-dependencies *arguments:
    uv run -q python -m tools.advisories {{ arguments }}

# Everything a change needs
check: lint types layers unused test

# The names that the predecessor's recipes had.

# Format, as `fmt`
format: fmt

# Install what uv.lock says, into .venv
sync:
    uv sync -q --compile-bytecode

# Ask the demo agent for a palette, of the proxy that runs
hello *words:
    uv run -q roster ask demo-agent {{ if words == "" { '"/palette teal"' } else { words } }}

# Start the proxy alone in containers, on the code of this folder
proxy: (dev "proxy")

# Nothing to start: the callback of OAuth is part of the proxy
oauth-callback:
    @echo "The callback is part of the proxy: it answers at http://127.0.0.1:9501/roster/oauth/callback/NAME (github, google, ...)."
    @echo "Register that address with the provider; ROSTER_PUBLIC_URL says where the proxy is when people reach it elsewhere."

# Say whether the proxy works, and what runs of the development stack
dev-status:
    -uv run -q roster status
    -{{ compose_dev }} ps

# Start the services of the development stack anew, on the code of this folder
dev-restart *services:
    {{ compose_dev }} up -d --build --force-recreate {{ services }}

# Build the image from nothing, without what earlier builds left
container-rebuild *arguments:
    podman build --no-cache -t localhost/agentroster:dev {{ arguments }} .

# Build the image and start the proxy's container on it; its data stay
container-update:
    podman compose up -d --build --force-recreate proxy

# Run the tests of the proxy as a process, with all lanes and interfaces
test-integration *arguments:
    uv run -q pytest tests/test_chat.py tests/test_interfaces.py tests/test_jobs.py tests/test_worker.py {{ arguments }}

# Measure the extraction, and run its tests
test-eval *arguments: eval
    uv run -q pytest tests/test_evals.py {{ arguments }}

# Delete what tests left behind: databases, caches, byte code; no data of a proxy
clean: clean-test-dbs
    rm -rf build dist .pytest_cache .ruff_cache .hypothesis
    find src tests tools evals benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Delete the databases that tests left in the folder for temporary files
clean-test-dbs:
    rm -rf "${TMPDIR:-/tmp}/pytest-of-$(id -un)"

# List the accounts that people have connected, without their secrets; the predecessor's tokens
tokens *arguments:
    uv run -q roster credentials list {{ arguments }}

# Say which version this is, of what it is made, and where its agents and skills come from
info:
    uv run -q roster --version
    uv run -q python -c "from importlib.metadata import version as v; print('litellm', v('litellm'), 'agno', v('agno'))"
    uv run -q roster agents
    uv run -q roster skills

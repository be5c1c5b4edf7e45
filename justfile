# `uv run just` lists the recipes; CI calls the same names.

set dotenv-load := false
# Tests and benchmarks measure what users run: compiled byte code.
export PYTHONDONTWRITEBYTECODE := ""

_default:
    @just --list

# Start the proxy
serve *arguments:
    uv run -q roster serve {{ arguments }}

# Run all tests
test *arguments:
    uv run -q pytest {{ arguments }}

# Run the tests with a real Open WebUI and a browser; the first time it is installed into the cache directory
test-openwebui *arguments:
    uv run -q --group openwebui pytest tests/openwebui {{ arguments }}

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

# Measure CPU, memory and start-up against LiteLLM itself
bench *arguments:
    uv run -q python -m benchmarks {{ arguments }}

# Measure one use of a stored credential, with few and with 100,000 stored
bench-credentials *arguments:
    uv run -q python -m benchmarks.credentials {{ arguments }}

# Measure what the extraction reads from the corpus of model cards
eval *arguments:
    uv run -q python -m evals {{ arguments }}

# Write docs/settings.md from the code
docs:
    uv run -q python -m tools.settings_page

# Write .env with fresh secrets for compose
secrets:
    uv run -q python -m tools.env_file

# Everything a change needs
check: lint types layers test

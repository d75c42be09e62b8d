# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: demo test test-fast bench bench-peers drill soak shots lint clean lock help venv venv-dev
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
ARGS ?=
NAME ?= weights

demo: venv ## A whole mesh on this machine (ARGS="--port N --seconds N --password P")
	@exec $(PY) manage.py demo $(ARGS)

test: venv-dev ## Everything, offline: lint, types, architecture, all tests
	@.ci/suite

test-fast: venv-dev ## Lint, types, architecture and the quick tests
	@.ci/suite fast

bench: venv-dev ## Figures: start-up, weight click, sidecars, pages, CPU beside the peers
	@$(PY) -m tests.bench $(ARGS)

bench-peers: venv-dev ## Envoy into .venv (100 MB), to be measured beside by the bench
	@.ci/venv requirements-bench.lock

drill: venv ## One counted scenario with real processes (NAME=weights, NAME=list for all)
	@$(PY) manage.py drill $(NAME) $(ARGS)

soak: venv ## A million counted requests through a proxy while everything changes
	@$(PY) manage.py drill soak $(ARGS)

shots: venv-dev ## Pictures of the pages, light, dark and phone, into ./shots
	@$(PY) -m tests.e2e.shots $(ARGS)

lint: venv-dev ## Style, types and the direction of imports
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

clean: ## Remove the demo's state, caches and .venv
	rm -rf .venv .meshconsole .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles shots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## Resolve the dependencies anew into the lock files (needs uv)
	uv pip compile --generate-hashes --python-version 3.11 --no-emit-index-url pyproject.toml -o requirements.lock
	uv pip compile --generate-hashes --python-version 3.11 --no-emit-index-url pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	uv pip compile --generate-hashes --python-version 3.11 --no-emit-index-url --group bench -o requirements-bench.lock

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

venv:
	@.ci/venv requirements.lock

venv-dev:
	@.ci/venv requirements-dev.lock

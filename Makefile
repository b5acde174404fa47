# Tepai. `make help` lists what this file can do.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# What is imported is compiled once: installing compiles nothing, and this must be unset for Python to keep the results.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help install install-dev install-extras run fresh test check lint types contracts documents fix docs migration lock bench kill clean

help: ## list what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/installed: requirements.lock
	@echo "· installing into .venv (from requirements.lock)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m scripts.install requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "· installing what tests and checks need (from requirements-dev.lock)"
	@$(BIN)/python -m scripts.install requirements-dev.lock
	@touch $@

install: .venv/installed ## install from the lock file into .venv

install-dev: .venv/installed-dev ## install what tests and checks need as well

install-extras: install ## install what S3 storage and the plans of a whole province need as well
	@$(BIN)/python -m scripts.install requirements-extras.lock

run: install ## play the demo season (first time) and start server, worker and WeChat sandbox
	@$(BIN)/python -m demo.run

fresh: install ## throw the demo's data away and start over
	@$(BIN)/python -m demo.run --fresh

test: install-dev ## run the tests on SQLite and on PostgreSQL
	@$(BIN)/pytest -n 3 --database=sqlite -m "not stricter"
	@$(BIN)/pytest -n 3 --database=postgresql -m "not one_database" tests/web tests/service tests/test_story.py

check: install-dev ## everything CI checks: lint, types, contracts, docs, migrations, tests
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint types contracts documents
	@$(MAKE) --no-print-directory test

lint:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types:
	@$(BIN)/mypy .

contracts:
	@$(BIN)/lint-imports

documents:
	@$(BIN)/python -m scripts.docs --check

fix: install-dev ## let the tools mend what they can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: install-dev ## make the generated documents again
	@$(BIN)/python -m scripts.docs

migration: install-dev ## write a migration for what changed in models/ (NAME="what changed")
	@$(BIN)/python -m scripts.migration "$(NAME)"

lock: install-dev ## resolve the dependencies again and write both lock files
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-emit-index-url --no-header --upgrade pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-emit-index-url --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --no-emit-index-url --no-header --extra s3 --extra province -c requirements-dev.lock pyproject.toml -o requirements-extras.lock

bench: install-dev ## measure, side by side with what it is compared to
	@$(BIN)/python -m bench.flags
	@$(BIN)/python -m bench.records
	@$(BIN)/python -m bench.photos
	@$(BIN)/python -m bench.matching

kill: install-dev ## send 3,000 records through two servers that are killed 100 times, on both databases
	@$(BIN)/python -m bench.kill

clean: ## remove what was installed and made
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

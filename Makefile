# Every target sets up what it needs; on a fresh machine `make test` is enough.

PYTHON ?= python3
export PYTHONUTF8 = 1
# Compiled test modules are kept: each worker of pytest-xdist would spend seconds to rewrite them.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
JOBS ?= auto
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations 10
QUICK = -m "not slow"
BASE ?= HEAD
SCALE ?= hundredth
VERSION ?= 17
PGRLS := pgrls==0.57.1

.DEFAULT_GOAL := help
.PHONY: help setup test test-all test-schema test-engine test-on deep coverage deploy-check verify lint up doctor
.PHONY: matrix matrix-accept diff races schedule plans mutate guard-map tools-compared report docs reference pictures release threat-model bench bench-mutants growth clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv with everything pinned in constraints.txt
	@$(PYTHON) tools/set_up.py

test: test-schema test-engine ## Run AutoCut's suites (pytest, pgTAP, sqlfluff) and the engine's, but for what is slow

test-all: setup ## Run all suites, also what is slow
	@$(MAKE) test QUICK=

test-schema: setup ## Only AutoCut's
	@$(PYTEST) $(QUICK) $(ARGS)

test-engine: setup ## Only the engine's
	@cd engine && ../$(PYTEST) $(QUICK) $(ARGS)

test-on: setup ## All suites on another PostgreSQL, 15 to 17: make test-on VERSION=17
	@PGASSAY_SERVER=$(VERSION) $(MAKE) test-all

deep: setup ## What takes long: more of credits' model, crashes and schedules
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/credits tests/races $(ARGS)

verify: setup ## The gate: load, lint, matrix, audit, plans, suites but for what is slow; one verdict. ARGS="--since origin/main"
	@PYTEST_ADDOPTS='$(QUICK)' $(BIN)/pgassay verify $(ARGS)

lint: setup ## sqlfluff, ruff, mypy --strict, actionlint
	@$(BIN)/pgassay verify --only lint
	@for folder in . engine; do $(BIN)/ruff check $$folder && $(BIN)/ruff format --check $$folder || exit 1; done
	@$(BIN)/mypy
	@cd engine && ../$(BIN)/mypy && ../$(BIN)/sqlfluff lint --disable-progress-bar src
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

coverage: setup ## What of functions and policies the suites never ran
	@$(BIN)/pgassay coverage $(ARGS)

races: setup ## Every order of the steps of concurrent sessions
	@$(BIN)/pgassay races $(ARGS)

schedule: races # its name before

plans: setup ## Plan contracts and indexes: make plans SCALE=full
	@$(BIN)/pgassay plans --scale $(SCALE) $(ARGS)

report: setup ## Access matrix and plans as pages: build/access.html, build/plans.html
	@$(BIN)/pgassay matrix --format html --output build/access.html $(ARGS)
	@$(BIN)/pgassay plans --format html --output build/plans.html $(ARGS)

mutate: setup ## Break the schema in every small way; does a test notice? ARGS="--since origin/main"
	@$(BIN)/pgassay mutate $(ARGS)

guard-map: setup ## Which tests guard what: docs/guard-map.md, from all mutants
	@$(BIN)/pgassay mutate --guard-map docs/guard-map.md $(ARGS)

tools-compared: setup ## What each suite and other tools catch of all mutants; takes an hour
	@for suite in pytest pgtap matrix; do $(BIN)/pgassay mutate --suite $$suite >build/mutate-$$suite.txt; done; true
	@$(BIN)/pgassay mutate >build/mutate.txt || true
	@$(MAKE) --silent build/pgrls
	@PYTHONPATH=. $(BIN)/python bench/tools_compared.py

docs: setup ## The engine's documentation as a site: build/site; fails for a dead link
	@cd engine && NO_MKDOCS_2_WARNING=1 ../$(BIN)/mkdocs build --quiet --strict --site-dir ../build/site

reference: setup ## Write the pages of engine/docs that follow from the code
	@$(BIN)/python engine/tools/reference.py

pictures: setup ## Take the pictures of both projects' docs anew, with Chromium
	@$(BIN)/python tools/take_picture.py
	@$(BIN)/python engine/tools/take_picture.py
	@$(BIN)/python engine/tools/draw_schedule.py

threat-model: setup ## Make docs/threat-model.md anew from the attack catalogue
	@$(BIN)/python -m tests.attacks.threat_model

deploy-check: setup ## The deployment guide with the real tools: Supabase CLI, psql, pg_dump
	@$(BIN)/python -m pytest tests/deploy --durations 5 $(ARGS)

release: setup ## Build sdist and wheel in build/release; try them in empty environments, by uvx and pipx
	@$(BIN)/python engine/tools/release.py build/release constraints.txt

build/pgrls: # a tool to compare with, in an environment of its own
	@$(PYTHON) -m venv $@
	@$@/bin/pip install --quiet --disable-pip-version-check $(PGRLS) || { rm -rf $@; exit 1; }

bench: setup build/pgrls ## Speed, beside others and the last run (ARGS=old.json for another); writes the pages of docs
	@$(INSTALL) --editable './engine[bench]'
	@$(BIN)/python bench/harness.py $(ARGS)

bench-mutants: setup ## Speed of mutants, beside the plain way
	@$(BIN)/python bench/mutants.py

growth: setup ## How an operation's time grows to a million rows (docs/pictures/growth.png)
	@$(INSTALL) --editable './engine[bench]'
	@$(BIN)/python bench/growth.py

clean: ## Remove what was made here
	@rm -rf .venv .venv.lock build
	@for folder in . engine; do (cd $$folder && rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis); done
	@find bench engine tests tools -name __pycache__ -prune -exec rm -rf {} +

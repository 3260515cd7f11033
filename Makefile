# Two commands matter: `make run` and `make test`. Each does all its own set-up.
# A target explains itself after `##`; `make help` prints that.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
export UV_LINK_MODE ?= copy
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Where this is set, as in images of Docker, every process compiles anew all that it imports: seconds each time.
unexport PYTHONDONTWRITEBYTECODE

# What was last installed, so that a second `make run` starts at once.
RUN_STAMP := $(VENV)/.run-installed
DEV_STAMP := $(VENV)/.dev-installed
SOAK_STAMP := $(VENV)/.soak-installed
OIDC_STAMP := tests/oidc_provider/node_modules/.installed
OTEL_JS_STAMP := tests/otel_js/node_modules/.installed
WEB_STAMP := web/node_modules/.installed
PAGES := src/tollhouse/control/dashboard/site/index.html

# The pages are built anew when one of these changed; folders too, for what was taken away.
WEB_SOURCES := $(shell find web -name node_modules -prune -o -name schema.d.ts -prune -o -name bounds.ts -prune -o -name '*.test.ts*' -prune -o -print)
# What vite runs on: Node.js 20 from 20.19 on, or 22.12 and later.
WEB_NPM := TOLLHOUSE_NODE="20.19 22.12" ../.ci/npm

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: $(RUN_STAMP) $(PAGES) ## Set everything up and run the demo on 127.0.0.1:8080
	@exec $(BIN)/tollhouse serve --demo

.PHONY: test
test: $(DEV_STAMP) $(OIDC_STAMP) $(OTEL_JS_STAMP) $(PAGES) chromium ## Set everything up and run all tests, with coverage of the rooms that must have it all
	@if [ -z "$(ARGS)" ]; then cd web && $(WEB_NPM) run --silent test; fi
	@.ci/outside-postgres $(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report= $(ARGS)
	@if [ -z "$(ARGS)" ]; then $(BIN)/python tests/house/coverage_floor.py; fi

.PHONY: check
check: $(DEV_STAMP) $(WEB_STAMP) ## Lint, types and the walls between rooms; seconds, run it before each commit
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --config importlinter.toml --no-cache
	@cd web && $(WEB_NPM) run --silent check

.PHONY: chromium
chromium: ## Install Debian's Chromium, if there is none; the tests of the dashboard look through it
	@.ci/chromium >/dev/null

.PHONY: screenshots
screenshots: $(DEV_STAMP) $(PAGES) chromium ## Take pictures of every page of the demo into docs/screenshots
	@command -v pngquant >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y -qq pngquant >/dev/null; } || true
	@PYTHONPATH=tests $(BIN)/python -m browser.pictures $(PAGE)

.PHONY: pages
pages: $(PAGES) ## Build the dashboard's pages, if they are not fresh

.PHONY: wheel
wheel: $(DEV_STAMP) $(PAGES) ## Build the package with the pages in it, into dist/
	@$(UV) build --quiet --wheel --no-build-isolation

.PHONY: format
format: $(DEV_STAMP) $(WEB_STAMP) ## Put the code in its usual form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@cd web && $(WEB_NPM) run --silent format

.PHONY: bench
bench: $(RUN_STAMP) ## Measure ourselves, nginx and a peer in one run (see bench/README.md)
	@bench/run

.PHONY: soak
soak: $(SOAK_STAMP) ## List the ledger's long experiments; run one with CAMPAIGN=T4, all with CAMPAIGN=all
	@PYTHONPATH=tests $(BIN)/python -m campaigns $(CAMPAIGN) $(ARGS)

.PHONY: openapi
openapi: $(RUN_STAMP) ## Write docs/openapi.json anew
	@$(BIN)/tollhouse openapi --out docs/openapi.json

.PHONY: lock
lock: $(UV) ## Make requirements/*.txt anew from pyproject.toml
	@compile() { $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --python-version 3.11 "$$@"; }; \
	compile pyproject.toml --group build -o requirements/run.txt; \
	compile pyproject.toml --group build --group dev -o requirements/dev.txt; \
	compile pyproject.toml --group build --group dev --group soak -o requirements/soak.txt; \
	compile pyproject.toml --group build --group bench -o requirements/bench.txt; \
	compile --group node -o requirements/node.txt

.PHONY: clean
clean: ## Remove the environment and caches; your data in .tollhouse stays
	@rm -rf $(VENV) tests/oidc_provider/node_modules tests/otel_js/node_modules web/node_modules $(dir $(PAGES)) .venv-bench .mypy_cache .ruff_cache .pytest_cache .coverage .hypothesis

$(UV):
	@.ci/bootstrap $(PYTHON) $(VENV)

$(RUN_STAMP): requirements/run.txt pyproject.toml | $(UV)
	@$(UV) pip install --quiet --require-hashes -r requirements/run.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): requirements/dev.txt pyproject.toml | $(UV)
	@$(UV) pip install --quiet --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(RUN_STAMP)

# What the dashboard is built with and of, from the npm registry.
$(WEB_STAMP): web/package-lock.json web/package.json | $(UV)
	@cd web && $(WEB_NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGES): $(WEB_SOURCES) docs/openapi.json $(WEB_STAMP)
	@cd web && $(WEB_NPM) run --silent build -- --logLevel warn
	@touch $@

# An OpenID provider that the tests sign in at, from the npm registry.
$(OIDC_STAMP): tests/oidc_provider/package-lock.json tests/oidc_provider/package.json | $(DEV_STAMP)
	@cd tests/oidc_provider && ../../.ci/npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

# OpenTelemetry's SDK for JavaScript, a sender of spans.
$(OTEL_JS_STAMP): tests/otel_js/package-lock.json tests/otel_js/package.json | $(DEV_STAMP)
	@cd tests/otel_js && ../../.ci/npm ci --omit=dev --no-audit --no-fund --loglevel=error
	@touch $@

$(SOAK_STAMP): requirements/soak.txt | $(DEV_STAMP)
	@$(UV) pip install --quiet --require-hashes -r requirements/soak.txt
	@touch $@

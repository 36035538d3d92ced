# Everything here runs in .venv, installed from the pins in requirements/ and nothing else.
# Needs make and Python 3.11 or newer; `make PYTHON=python3.12 ...` picks one.
# FUZZ_SECONDS: how long `make fuzz` asks each surface.
# WORKERS: how many tests at once. More than there are cores, as many of them wait.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
WORKERS ?= 4
ARGS   ?=
FUZZ_SECONDS ?= 600

# The pure core. Only its own tests are measured: measuring what runs Lookout whole would double its time.
CORE := alerts sources incidents

# Stamps: a second call installs nothing unless pins or metadata changed.
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
SELF := $(VENV)/.self

# Without these two, an install or a test run would ask the network for something.
export PIP_NO_INPUT := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# Where it is set every process compiles Lookout anew, and the tests start some two hundred.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run demo test fuzz check format coverage bench faults documents screenshots pins clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN) $(SELF) ## Start Lookout (make run ARGS="--port 8080")
	@exec $(BIN)/lookout serve $(ARGS)

demo: $(RUN) $(SELF) ## Show Lookout at work on made-up alerts
	@exec $(BIN)/lookout demo $(ARGS)

test: $(DEV) $(SELF) ## Run all tests; alerts, sources and incidents must be covered in full by their unit tests
	@bash scripts/test-setup.sh
	$(BIN)/pytest tests -n $(WORKERS) --dist loadgroup --measure-core $(CORE:%=--cov=src/lookout/%) --cov-report=
	@$(BIN)/coverage report --fail-under=100

fuzz: $(DEV) $(SELF) ## Ask REST and GraphQL at random, ten minutes each (FUZZ_SECONDS=60 for one); try all properties deeper
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest -n 2 --dist worksteal -o faulthandler_timeout=0 \
		tests/scenario/test_openapi_fuzz.py tests/scenario/test_graphql_fuzz.py \
		tests/scenario/test_i2_i4_i5_i7_stateful.py
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest -n 2 --dist worksteal -o faulthandler_timeout=0 \
		tests/unit -m hypothesis

check: $(DEV) $(SELF) ## Lint, types and import contracts, in seconds
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/pyright

format: $(DEV) ## Format the code and mend what ruff can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

coverage: $(DEV) $(SELF) ## Run all tests, slower, and list the lines that none of them reached
	@bash scripts/test-setup.sh
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term-missing:skip-covered

bench: $(DEV) $(SELF) ## Measure Lookout beside Alertmanager, on a machine that does nothing else (ARGS="--rounds 1 idle")
	@bash scripts/test-setup.sh
	@command -v wrk >/dev/null || [ "$$(id -u)" != 0 ] || apt-get -qq install --yes wrk </dev/null >/dev/null
	@$(BIN)/python -m bench $(ARGS)

faults: $(DEV) $(SELF) ## Break everything around three replicas for 30 minutes, from 10 seeds (ARGS="--seed 7 --minutes 2")
	@bash scripts/test-setup.sh
	@[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || dpkg -s libfaketime >/dev/null 2>&1 || \
		apt-get -qq install --yes --no-install-recommends libfaketime </dev/null >/dev/null
	@exec $(BIN)/python -m faults $(ARGS)

documents: $(RUN) $(SELF) ## Write the generated documents: schemas, a diagram, tables of what was measured
	@$(BIN)/python -m scripts.write_documents

# dev.txt is constrained by run.txt: tests run on the versions that are served.
COMPILE = $(BIN)/uv pip compile --quiet --no-config --system-certs --universal --generate-hashes --python-version 3.11 \
	--custom-compile-command "make pins" $(ARGS) pyproject.toml

screenshots: $(DEV) $(SELF) ## Make the README's pictures of the page, with the system's Chromium
	@PYTHONPATH=. $(BIN)/python scripts/screenshots.py

pins: $(DEV) ## Compile requirements/ from pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) --group build --output-file requirements/run.txt
	$(COMPILE) --group dev --constraints requirements/run.txt --output-file requirements/dev.txt

clean: ## Remove .venv and everything that was made
	rm -rf $(VENV) .coverage .coverage.* .hypothesis .pytest_cache .ruff_cache .schemathesis build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer, or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lookout needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1): name another with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: install python3-venv (apt-get install python3-venv on Debian or Ubuntu)." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# The pins are whole, so nothing is left to resolve: an old pip would ask for newer versions than those pinned.
$(RUN): requirements/run.txt | $(BIN)/python
	@echo "Installing requirements/run.txt"
	@$(PIP) install --require-hashes --no-deps -r $<
	@$(PIP) check
	@touch $@

# dev.txt holds all of run.txt.
$(DEV): requirements/dev.txt requirements/run.txt | $(BIN)/python
	@echo "Installing requirements/dev.txt"
	@$(PIP) install --require-hashes --no-deps -r $<
	@$(PIP) check
	@touch $@ $(RUN)

# After whichever pins were asked for: both hold the build backend.
$(SELF): pyproject.toml | $(BIN)/python
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

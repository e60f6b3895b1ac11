# Everything runs from .venv, which the first target makes. `make` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo lint test bench requirements servers clean compiled

VENV := .venv
BIN := $(VENV)/bin

# The first Python that is new enough; `make PYTHON=/path/to/python` chooses another.
OLDEST := 3.11
NEW_ENOUGH := import sys; sys.exit(sys.version_info < tuple(map(int, "$(OLDEST)".split("."))))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

# Bytecode is compiled while installing, so that a command starts fast the first time too.
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
# What pip is told about where packages lie, uv is told too.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

# uv where it can reach the packages, else pip; both check every hash.
define install
$(BIN)/uv pip install --quiet --python $(BIN)/python $(1) \
	|| { echo "uv could not install; trying pip, which takes longer." >&2; \
	     $(BIN)/python -m pip install --quiet $(1); }
endef
# All extras but PyTorch, whose build differs from machine to machine, and Ray, which is for more than one of them.
HASHED_EXTRAS := --extra fsspec --extra gateway --extra ml --extra postgres
HASHED := --require-hashes --requirement
ITSELF := --no-deps --no-build-isolation --editable .

# Pins hold on every system and every Python from the oldest on; no address and no path is written.
COMPILE := UV_FIND_LINKS= $(BIN)/uv pip compile --quiet --universal --python-version $(OLDEST) \
	--generate-hashes --no-header --no-annotate $(UPGRADE)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run compiled ## make .venv with all that Headwater runs on

demo: setup ## run the Iris demo
	@$(BIN)/headwater demo iris

lint: $(VENV)/.dev ## check style, types and the import contract
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint compiled $(VENV)/.torch servers ## lint, then run the tests (PYTEST_ARGS="-k words" goes to pytest)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

bench: $(VENV)/.dev compiled $(VENV)/.torch ## measure
	@$(BIN)/python -m benchmarks

requirements: $(VENV)/.uv ## resolve pyproject.toml into requirements/ (UPGRADE=--upgrade for newer versions)
	$(COMPILE) --group build --group dev $(HASHED_EXTRAS) pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) --group build $(HASHED_EXTRAS) pyproject.toml \
		--constraints requirements/dev.txt --output-file requirements/run.txt
	echo uv | $(COMPILE) - --output-file requirements/uv.txt

# What the tests start and no Python package carries. Without it, or without the right to install it, they go on:
# what is skipped then is said by name at the end.
servers: ## install the servers that the tests run against (Debian, as root)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "Installing PostgreSQL for the tests." >&2; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
				apt-get install -qq --yes --no-install-recommends postgresql; } >/dev/null 2>&1 \
			|| echo "PostgreSQL could not be installed; its tests are skipped: apt-get install postgresql" >&2; \
		else \
			echo "There is no PostgreSQL server here; its tests are skipped: apt-get install postgresql" >&2; \
		fi; }
	@test -d $(VENV)/azurite || ! command -v npm >/dev/null 2>&1 \
		|| npm install --silent --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000 --prefix $(VENV)/azurite azurite@3.35.0 >/dev/null 2>&1 \
		|| { rm -rf $(VENV)/azurite; echo "Azurite could not be installed; the tests of Azure are skipped." >&2; }

clean: ## remove .venv, caches and build outputs
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says that an installation is done; it is made anew when what it was made from changes.

$(VENV)/.uv: requirements/uv.txt
	@test -n "$(PYTHON)" || { \
		echo "Headwater needs Python $(OLDEST) or newer. Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { \
		echo "$(PYTHON) is older than Python $(OLDEST). Name a newer one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet $(HASHED) requirements/uv.txt || echo "Going on without uv." >&2
	@touch $@

$(VENV)/.run: $(VENV)/.uv requirements/run.txt pyproject.toml
	@$(call install,$(HASHED) requirements/run.txt)
	@$(call install,$(ITSELF))
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements/dev.txt pyproject.toml
	@$(call install,$(HASHED) requirements/dev.txt)
	@$(call install,$(ITSELF))
	@touch $@ $(VENV)/.run

# PyTorch has no hashes here: which build is meant differs from machine to machine.
$(VENV)/.torch: constraints.txt $(VENV)/.dev
	@$(call install,--constraint constraints.txt torch)
	@touch $@

# Start-up stays quick even where PYTHONDONTWRITEBYTECODE is set; only changed files are compiled.
compiled: | $(VENV)/.uv
	@$(BIN)/python -m compileall -q src

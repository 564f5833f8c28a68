# Two commands matter: `make demo` and `make test`. Both make their own virtual environment in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: help demo test test-all test-vm soak check bench image clean

help:
	@echo "make demo      everything on this machine: grades sample programs, prints a table"
	@echo "make test      check, and every test once"
	@echo "make test-all  the long forms too"
	@echo "make test-vm   executor and service in virtual machines with systemd, cgroup v2 and AppArmor; as root, a quarter of an hour"
	@echo "make check     style, types and import direction, in seconds"
	@echo "make soak      three daemons while things break, some minutes; nothing may be lost"
	@echo "make bench     what it costs, against others that are on PATH: three quarters of an hour, on an idle machine"
	@echo "make clean     remove what the others made here"

demo: $(VENV)/.local
	@$(BIN)/submitter demo

check: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/unit/test_import_direction.py

test: check image
	@$(BIN)/pytest -m "not long"

test-all: check image
	@$(BIN)/pytest

# Part of test-all too, where it is skipped if no machine can be built.
test-vm: image
	@SUBMITTER_REQUIRE_VM=1 $(BIN)/pytest tests/vm

# Three daemons, and something breaks every two seconds: some minutes. SOAK="--submissions 3000 --every 3" is the long form.
SOAK ?= --submissions 1000 --every 2
soak: $(VENV)/.dev
	@$(BIN)/python -m tests.soak $(SOAK)

bench: image
	@$(BIN)/python -m benchmarks

# Without a Docker engine there is nothing to build, and the tests that need one are skipped.
image: $(VENV)/.dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" executor_image/ensure-image.sh

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "submitter needs Python 3.11 or newer as $(PYTHON): apt-get install python3, or make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "python3-venv is missing: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "making a virtual environment in $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local: setup.cfg | $(VENV)/bin/python
	@echo "installing submitter and its embedded services …" >&2
	@$(PIP) --editable '.[local]'
	@touch $@

$(VENV)/.dev: setup.cfg $(VENV)/.local
	@echo "installing what the tests need …" >&2
	@$(PIP) --editable '.[local,dev]'
	@touch $@

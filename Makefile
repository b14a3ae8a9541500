# Everything is made in .venv by python3 (3.11 or newer) and pip; nothing else is needed.
# A stamp file a group of packages: the second run of a target installs nothing.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test lint types docs check bench sanitize kernels gpu-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.stamp-dev  ## everything a developer needs, in .venv

demo: $(VENV)/.stamp-examples  ## train a GRU to tell nine speakers apart
	$(BIN)/python examples/japanese_vowels.py

test: $(VENV)/.stamp-test  ## run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.stamp-lint  ## check style and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.stamp-types  ## check types
	$(BIN)/python -m mypy

docs: $(VENV)/.stamp-docs  ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

check: test lint types docs  ## all of the four above

bench: $(VENV)/.stamp-core  ## run every program in benchmarks/
	@$(BIN)/python -c "from dlgru.kernels.extension import describe; print(describe())"
	@set -e; for program in $(sort $(wildcard benchmarks/[a-z]*.py)); do \
	    echo "== $$program"; $(BIN)/python $$program; done

sanitize:  ## run the C code under sanitizers, on random calls; needs only a C compiler
	native/fuzz/sanitize.sh

kernels: $(VENV)/.stamp-kernels  ## compile the GPU kernels and run them on an emulator
	$(BIN)/python -m tests.kernels.gpu.check_kernels
	DLGRU_KERNELS=1 $(BIN)/python -m pytest tests/kernels/gpu

gpu-check:  ## check and time everything, or PARTS, on a GPU; PYTHON is one that has CuPy
	PYTHONPATH=.:tests$${PYTHONPATH:+:$$PYTHONPATH} $(PYTHON) benchmarks/gpu/gpu_check.py \
	    --results benchmarks/gpu/results.json $(PARTS)

clean:  ## remove what make has made
	rm -rf $(VENV) docs/_build build dist *.egg-info dlgru/_native*.so dlgru/_native*.pyd
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Dependency groups need a newer pip than the one many Pythons bring along.
$(VENV)/.stamp-pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "dlgru needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade "pip>=25.1"
	@touch $@

# Both compile the C engine; the second installs the first as well.
BUILT_FROM := pyproject.toml setup.py $(wildcard native/*.[ch])

$(VENV)/.stamp-core: $(BUILT_FROM) | $(VENV)/.stamp-pip
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.stamp-examples: $(BUILT_FROM) | $(VENV)/.stamp-pip
	$(PIP) install --quiet --editable ".[examples]"
	@touch $(VENV)/.stamp-core $@

$(VENV)/.stamp-%: $(VENV)/.stamp-core
	$(PIP) install --quiet --group $*
	@touch $@

# `make demo` and `make test` need Python 3.11, git and make; everything else they install into .venv.
# A CPU build of torch is chosen by the constraints where pip finds one; elsewhere on Linux run
#   make install PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export HF_HUB_OFFLINE = 1
export ANONYMIZED_TELEMETRY = False

.PHONY: help install demo test lint clean
.DEFAULT_GOAL := help

help:
	@echo "make install   .venv with the inhouse command"
	@echo "make demo      index, tune, evaluate and ask on examples/ (about 10 minutes)"
	@echo "make test      style, types and every test"
	@echo "make clean     removes .venv and what the demo wrote"

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: install
	@examples/demo.sh

test: install lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .inhouse .pytest_cache .ruff_cache .mypy_cache inhouse.egg-info

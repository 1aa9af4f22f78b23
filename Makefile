# make quickstart: from a fresh clone to a leaderboard. make test: all tests. Both make .venv.
# PYTHON names the interpreter; TORCH another version of torch than constraints.txt, or "newest".

PYTHON ?= python3
TORCH ?=
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
PIN_TORCH := $(if $(TORCH),$(if $(filter newest,$(TORCH)),/^torch==/d,s/^torch==.*/torch==$(TORCH)/))

.PHONY: quickstart test clean

quickstart: .venv/.package
	$(BIN)/fmnbench run --suite quick --seeds 3 --store quickstart/results
	$(BIN)/fmnbench report --suite quick --store quickstart/results

test: .venv/.development .venv/.package
	$(BIN)/pytest -n auto --dist worksteal $(PYTEST_OPTIONS)

clean:
	rm -rf .venv

.venv/.dependencies: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("fmnbench needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	sed '$(PIN_TORCH)' constraints.txt > .venv/constraints.txt
	$(PIP) --constraint .venv/constraints.txt .
	touch $@

.venv/.development: .venv/.dependencies
	$(PIP) --constraint .venv/constraints.txt '.[dev]'
	touch $@

# The package itself is installed as users get it, a wheel, and again after each change.
.venv/.package: .venv/.dependencies hatch_build.py $(shell find fmnbench benchmarks -name '*.py' -o -name '*.toml' -o -name '*.csv' -o -name '*.json' -o -name '*.html')
	$(PIP) --no-deps --force-reinstall .
	touch $@

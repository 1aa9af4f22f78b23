# make quickstart: from a fresh clone to a leaderboard. make test: all tests. Both make .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: quickstart test clean

quickstart: .venv/.package
	$(BIN)/fmnbench run --suite quick --seeds 3
	$(BIN)/fmnbench report --suite quick

test: .venv/.package
	$(BIN)/pytest -n auto

clean:
	rm -rf .venv

.venv/.dependencies: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("fmnbench needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[dev]'
	touch $@

# The package itself is installed as users get it, a wheel, and again after each change.
.venv/.package: .venv/.dependencies $(shell find fmnbench benchmarks -name '*.py' -o -name '*.toml' -o -name '*.csv' -o -name '*.json' -o -name '*.html')
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	touch $@

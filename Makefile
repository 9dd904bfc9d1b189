# make demo: a picture with nothing to download.  make test: the tests.  make check: what a commit must pass.
# make docs: the website in site/.  make pictures: the pictures of README.md and docs/.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all check lint format docs pictures clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

demo: $(VENV)/.installed  ## the main job: a photograph becomes a painting
	$(BIN)/python train.py

test: $(VENV)/.installed-test  ## the fast tests, offline, on the CPU
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

test-all: $(VENV)/.installed-test  ## the slow ones too, and those in a browser (Debian's chromium, chromium-driver)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not gpu and not network'

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test

docs: $(VENV)/.installed-docs  ## the website in site/: warnings are errors, and nothing is loaded from another host
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	$(BIN)/python scripts/check_offline.py site

pictures: $(VENV)/.installed  ## the pictures of README.md and docs/, in docs/images
	$(BIN)/python scripts/make_pictures.py

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache

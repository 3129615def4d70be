# Two commands do all the set-up: `make run` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Python 3.11 to 3.13 to make the environment with: `make run PYTHON=python3.12`.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $(name))))

# DVC runs each stage as `exec python …`, which is looked up on PATH alone, so the environment's
# folder comes first, and absolute: a relative one would not hold inside a temporary experiment.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help run demo test report bundle submit sudoku lint lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10
	@echo 'make run PRESET=NAME writes presets/NAME.yaml into params.yaml first; they are listed by'
	@echo 'python -m pipeline use'

run: .venv/installed ## set up, then photos -> crops -> GAN -> images.zip -> score
	@$(if $(PRESET),python -m pipeline use '$(PRESET)')
	@python -m pipeline repro
	@python -m pipeline summary

demo: .venv/installed ## set up, then samples of a generator that comes with the project, in seconds
	@python -m pipeline demo

test: .venv/installed ## set up, then run the tests
	@python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

bundle: .venv/installed ## write kernels/dcgan, what `kaggle kernels push -p kernels/dcgan` takes
	@python -m pipeline repro -- -q kernels/dvc.yaml:bundle
	@echo 'kernels/dcgan is ready: kaggle kernels push -p kernels/dcgan'

submit: .venv/installed ## check, then push to Kaggle what submit.mode in params.yaml names
	@python -m pipeline submit

sudoku: .venv/installed ## play Sudoku with generated digits in a browser (a few minutes at first)
	@exec python -m pipeline sudoku

lint: .venv/installed ## check the style of the code
	@ruff check . && ruff format --check .

lock: ## resolve pyproject.toml anew into requirements.txt (needs uv)
	uv pip compile --quiet --universal --extra dev --no-header --upgrade \
		pyproject.toml --output-file requirements.txt

clean: ## give the disk back: the environment, data, outputs, DVC's cache and checkpoints
	rm -rf .venv .dvc/cache .dvc/tmp .dvc/plots-page.html .ckpt .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find data outputs -mindepth 1 ! -name .gitkeep -delete 2>/dev/null || true

# The stamp is written last, so that an interrupted install is taken up again; pip finds what it
# already installed, also without a network.
.venv/installed: requirements.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo 'error: no Python 3.11 to 3.13 on PATH; install one, or name it: make run PYTHON=…' >&2; \
		exit 1; \
	fi
	@.venv/bin/python -c '' 2>/dev/null || { rm -rf .venv && "$(PYTHON)" -m venv .venv; }
	@echo 'Installing the exact versions of requirements.txt into .venv (5.4 GB, some minutes) …'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@.venv/bin/python -m pipeline plots-page
	@touch $@

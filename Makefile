# Thin names for the commands of bootstrap.py; `make` alone prints them.
PYTHON ?= python3

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: ## open the window, or annotate the bundled clip where there is no screen
	$(PYTHON) bootstrap.py run

test: ## run the test suite
	$(PYTHON) bootstrap.py test

lint: ## check style, formatting and types
	$(PYTHON) bootstrap.py lint

format: ## rewrite the sources in the house style
	.venv/bin/python -m ruff format

setup: ## only set up
	$(PYTHON) bootstrap.py setup

.PHONY: help run test lint format setup

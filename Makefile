# Needs make and Python 3.11 or newer. uv is put into .uv/, everything else into .venv/.
PYTHON ?= python3
UV := .uv/uv
RUN := $(UV) run --no-sync
ARGS ?=
# The tests start hundreds of programs: none of them is to compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# Where a proxy has its own certificate authority, npm must trust it as Python does.
ifdef SSL_CERT_FILE
export NODE_EXTRA_CA_CERTS ?= $(SSL_CERT_FILE)
endif

.PHONY: help demo setup test test-postgresql check kills fuzz tamper mutate-safety bench bench-detect bench-agent picture screenshots rights fuzz-api agent-alone clean
.DELETE_ON_ERROR:

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(UV) ## Play the story on this machine and open the console; ARGS=--once plays it at speed and checks it
	$(UV) sync --quiet --frozen --inexact --no-dev --group demo
	$(RUN) --no-dev --group demo stillcold-sim demo $(ARGS)

setup: $(UV) ## Make .venv with everything that developing needs
	$(UV) sync --quiet --locked --all-packages --group dev

test: setup ## Everything that must hold: make check, then all tests; ARGS go to pytest
	sh tools/install_test_programs.sh
	$(MAKE) --no-print-directory check
	$(RUN) pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-postgresql: setup ## The server's tests with every database on PostgreSQL; ARGS go to pytest
	STILLCOLD_TEST_DATABASE=postgresql $(RUN) pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder tests/server $(ARGS)

check: setup ## Lint, format, types, import arrows, examples in docstrings
	$(RUN) ruff check --quiet
	$(RUN) ruff format --check --quiet
	$(RUN) mypy
	$(RUN) lint-imports --no-cache
	$(RUN) pytest --quiet --doctest-modules --ignore-glob='*/migrations/*' core/stillcold_core agent/stillcold_agent server/stillcold_server simulators/stillcold_sim

mutate-safety: setup ## Take away each safety in turn, in a copy: the tests that are named for it must turn red; ARGS are names in quotes
	$(RUN) python tools/mutate_safety.py $(ARGS)

kills: setup ## Kill agent, broker and server thirty times in turn during a restart; ARGS go to pytest
	STILLCOLD_KILLS=30 $(RUN) pytest -s tests/system/test_kills.py $(ARGS)

fuzz: setup ## A million hostile messages through the real ingest; ARGS go to pytest
	STILLCOLD_HOSTILE=1000000 $(RUN) pytest tests/server/test_hostile_ingest.py -s $(ARGS)

tamper: setup ## Change every byte of an evidence bundle, and 10,000 times more than that: both verifiers must find it; 15 minutes
	STILLCOLD_TAMPER=full $(RUN) pytest -s tests/server/test_evidence_tampering.py $(ARGS)

bench: setup ## Measurements, with their figures printed; ARGS go to pytest
	$(RUN) pytest tests/bench -o python_files='bench_*.py' -s $(ARGS)

bench-detect: setup ## How well detection finds, beside what users would set up otherwise; ARGS=--write renews docs/
	PYTHONPATH=tests $(RUN) python -m bench.detect $(ARGS)

bench-agent: setup ## What the agent costs and keeps, beside three other gateways; ARGS=--write renews docs/
	PYTHONPATH=tests $(RUN) python -m bench.agent $(ARGS)

fuzz-api: setup ## Call the API as each role with whatever schemathesis thinks of; ARGS are examples an operation, and roles
	PYTHONPATH=tests $(RUN) python tools/fuzz_api.py $(or $(ARGS),50)

rights: setup ## Write docs/rights.md anew from the routes
	$(RUN) python tools/rights.py

picture: setup ## Take the documents' pictures of the console anew; needs chromium and fonts-noto-cjk
	$(RUN) python tools/picture.py

screenshots: setup ## Take every page of the console, in both languages and on two screens, into run/screenshots; needs chromium and fonts-noto-cjk
	PYTHONPATH=tests $(RUN) python tools/screenshots.py run/screenshots

agent-alone: $(UV) ## Prove that the agent runs in an environment that holds nothing of the server
	sh tools/prove_agent_alone.sh

clean: ## Remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache run
	rm -rf server/console/node_modules server/stillcold_server/console/static

$(UV): tools/get_uv.py
	@$(PYTHON) tools/get_uv.py

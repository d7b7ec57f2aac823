# `make demo` and `make test` need only Python 3.11 and make. Both build the environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# Python keeps what it compiles, whatever the shell says: without that, every process compiles its imports again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo test test-slow check docs experiment bench bench-clustering bench-extractors bench-kills bench-loaders \
	bench-memory bench-publishing bench-removal bench-sampling fuzz real-video lock clean

## Build .venv with the versions that constraints.txt pins.
install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Affinity Graph needs Python 3.11 or newer. Name another Python with: make PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) \
		|| { echo "Python cannot make a virtual environment. On Debian and Ubuntu, run: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

## Run the whole pipeline, from videos to a trained model: make demo [VIDEOS=folder].
demo: install
	$(BIN)/affinity demo $(if $(VIDEOS),--videos "$(VIDEOS)")

# A worker runs one test file at a time, in order. Its two Neo4j servers need about 3 GB of memory.
WORKERS ?= 2
PYTEST = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

## Run the tests against a real local Neo4j, in two processes: make test [WORKERS=4].
test: install
	$(PYTEST) -m 'not slow and not alone'
	$(BIN)/pytest -m 'alone and not slow'

## Run the tests that take minutes: many kills, long sequences of requests, long fuzzing.
test-slow: install
	$(PYTEST) -m slow

## Check lint rules, formatting, types and imports, as every commit must pass them.
check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## Write the tables of docs/reference/settings.md from the code.
docs: install
	$(BIN)/python -m affinity.reference

## Run the benchmarks; docs/benchmarks.md has the results.
bench: install
	$(BIN)/pytest benchmarks --override-ini 'addopts=' -s

## Measure clustering of a given number of starts, with 9.2 kB of disk for each: make bench-clustering STARTS=1000000 [PARENTS=1000].
bench-clustering: export AFFINITY_BENCH_STARTS = $(STARTS)
bench-clustering: export AFFINITY_BENCH_PARENTS = $(PARENTS)
bench-clustering: install
	$(BIN)/pytest benchmarks/ingest/test_clustering_scale.py --override-ini 'addopts=' -s

## Compare the service with WebDataset, Mosaic Streaming and LitData, which get their own environment.
bench-loaders: export AFFINITY_BENCH_LOADERS = $(abspath $(VENV))/loaders/bin/python
bench-loaders: install
	test -x $(VENV)/loaders/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(VENV)/loaders
	$(BIN)/uv pip install --quiet --python $(VENV)/loaders/bin/python '.[bench]'
	$(BIN)/pytest benchmarks/api/test_service_speed.py -k loaders --override-ini 'addopts=' -s

## Compare sampling from a graph of a given size with one of 100,000 edges: make bench-sampling EDGES=1000000.
bench-sampling: export AFFINITY_BENCH_EDGES = $(EDGES)
bench-sampling: install
	$(BIN)/pytest benchmarks/graphdb/test_sampling_speed.py --override-ini 'addopts=' -s

## Measure writing, exporting and importing a graph of a given size: make bench-publishing PATCHES=1000000.
bench-publishing: export AFFINITY_BENCH_PATCHES = $(PATCHES)
bench-publishing: install
	$(BIN)/pytest benchmarks/graphdb/test_publishing.py --override-ini 'addopts=' -s

## Measure the purity of the edges of each extractor. The table of docs/benchmarks.md comes from:
## make bench-extractors SEEDS=5 STEPS=420.
bench-extractors: export AFFINITY_BENCH_SEEDS = $(SEEDS)
bench-extractors: export AFFINITY_BENCH_STEPS = $(STEPS)
bench-extractors: install
	$(BIN)/pytest benchmarks/ingest/test_extractor_purity.py --override-ini 'addopts=' -s

## Measure forgetting, pruning and rewriting a shard of a given size: make bench-removal PATCHES=262144.
bench-removal: export AFFINITY_BENCH_PATCHES = $(PATCHES)
bench-removal: install
	$(BIN)/pytest benchmarks/graphdb/test_removal.py --override-ini 'addopts=' -s

## Measure the memory of the service, over many batches, with 64 readers, and with stalled readers:
## make bench-memory [BATCHES=n].
bench-memory: export AFFINITY_BENCH_BATCHES = $(BATCHES)
bench-memory: install
	$(BIN)/pytest benchmarks/api/test_service_memory.py --override-ini 'addopts=' -s

## Kill trainer, service and Neo4j at random moments of one run: make bench-kills KILLS=20 SEED=1.
bench-kills: export AFFINITY_BENCH_KILLS = $(KILLS)
bench-kills: export AFFINITY_BENCH_SEED = $(SEED)
bench-kills: install
	$(BIN)/pytest benchmarks/trainer/test_random_kills.py --override-ini 'addopts=' -s

## Fuzz the service: up to 500 generated requests for each operation of its OpenAPI description, and a hundred sequences
## of requests: docs/benchmarks.md.
fuzz: export AFFINITY_FUZZ_EXAMPLES = 500
fuzz: export AFFINITY_READER_EXAMPLES = 100
fuzz: install
	$(BIN)/pytest tests/integration/api/test_contract.py tests/integration/api/test_reader_machine.py -s

## Ingest five real videos and the samples, and draw contact sheets: docs/real-video.md.
real-video: install
	BIN=$(BIN) sh docs/sheets/draw.sh

## Compare the rows of the method on a larger world of the samples' generator. It takes two hours on two cores, and needs
## the Debian packages that samples/generate.py names. After an interruption, the same command resumes: docs/experiments.md.
experiment: install
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev,experiment]'
	$(BIN)/python -m experiments --out .experiment $(if $(SEEDS),--seeds $(SEEDS))

## Resolve the newest versions and pin them in constraints.txt.
lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --extra dev --extra experiment --output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) .demo .experiment

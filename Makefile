# `make demo` and `make test` need Python 3.11 and make, nothing else; both build the environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# Python keeps what it compiles, whatever the shell says: without that, every process compiles its imports again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install demo test test-slow check docs experiment bench bench-clustering bench-extractors bench-kills bench-loaders \
	bench-memory bench-publishing bench-removal bench-sampling fuzz real-video lock clean

## Build .venv with everything pinned in constraints.txt.
install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Affinity Graph needs Python 3.11 or newer; name one with: make PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) \
		|| { echo "Python cannot make an environment here; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

## The main job, from videos to a trained model: make demo [VIDEOS=folder].
demo: install
	$(BIN)/affinity demo $(if $(VIDEOS),--videos "$(VIDEOS)")

# A worker takes a file at a time, in order, and has two Neo4j of its own: about 3 GB of memory.
WORKERS ?= 2
PYTEST = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

## The tests, against real local Neo4j, in two processes: make test [WORKERS=4].
test: install
	$(PYTEST) -m 'not slow'

## The tests that take minutes by their nature: many kills, stories of readers, long fuzzing.
test-slow: install
	$(PYTEST) -m slow

## What must hold before a commit: formatting, types, imports.
check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## Write the tables of docs/reference/settings.md from the code.
docs: install
	$(BIN)/python -m affinity.reference

## Measure; the report is docs/benchmarks.md.
bench: install
	$(BIN)/pytest benchmarks --override-ini 'addopts=' -s

## Clustering at a size of yours, 9.2 kB of disk a start: make bench-clustering STARTS=1000000 [PARENTS=1000].
bench-clustering: export AFFINITY_BENCH_STARTS = $(STARTS)
bench-clustering: export AFFINITY_BENCH_PARENTS = $(PARENTS)
bench-clustering: install
	$(BIN)/pytest benchmarks/ingest/test_clustering_scale.py --override-ini 'addopts=' -s

## The service beside WebDataset, Mosaic Streaming and LitData, which get an environment of their own.
bench-loaders: export AFFINITY_BENCH_LOADERS = $(abspath $(VENV))/loaders/bin/python
bench-loaders: install
	test -x $(VENV)/loaders/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(VENV)/loaders
	$(BIN)/uv pip install --quiet --python $(VENV)/loaders/bin/python '.[bench]'
	$(BIN)/pytest benchmarks/api/test_service_speed.py -k loaders --override-ini 'addopts=' -s

## Sampling from a graph of a size of yours beside one of 100,000 edges: make bench-sampling EDGES=1000000.
bench-sampling: export AFFINITY_BENCH_EDGES = $(EDGES)
bench-sampling: install
	$(BIN)/pytest benchmarks/graphdb/test_sampling_speed.py --override-ini 'addopts=' -s

## Writing, exporting and importing a graph of a size of yours: make bench-publishing PATCHES=1000000.
bench-publishing: export AFFINITY_BENCH_PATCHES = $(PATCHES)
bench-publishing: install
	$(BIN)/pytest benchmarks/graphdb/test_publishing.py --override-ini 'addopts=' -s

## Purity of the edges by extractor; with the defaults a look, with these the table: make bench-extractors SEEDS=5 STEPS=420.
bench-extractors: export AFFINITY_BENCH_SEEDS = $(SEEDS)
bench-extractors: export AFFINITY_BENCH_STEPS = $(STEPS)
bench-extractors: install
	$(BIN)/pytest benchmarks/ingest/test_extractor_purity.py --override-ini 'addopts=' -s

## Forgetting, pruning and rewriting a shard, at a size of yours: make bench-removal PATCHES=262144.
bench-removal: export AFFINITY_BENCH_PATCHES = $(PATCHES)
bench-removal: install
	$(BIN)/pytest benchmarks/graphdb/test_removal.py --override-ini 'addopts=' -s

## Memory of the service over so many batches, with 64 readers, and with readers that do not read: make bench-memory.
bench-memory: export AFFINITY_BENCH_BATCHES = $(BATCHES)
bench-memory: install
	$(BIN)/pytest benchmarks/api/test_service_memory.py --override-ini 'addopts=' -s

## Twenty kills of trainer, service and Neo4j in one run, at moments that the seed draws: make bench-kills KILLS=20 SEED=1.
bench-kills: export AFFINITY_BENCH_KILLS = $(KILLS)
bench-kills: export AFFINITY_BENCH_SEED = $(SEED)
bench-kills: install
	$(BIN)/pytest benchmarks/trainer/test_random_kills.py --override-ini 'addopts=' -s

## Ask the service for up to 500 things an operation, made up from its own description, and tell a hundred stories of its
## readers: docs/benchmarks.md.
fuzz: export AFFINITY_FUZZ_EXAMPLES = 500
fuzz: export AFFINITY_READER_EXAMPLES = 100
fuzz: install
	$(BIN)/pytest tests/integration/api/test_contract.py tests/integration/api/test_reader_machine.py -s

## Ingest five real videos and the samples, and draw what the graph holds: docs/real-video.md.
real-video: install
	BIN=$(BIN) sh docs/sheets/draw.sh

## The method on a larger world of the samples' generator, row beside row; two hours on two cores. Needs the
## Debian packages that samples/generate.py names. Stopped, the same line goes on: docs/experiments.md.
experiment: install
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev,experiment]'
	$(BIN)/python -m experiments --out .experiment $(if $(SEEDS),--seeds $(SEEDS))

## Pin the versions that were resolved today.
lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --extra dev --extra experiment --output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) .demo .experiment

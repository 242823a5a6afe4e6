# mesh: `make demo` shows it, `make test` proves it, `make check` is for between edits. All set themselves up.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := check
MAKEFLAGS += --no-print-directory
.PHONY: setup build demo test check format lint fuzz sim sim-planted chaos bench bench-peers scale scale-docs clean

# What building and testing need: Debian packages and npm packages.
setup:
	@scripts/setup.sh

# Compile to dist/, removing what no longer has a source.
build: setup
	@scripts/build.sh

# Three hosts on this machine, in network namespaces: the main job in a minute.
demo: build
	@scripts/sandbox.sh node dist/cli/main.js demo

# Everything: the fast tests, whole routers in virtual time, then real hosts in namespaces, then the package as npm would install it.
test: build
	@scripts/test.sh fast sim netns package

# Format, lint, types and the fast tests: about half a minute.
check: setup
	@$(MAKE) -j3 --output-sync format lint build
	@scripts/test.sh fast

# Is everything formatted? `npx prettier --write .` mends it.
format:
	@node_modules/.bin/prettier --check --log-level warn --cache .

# What the compiler lets pass.
lint:
	@node_modules/.bin/eslint --cache --cache-location node_modules/.cache/eslint/ .

# A million inputs for each decoder and each property, a minute at most for each (MESH_FUZZ_SECONDS), and a real TAP as long.
fuzz: build
	@scripts/test.sh fuzz

# Real routers in namespaces under random faults, while pings run between all containers: make chaos SECONDS=600 SEED=7 ROUTERS=30
chaos: build
	@scripts/sandbox.sh node dist/bench/chaos/main.js --seconds '$(SECONDS)' --seed '$(SEED)' --routers '$(ROUTERS)' --overlay '$(OVERLAY)'

# Random scenarios for whole routers in virtual time: make sim [SECONDS=60] [SEED=7] [COUNT=1000] [JOBS=1], or SCRIPT=file.
sim: build
	@node --enable-source-maps dist/test/sim/swarm/main.js

# Bugs planted in a copy, one line each: the scenarios must find every one. [SEED=7] [JOBS=1]
sim-planted: build
	@node --enable-source-maps dist/test/sim/swarm/planted.js

# Throughput, latency and convergence against plain VXLAN; writes bench/out/*.json.
bench: build
	@scripts/sandbox.sh node dist/bench/main.js

# Other tunnels for `make bench` to compare the sleeve with, by apt-get: wireguard-go, tinc, openvpn, fastd, nebula.
bench-peers:
	@scripts/bench-peers.sh

# Whole meshes of 10 to 1,000 routers in virtual time, minutes each; ROUTERS=100 for one size. Writes bench/out/scale-N.json.
scale: build
	@node dist/bench/scale/main.js

# The table and the plots of docs/scale.md out of bench/out/scale-*.json.
scale-docs: build
	@node dist/bench/scale/report.js

# Remove what was built. node_modules stays.
clean:
	@rm -rf dist bench/out *.tgz node_modules/.cache

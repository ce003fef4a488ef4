# Everything stays inside this folder: .venv (the program), .kafka (Apache Kafka's jars), .helm (what the chart's tests need),
# .data (the stand-ins' data).
PYTHON ?= python3
VENV := .venv

.PHONY: api setup run test chaos bench universe lint kafka helm clean

setup:
	@$(PYTHON) requirements/install.py

run: setup
	$(VENV)/bin/whatsapp-microservice up

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

test: setup lint
	$(VENV)/bin/pytest

# All scenarios, or some: make chaos ONLY=kill-worker,kill-web RUNS=3; a soak of minutes instead: make chaos SOAK=30, with
# SEED=7 the faults of the one that told this seed
chaos: setup
	$(VENV)/bin/python -m tests.chaos --only "$(ONLY)" --runs $(or $(RUNS),1) --soak $(or $(SOAK),0) --seed $(or $(SEED),0)

# The documents of topics and HTTP, from the models: docs/api; and the variables, from the settings: docs/configuration.md,
# .env.example, the chart's schema.
api: setup
	$(VENV)/bin/python -m cli.generated

# All rows, or some: make bench ONLY=rate-100,saturation RUNS=5; with more processes: WEBS=2 WORKERS=4; the statistics':
# make bench ONLY=stats-agent,stats-recovery,stats-view; beside a service of the same job, DIR with its `compare.mjs`:
# make bench PEER=DIR ONLY=rate-100,closed
bench: setup
ifdef PEER
	$(VENV)/bin/python -m tests.bench.peer $(PEER) --only "$(ONLY)" --runs $(or $(RUNS),3)
else
	$(VENV)/bin/python -m tests.bench --only "$(ONLY)" --runs $(or $(RUNS),0) --webs $(or $(WEBS),1) --workers $(or $(WORKERS),1)
endif

# What the chart's tests need: helm, built from its module, and Kubernetes' schemas. Unoptimised, because that halves the time.
helm: setup
	test -x .helm/bin/helm || GOBIN=$(CURDIR)/.helm/bin GOCACHE=$(CURDIR)/.helm/cache GOMODCACHE=$(CURDIR)/.helm/modules \
		GOFLAGS="-modcacherw -buildvcs=false" CGO_ENABLED=0 \
		go install -trimpath -ldflags "-s -w" -gcflags "all=-N -l" helm.sh/helm/v3/cmd/helm@v3.19.5
	test -d .helm/schemas || $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--target .helm/schemas -r requirements/helm.txt
	rm -rf .helm/cache .helm/modules

# A simulation from a seed: make universe SEEDS=2000 FROM=4001; planted bugs: make universe BUGS=all SEEDS=100
universe: setup
	$(VENV)/bin/python -m tests.universe --seeds $(or $(SEEDS),200) --from $(or $(FROM),1) --bugs "$(BUGS)"

kafka:
	mvn --quiet --batch-mode -f local/kafka/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(CURDIR)/.kafka

clean:
	rm -rf $(VENV) .kafka .helm .data

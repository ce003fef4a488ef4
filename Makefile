# Everything stays inside this folder: .venv (the program), .kafka (Apache Kafka's jars), .data (the stand-ins' data).
PYTHON ?= python3
VENV := .venv

.PHONY: api setup run test chaos bench lint kafka clean

setup:
	@$(PYTHON) requirements/install.py

run: setup
	$(VENV)/bin/whatsapp-microservice up

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

test: setup lint
	$(VENV)/bin/pytest

# All scenarios, or some: make chaos ONLY=kill-worker,kill-web RUNS=3; a soak of minutes instead: make chaos SOAK=30
chaos: setup
	$(VENV)/bin/python -m tests.chaos --only "$(ONLY)" --runs $(or $(RUNS),1) --soak $(or $(SOAK),0)

# The documents of topics and HTTP, from the models: docs/api; and the variables, from the settings: docs/configuration.md, .env.example.
api: setup
	$(VENV)/bin/python -m cli.api_documents docs/api
	$(VENV)/bin/python -m cli.environment docs/configuration.md .env.example

# All rows, or some: make bench ONLY=rate-100,saturation RUNS=5; with more processes: WEBS=2 WORKERS=4; the statistics':
# make bench ONLY=stats-agent,stats-recovery,stats-view
bench: setup
	$(VENV)/bin/python -m tests.bench --only "$(ONLY)" --runs $(or $(RUNS),0) --webs $(or $(WEBS),1) --workers $(or $(WORKERS),1)

kafka:
	mvn --quiet --batch-mode -f local/kafka/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(CURDIR)/.kafka

clean:
	rm -rf $(VENV) .kafka .data

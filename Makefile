# Everything stays inside this folder: .venv (the program), .kafka (Apache Kafka's jars), .data (the stand-ins' data).
PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed

.PHONY: setup run test lint kafka clean

setup: $(INSTALLED)

$(INSTALLED): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

run: setup
	$(VENV)/bin/whatsapp-microservice up

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

test: setup lint
	$(VENV)/bin/pytest

kafka:
	mvn --quiet --batch-mode -f local/kafka/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(CURDIR)/.kafka

clean:
	rm -rf $(VENV) .kafka .data

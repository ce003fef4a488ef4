# One image for all processes: the command says which. Whoever wants the same base each time gives its digest:
# docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements/runtime.txt requirements/
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY rules rules
COPY mailboxes mailboxes
COPY clients clients
COPY process process
COPY db db
COPY streams streams
COPY web web
COPY local local
COPY cli cli
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
# By its number, because Kubernetes cannot tell from a name that it is not root.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin service
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 LOG_FORMAT=json
USER 10001
WORKDIR /tmp
EXPOSE 3001 6066 6067
STOPSIGNAL SIGTERM
ENTRYPOINT ["whatsapp-microservice"]
CMD ["web"]

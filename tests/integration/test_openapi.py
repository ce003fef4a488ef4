"""The real gateway, asked what its document allows and a little more, never answers with a server error."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from openapi_spec_validator import validate

from clients.kafka.topics import ensure_topics
from schemas.settings import load_settings
from tests.integration.test_web_process import _environment, serving
from tests.support.gateway import TOKEN
from web.openapi import openapi

# Under a minute in all on the slowest machine; raise it to find more. One worker: Python 3.11 miscounts its
# parser's depth when two threads parse, as Hypothesis does ("AST constructor recursion depth mismatch").
_EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "15")
_SECONDS = 120


def test_the_document_is_valid() -> None:
    validate(openapi())


async def test_no_request_of_the_document_breaks_the_gateway(
    database_url: str, kafka_bootstrap: str, tmp_path: Path
) -> None:
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "TOPIC_PREFIX": "openapi-", "TOPIC_PARTITIONS": "1"}
    await ensure_topics(load_settings(kafka))
    env = _environment(database_url, OUTCOME_WAIT_SECONDS="0.1", **kafka)
    async with serving(env, tmp_path / "web.log"):
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"http://127.0.0.1:{env['PORT']}/openapi.json",
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,"
            "response_schema_conformance",
            f"--header=X-Service-Token: {TOKEN}",
            f"--max-examples={_EXAMPLES}",
            "--phases=examples,coverage,fuzzing",
            "--seed=1",
            "--no-color",
            "--workers=1",
        ]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-16000:] + done.stderr[-1000:]

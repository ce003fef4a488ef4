"""A certificate authority for the tests, and the certificates it signs: for loopback and for a client."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.process import LOOPBACK

_NAME = f"subjectAltName=IP:{LOOPBACK}"
CLIENT_NAME = "CN=client of the tests,O=Tests"
"""The client's subject, as RFC 4514 writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files; keys are PKCS#8."""

    authority: Path
    server: Path
    key: Path
    client: Path
    client_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority, and certificates that it signs."""
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    _openssl(*_NEW, "-keyout", authority_key, "-out", authority, "-subj", "/CN=authority of the tests")
    signed = ["-CA", authority, "-CAkey", authority_key, "-addext", "basicConstraints=critical,CA:FALSE"]
    server, key = folder / "server.pem", folder / "server.key"
    _openssl(*_NEW, "-keyout", key, "-out", server, "-subj", f"/CN={LOOPBACK}", *signed, "-addext", _NAME)
    client, client_key = folder / "client.pem", folder / "client.key"
    subject = "".join(f"/{part}" for part in reversed(CLIENT_NAME.split(",")))
    _openssl(*_NEW, "-keyout", client_key, "-out", client, "-subj", subject, *signed)
    return Certificates(authority=authority, server=server, key=key, client=client, client_key=client_key)


_NEW = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

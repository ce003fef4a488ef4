"""A certificate authority of the tests' own, and a server's certificate for loopback, made with openssl."""

import subprocess
from pathlib import Path

from local.kafka.ports import LOOPBACK

_NAME = f"subjectAltName=IP:{LOOPBACK}"


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Give the authority's certificate, the server's certificate and its key (PEM, PKCS#8)."""
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    certificate, key = folder / "server.pem", folder / "server.key"
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    _openssl(*new, "-keyout", authority_key, "-out", authority, "-subj", "/CN=authority of the tests")
    signed = ["-CA", authority, "-CAkey", authority_key, "-addext", _NAME, "-addext", "basicConstraints=critical,CA:FALSE"]
    _openssl(*new, "-keyout", key, "-out", certificate, "-subj", f"/CN={LOOPBACK}", *signed)
    return authority, certificate, key


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

"""Ports that processes are about to listen on."""

import socket
from collections.abc import Mapping

from schemas.errors import ConfigurationError


def check_free(ports: Mapping[str, int]) -> None:
    """Check ports, given by the variables that set them; 0 is any.

    Raises:
        ConfigurationError: one is taken, or may not be listened on.
    """
    for variable, port in ports.items():
        with socket.socket() as probe:
            # As servers do: connections that ended a moment ago do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise ConfigurationError(
                    f"{variable}: {port} cannot be listened on ({error.strerror}); set another"
                ) from error

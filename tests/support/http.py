"""`httpx`'s functions without first reading the machine's certificates, which takes longer than a request.

Nothing in the tests speaks TLS over HTTP.
"""

import ssl
from functools import partial

import httpx

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

get = partial(httpx.get, verify=NO_CERTIFICATES)
post = partial(httpx.post, verify=NO_CERTIFICATES)
request = partial(httpx.request, verify=NO_CERTIFICATES)
stream = partial(httpx.stream, verify=NO_CERTIFICATES)

"""ElevenLabs as its public API really is: each turn has a signed URL and a WebSocket text conversation.

Built on aiohttp, it costs the driver more than the lean stand-ins; so it has its own row, at a moderate rate.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from local.process import LOOPBACK, free_port
from tests.bench.vendors import ElevenLabs

_SIGN = "/v1/convai/conversation/get-signed-url"
_CONVERSATION = "/v1/convai/conversation"


class Sockets:
    """Asks the same ledger and takes the same time as the REST route of `vendor`."""

    def __init__(self, vendor: ElevenLabs) -> None:
        self._vendor = vendor

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on a free port; yield the base URL."""
        app = web.Application()
        app.router.add_get(_SIGN, self._sign)
        app.router.add_get(_CONVERSATION, self._converse)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, LOOPBACK, port, backlog=4096).start()
        try:
            yield f"http://{LOOPBACK}:{port}"
        finally:
            await runner.cleanup()

    async def _sign(self, request: web.Request) -> web.Response:
        return web.json_response({"signed_url": f"ws://{request.host}{_CONVERSATION}?{request.query_string}"})

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        start = await socket.receive_json()
        about = {"conversation_id": "conv_text", "agent_output_audio_format": "pcm_16000"}
        await socket.send_json(
            {"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": about}
        )
        async for message in socket:
            event = json.loads(message.data) if message.type is WSMsgType.TEXT else {}
            if event.get("type") == "user_message":
                await self._answer(socket, start["user_id"], event["text"])
        return socket

    async def _answer(self, socket: web.WebSocketResponse, number: str, text: str) -> None:
        after, begun = self._vendor.asked(number, text), time.monotonic()
        await asyncio.sleep(self._vendor.latency.draw())
        answer = json.loads(after(time.monotonic() - begun))["response"]
        await socket.send_json({"type": "agent_response", "agent_response_event": {"agent_response": answer}})
        await socket.send_json({"type": "agent_response_complete"})

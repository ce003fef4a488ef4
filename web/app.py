"""The gateway's composition root: routes and what stands behind them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from clients.service_token import accepted_tokens
from clients.views import StatsView
from schemas.settings import Settings
from web.answers import Next as Handler
from web.answers import errors_as_json, not_stored
from web.bodies import HANDLER_ARGS, LARGEST_BODY
from web.calls import Calls, OutcomeSource
from web.commands import CommandOutcomeSource, Commands, TemplateSource, unknown
from web.conversations import Conversations, Rows
from web.dead_letters.letters import Letters
from web.dead_letters.routes import DeadLetterRoutes
from web.docs import add_docs
from web.health import Health
from web.media import Media
from web.metrics import measured, metrics
from web.middlewares import refuse_nul, token_middleware, traced, with_request_id
from web.openapi import serve as openapi
from web.post_call import PostCall
from web.publisher import Publishing
from web.stats import Stats
from web.twilio_webhooks import TwilioWebhooks


@dataclass(frozen=True, kw_only=True, slots=True)
class Collaborators:
    """What the routes need from outside."""

    publisher: Publishing
    outcomes: OutcomeSource
    commands: CommandOutcomeSource
    letters: Letters | None = None
    database: Rows
    health: Health
    stats: StatsView
    media: Media
    templates: TemplateSource | None = None
    spooled_until: Callable[[], Awaitable[int | None]] = unknown
    ops: web.Application | None = None


def create_app(settings: Settings, outside: Collaborators) -> web.Application:
    """Make the application; it connects to nothing."""
    # Outermost first: whatever happens inside has a request id and is counted; nothing is read for strangers.
    middlewares = [
        with_request_id,
        traced,
        measured,
        errors_as_json,
        token_middleware(accepted_tokens(settings)),
        # For webhooks the signature comes first; the console's pages report it in their own way.
        refuse_nul("/webhook/", "/ops"),
    ]
    app = web.Application(middlewares=middlewares, client_max_size=LARGEST_BODY, handler_args=HANDLER_ARGS)
    app.on_response_prepare.append(not_stored)
    _add_api(app, settings, outside)
    _add_webhooks(app, settings, outside)
    _add_views(app, outside.health)
    if settings.phone_url is not None:
        app.router.add_get("/phone", to_phone(settings.phone_url))
    if outside.ops is not None:
        app.add_subapp("/ops", outside.ops)
    return app


def _add_api(app: web.Application, settings: Settings, outside: Collaborators) -> None:
    calls = Calls(settings, outside.publisher, outside.outcomes)
    app.router.add_post("/api/call-completed", calls.post)
    app.router.add_get("/api/conversations/{phone}", Conversations(outside.database).get)
    app.router.add_get("/api/conversations/{phone}/media/{sid}/{index}", outside.media.get)
    commands = Commands(
        outside.publisher,
        outside.commands,
        settings.outcome_wait_seconds,
        outside.templates,
        spooled_until=outside.spooled_until,
    )
    app.router.add_post("/api/conversations/{phone}/commands", commands.post)
    if outside.letters is not None:
        DeadLetterRoutes(outside.letters).add_to(app)
    app.router.add_get("/api/stats", Stats(settings, outside.database, outside.stats).get)


def _add_webhooks(app: web.Application, settings: Settings, outside: Collaborators) -> None:
    webhooks = TwilioWebhooks(settings, outside.publisher)
    app.router.add_post("/webhook/twilio/incoming", webhooks.incoming)
    app.router.add_post("/webhook/twilio/status", webhooks.status)
    post_call = PostCall(settings, outside.publisher, outside.database)
    app.router.add_post("/webhook/elevenlabs/post-call", post_call.post)


def to_phone(url: str) -> Handler:
    """Return a redirect to the phone, which only a local world with simulated vendors has."""

    async def redirect(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(url)

    return redirect


def _add_views(app: web.Application, health: Health) -> None:
    app.router.add_get("/health", health.health)
    app.router.add_get("/live", health.live)
    app.router.add_get("/ready", health.ready)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/openapi.json", openapi)
    add_docs(app)

"""Puts the operators' pages together, as an application of its own under `/ops`."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp_jinja2
import aiohttp_session
import jinja2
from aiohttp import web

from clients.views import StatsView, WorkerViews
from schemas.settings import Settings
from web.client_address import TrustedProxies
from web.database import Database
from web.health import Health
from web.media import Media
from web.middlewares import refuse_nul
from web.ops.actions import Actions, Submitting
from web.ops.campaigns import Campaigns
from web.ops.charts import Charts
from web.ops.conversation import Conversation
from web.ops.conversations import Conversations
from web.ops.dead_letters import DeadLetters, Handling
from web.ops.files import Files
from web.ops.filters import Filters
from web.ops.guard import errors_as_pages, form_of, operators_only, with_headers
from web.ops.language import COOKIE, LANGUAGES
from web.ops.live import Live
from web.ops.now import Now
from web.ops.operators import Operators
from web.ops.pages import inside, see_other
from web.ops.presence import Presence
from web.ops.session import Sessions
from web.ops.shared import shared
from web.ops.sign_in import SignIn
from web.ops.suppressed import Suppressed

_FOLDER = Path(__file__).parent
# A year: nobody is asked again for a choice of language.
_LANGUAGE_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class OpsCollaborators:
    """What the pages need from the gateway."""

    database: Database
    health: Health
    stats: StatsView
    workers: WorkerViews
    commands: Submitting
    media: Media
    letters: Handling
    live: Live
    presence: Presence


def create_ops(settings: Settings, outside: OpsCollaborators) -> web.Application:
    """Make the application; it connects to nothing."""
    app = web.Application(middlewares=[with_headers])
    operators = Operators.of(settings)
    sessions = Sessions(operators, outside.database, settings.public_base_url)
    app.middlewares.append(aiohttp_session.session_middleware(sessions.storage))
    app.middlewares.extend([errors_as_pages, operators_only(sessions), refuse_nul()])
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    masked = settings.operators_see_masked_numbers
    Filters(ZoneInfo(settings.stats_timezone), masked_numbers=masked).install(environment)
    _add_frame(app, SignIn(operators, sessions, TrustedProxies(settings.trusted_proxies)))
    _add_pages(app, settings, outside)
    _add_conversations(app, settings, outside)
    app.router.add_get("/live", outside.live.get)
    app.on_shutdown.append(outside.live.stop)
    return app


def _add_frame(app: web.Application, sign_in: SignIn) -> None:
    app.router.add_static("/static", _FOLDER / "static")
    app.router.add_get("/sign-in", sign_in.form)
    app.router.add_post("/sign-in", sign_in.post)
    app.router.add_post("/sign-out", sign_in.sign_out)
    app.router.add_post("/language", _choose_language)


def _add_pages(app: web.Application, settings: Settings, outside: OpsCollaborators) -> None:
    now = Now(outside.database, outside.health, outside.workers)
    app.router.add_get("", shared(now.get))
    app.router.add_get("/", now.get)
    charts = Charts(outside.database, ZoneInfo(settings.stats_timezone))
    app.router.add_get("/charts/{span:hour|day}.svg", charts.get)
    app.router.add_get("/suppressed", Suppressed(outside.database).get)
    letters = DeadLetters(outside.letters)
    app.router.add_get("/dead-letters", letters.overview)
    app.router.add_post("/dead-letters", letters.post)
    app.router.add_get("/dead-letters/{id}", letters.get)
    campaigns = Campaigns(settings, outside.database, outside.stats)
    app.router.add_get("/campaigns", shared(campaigns.list))
    app.router.add_get("/campaigns/{batch}", shared(campaigns.get))
    app.router.add_get("/campaigns/{batch}/campaign.csv", campaigns.csv)
    app.router.add_get("/campaigns/{batch}/funnel.svg", campaigns.chart)
    app.router.add_get("/campaigns/{batch}/days.svg", campaigns.by_day)


def _add_conversations(app: web.Application, settings: Settings, outside: OpsCollaborators) -> None:
    app.router.add_get("/conversations", shared(Conversations(outside.database).get))
    conversation = Conversation(outside.database, outside.presence)
    app.router.add_get("/open/{id:[1-9][0-9]{0,8}}", conversation.open)
    app.router.add_get("/conversations/{phone}", conversation.get)
    files = Files(outside.media)
    app.router.add_get("/conversations/{phone}/media/{sid}/{index}", files.get)
    app.router.add_get("/conversations/{phone}/export.json", conversation.export)
    app.router.add_post("/conversations/{phone}/commands", Actions(outside.commands).post)


async def _choose_language(request: web.Request) -> web.Response:
    """Keep the chosen language in a cookie and go back to the page."""
    form = await form_of(request)
    wanted, response = form.get("language", ""), see_other(inside(form.get("back", "")))
    if wanted in LANGUAGES:
        response.set_cookie(
            COOKIE, wanted, max_age=_LANGUAGE_SECONDS, path="/ops", httponly=True, samesite="Strict"
        )
    return response

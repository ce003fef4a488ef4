"""docs/production.md names what exists: variables, addresses, vendor settings that the service needs."""

import json
import re

import pytest

from clients.agent import CallContext
from clients.elevenlabs.agent_settings import agent_problems
from clients.elevenlabs.context_text import variables
from schemas.events import CallCompleted
from schemas.settings import Settings
from tests.support.gateway import Fakes, gateway
from tests.support.up import ROOT

PAGE = (ROOT / "docs" / "production.md").read_text()
PAGES = {name: (ROOT / name).read_text() for name in ("docs/production.md", "deploy/helm/README.md")}
LINK = re.compile(r"\]\(([^)#:]+)?(#[^)]+)?\)")


def test_the_readme_leads_to_it_and_it_to_the_chart() -> None:
    assert "(docs/production.md)" in (ROOT / "README.md").read_text()
    assert "(../deploy/helm/README.md)" in PAGE


def test_its_variables_are_there() -> None:
    told = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+_?", PAGE))
    known = {name.upper() for name in Settings.model_fields}
    assert {
        name for name in told if not any(each == name or each.startswith(name) for each in known)
    } == set()


@pytest.mark.parametrize("name", PAGES)
def test_what_it_links_to_is_there(name: str) -> None:
    folder = (ROOT / name).parent
    for file, part in LINK.findall(PAGES[name]):
        found = (folder / file).resolve() if file else ROOT / name
        assert found.exists(), file
        if part:
            titles = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
            assert part[1:] in {
                re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles
            }, part


async def test_the_addresses_for_the_vendors_consoles_are_served() -> None:
    told = set(re.findall(r"https://wa\.example\.com(/[\w/-]+)", PAGE))
    assert told == {"/webhook/twilio/incoming", "/webhook/elevenlabs/post-call"}
    async with gateway(Fakes()) as client:
        assert client.app is not None
        assert told <= {
            route.resource.canonical for route in client.app.router.routes() if route.resource is not None
        }


def test_the_call_that_it_shows_is_taken() -> None:
    [call] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.S)]
    assert CallCompleted.model_validate(call)


def test_an_agent_that_is_set_up_as_it_says_has_no_findings() -> None:
    section = PAGE.partition("## 3.")[2].partition("## 4.")[0]
    assert "*Overrides*: allow *First message*" in " ".join(section.split())
    assert "*Text only*" in " ".join(section.split())
    events = re.findall(r"`(agent_\w+|client_tool_call)`", section)
    agent = {
        "conversation_config": {
            "agent": {
                "first_message": "Hola",
                "prompt": {"prompt": "…", "tools": [{"name": "transfer_to_human"}]},
            },
            "conversation": {"client_events": events},
        },
        "platform_settings": {
            "overrides": {
                "conversation_config_override": {
                    "agent": {"first_message": True},
                    "conversation": {"text_only": True},
                }
            }
        },
    }
    assert agent_problems(agent, has_call=True) == []


def test_the_variables_of_a_prompt_are_those_that_are_given() -> None:
    told = set(re.findall(r"\{\{([a-z_]+)\}\}", PAGE))
    assert told == set(variables(CallContext()))

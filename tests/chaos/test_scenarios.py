"""What every row of the table must have: a limit for its recovery, the usual load, the product's defaults."""

import pytest

from tests.chaos import codecs, faults, machine_faults, odd_clients, replay_faults
from tests.chaos.scenario import Load, Scenario
from tests.chaos.scenarios import SCENARIOS

# Nothing is away in these: the trouble lies in the load, in what vendors say, or in additional work.
_NO_OUTAGE = (faults.nothing, codecs.compress, replay_faults.replay_under_load, replay_faults.replay_killed)
# Each states its reason.
_OTHER_LOADS = {"bursts", "backlog-100k"}
# A vendor's quota; a request for three copies in Kafka; a faked clock; others' mistakes, for `poison`.
_NAMED = {"TWILIO_MESSAGES_PER_SECOND", "TOPIC_REPLICATION_FACTOR", *machine_faults.FAKED, *odd_clients.ENV}

rows = pytest.mark.parametrize("row", SCENARIOS, ids=[each.name for each in SCENARIOS])


@rows
def test_whatever_goes_away_has_a_bound_for_when_answers_flow_again(row: Scenario) -> None:
    assert row.fault in _NO_OUTAGE or row.recovery is not None


@rows
def test_the_load_is_the_usual_one_unless_it_is_said_why(row: Scenario) -> None:
    assert (row.load.turns_per_second == Load().turns_per_second) == (row.name not in _OTHER_LOADS)


@rows
def test_the_product_runs_with_its_defaults_but_for_what_is_named(row: Scenario) -> None:
    assert set(row.env) <= _NAMED


def test_what_failed_over_or_was_refused_is_judged_by_those_who_wrote_meanwhile() -> None:
    judged = {row.name for row in SCENARIOS if row.caught_up is not None}
    vendors = {"twilio-outage", "twilio-outage-5min", "elevenlabs-outage", "account-locked", "no-credits"}
    assert judged >= vendors | {"postgres-failover", "kafka-leader"}

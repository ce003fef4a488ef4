"""Whose conversations the recording has: one number for each way a conversation can stand."""

from enum import StrEnum


class Person(StrEnum):
    """The value is the number."""

    FINISHED = "+573103850001"  # two exchanges, a file, a quoted message, everything delivered and read
    LONG = "+573103850002"  # an answer in several messages
    CALLED_TWICE = "+573103850003"  # two calls in one row, closed by an operator
    ESCALATED = "+573103850004"  # asked for a person, who wrote; the backend could not be told
    RESUMED = "+573103850005"  # given back to the agent, which does not know yet what was said meanwhile
    STOPPED = "+573103850006"  # STOP, and a later campaign that was refused
    BLOCKED = "+573103850007"  # Twilio said 21610
    STARTED_AGAIN = "+573103850008"  # STOP, then ALTA
    ERASED = "+573103850009"
    REFUSED = "+573103850010"  # Twilio refused the first message for good
    SKIPPED = "+573103850011"  # a call after which no conversation begins
    UNANSWERED = "+573103850012"  # unknown, and its grace is over
    UNKNOWN = "+573103850013"  # unknown, two messages wait for a call
    UNKNOWN_STOP = "+573103850014"  # unknown, and wants no messages
    PACED = "+573103850015"  # the first message waits for its campaign's next slot
    SPARED = "+34612385016"  # the first message waits for the morning
    AGENT_CHANGED = "+573103850017"
    AGENT_ENDED = "+573103850018"
    REPEATED = "+573103850019"  # a replay had a message answered once more
    LATE = "+573103850020"  # a message that Twilio's list brought, after newer ones
    WITHOUT_DETAILS = "+573103850021"  # ElevenLabs does not know the call's summary yet
    # The worker was killed while these were in its hands.
    ASKING = "+573103850031"  # the agent is being asked
    INTENDED = "+573103850032"  # Twilio was being asked, and has not got the message
    SENT_UNSEEN = "+573103850033"  # Twilio has the message, nobody here knows
    # Step by step, without anybody who would go on.
    HELD = "+573103850041"  # the agent is away; messages, an operator's text and a call wait behind
    HELD_STOP = "+573103850042"  # the same, and the client wants no more messages
    START_ASKED = "+573103850043"  # ALTA and a question in one burst, not answered yet
    HANDOFF_BEGUN = "+573103850044"  # asked for a person, not confirmed yet
    PLANNED = "+573103850045"  # the first of three messages is with Twilio
    UNKNOWN_SEND = "+573103850046"  # nobody knows whether the first of two is
    REPORTED_SEND = "+573103850047"  # its former owner told what only it knew
    WRITING = "+573103850048"  # an operator's text, nothing planned
    CALL_BEGUN = "+573103850049"
    CALL_ANSWERED = "+573103850050"
    OUTSIDE = "+573103850051"  # fell outside the 24-hour window, to be said as a template
    OUTSIDE_BEGUN = "+573103850052"
    SLOW = "+573103850053"  # one of three messages came back
    SLOW_BEGUN = "+573103850054"  # the same, waiting for its time, and a message behind it
    SLOW_REST = "+573103850055"  # the rest of an answer waits behind what came back
    HELD_SEND = "+573103850056"  # a send of unknown outcome was left to an operator
    EARLY_REPORT = "+573103850057"  # a report of a send whose sid nobody knows
    REPLAY_WAITS = "+573103850058"  # a replay wants a message answered once more, behind a held turn
    REVIVAL_WAITS = "+573103850059"  # a replay wants a failed turn to go on, behind a held turn
    FAILED_UNASKED = "+573103850060"  # the agent refused for good, nothing was said
    ERASED_UNTOLD = "+573103850061"  # erased, and its event has not left
    STOP_NOTED = "+573103850062"  # a STOP was seen, and is still in Kafka
    CALL_HELD = "+573103850063"  # the first message waits, though nobody spares the client
    WRITTEN = "+573103850064"  # an operator's text, about to be sent
    SAID_AGAIN = "+573103850065"  # what came back is about to be sent once more
    REPEATING = "+573103850066"  # a replay has a message answered once more, not answered yet
    # Rows of the backend's own, in the contract's tables.
    BACKENDS = "+573103850071"  # never had to do with the service
    BACKENDS_CALLED = "+573103850072"  # was called later
    SPOOLED = "+573103850073"  # called while Kafka was away


def call_id(number: str, place: int = 1) -> str:
    """Return the id of a number's call."""
    return f"conv_{number[-4:]}_{place}"


def sid(number: str, place: int) -> str:
    """Return the id of a message that a number wrote."""
    return f"SM{number[-6:]}{place:026x}"

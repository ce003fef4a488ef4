"""Clients of the two vendors. Everything a turn needs of them is exported here."""

from schemas.elevenlabs_call import CallDetails
from schemas.twilio_codes import Verdict, classify
from streams.vendors.agent import Agent, AgentReply, CallContext, Question
from streams.vendors.bundle import Vendors, build_vendors
from streams.vendors.message_split import split_message
from streams.vendors.message_text import to_whatsapp
from streams.vendors.twilio_messages import Accepted, Found, OutgoingMessage
from streams.vendors.twilio_sender import TwilioSender

__all__ = [
    "Accepted",
    "Agent",
    "AgentReply",
    "CallContext",
    "CallDetails",
    "Found",
    "OutgoingMessage",
    "Question",
    "TwilioSender",
    "Vendors",
    "Verdict",
    "build_vendors",
    "classify",
    "split_message",
    "to_whatsapp",
]

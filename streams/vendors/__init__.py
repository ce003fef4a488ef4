"""Clients of the two vendors. Everything a turn needs of them is exported here."""

from streams.vendors.agent import Agent, AgentReply, CallContext, CallDetails, Question
from streams.vendors.bundle import Vendors, build_vendors
from streams.vendors.message_text import split_message, to_whatsapp
from streams.vendors.twilio_sender import Accepted, Found, OutgoingMessage, TwilioSender

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
    "build_vendors",
    "split_message",
    "to_whatsapp",
]

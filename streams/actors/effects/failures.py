"""What an effect comes to that raised instead of telling. Pure."""

from rules import effects as f
from rules import inputs as i


def result_of(effect: f.Effect, error: Exception) -> i.Input:
    """Return the input that stands for the result: of a send nobody knows what became of it.

    Raises:
        Exception: the error itself, where nothing would ever be tried again.
    """
    why = type(error).__name__
    match effect:
        case f.AskAgent(question=question):
            return i.AgentFailed(question=tuple(each.event_id for each in question), retryable=True, why=why)
        case f.SendMessage(part=part):
            return i.SendUnknown(own_id=part.own_id, why=why)
        case f.AwaitSlot(part=part):
            return i.SendNotMade(own_id=part.own_id, why=why)
        case f.LookUpSend(part=part):
            return i.LookupDone(own_id=part.own_id)
        case f.FetchDetails(call_id=call_id):
            return i.DetailsFetched(call_id=call_id, details=None)
        case f.TellBackend(conversation_id=conversation_id, number=number):
            return i.BackendAnswered(conversation_id=conversation_id, number=number, problem=why)
    raise error

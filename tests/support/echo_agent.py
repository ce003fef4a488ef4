"""An agent that repeats what it heard, behind the ports of agents and calls."""

from clients.agent import AgentReply, Question
from schemas.elevenlabs_call import CallDetails


class EchoAgent:
    async def ask(self, question: Question) -> AgentReply:
        await question.confirm()
        return AgentReply(text=f"Oí: {question.text}", raw={}, transport="rest")

    def prepare(self, agent_id: str) -> None:
        """Prepare nothing."""

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        return CallDetails(
            summary="Quiere el plan", duration_secs=61, transcript=[], dynamic_variables={}, status="done"
        )

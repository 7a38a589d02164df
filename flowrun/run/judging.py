"""The judge of `auto` in a run: asked like any model, its word kept, paid for by the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrun.chat.messages import ChatReply, ChatRequest
from flowrun.dataclass import dataclass
from flowrun.providers.auto import verdict
from flowrun.run import request
from flowrun.run.answers import from_kept
from flowrun.run.events import StepRetried
from flowrun.run.paying import paid_from
from flowrun.run.places import Place

if TYPE_CHECKING:
    from flowrun.document.task import Ask
    from flowrun.providers.resolved import Resolved
    from flowrun.run.ask import Asker, Spent
    from flowrun.run.job import Job


@dataclass(frozen=True, slots=True)
class Judging:
    """Asks a judge on behalf of one step; what it costs is counted in `spent`."""

    asker: Asker
    job: Job
    ask: Ask
    spent: Spent

    async def answer(self, judge: Resolved, asked: ChatRequest) -> ChatReply:
        """What the judge says: once for a request, as long as its answer is kept.

        Raises: FlowrunError of the kind that says why there is no answer.
        """
        endpoint, store = judge.endpoint, self.asker.store
        key = request.key(asked, endpoint=endpoint.name, base_url=endpoint.base_url, sample=0)
        kept = store.get(key) if self.asker.keeps(self.ask) else None
        known = None if kept is None else from_kept(kept, store.blob)
        if known is not None:
            return known
        provider = self.asker.models.provider(
            judge,
            retries=self.ask.retry,
            on_retry=self._tell,
            paying=paid_from(self.job.budget, judge, self.asker.require_going),
        )
        async with Place(self.asker, judge.label, has_tools=False):
            reply = await provider.send(asked)
        self.spent.add(reply, judge)
        if self.asker.keeps(self.ask):
            # Its word alone: what else it may have said is shown to nobody.
            self.asker.keep(key, ChatReply(verdict(reply), "stop", reply.model, reply.usage))
        return reply

    def _tell(self, reason: str, delay_s: float, attempt: int) -> None:
        job = self.job
        self.asker.emit(StepRetried(job.step, job.item, reason, delay_s, attempt, job.within))

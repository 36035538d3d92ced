"""One try to commit a batch: renew, load, decide, append.

A repeat of a firing that this process has seen is one renewal in one batched update, and everything else goes through a
ledger and is written in one transaction.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from lookout import metrics
from lookout.clock import Clock
from lookout.incidents.events import Record
from lookout.incidents.ledger import Ledger, Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason
from lookout.intake.listening import Listening
from lookout.intake.repeats import Receipts, Repeats
from lookout.intake.settle import settle, settle_in_thread
from lookout.intake.ways import Way
from lookout.intake.work import Delivery, Expiry, Findings, Outcome, Watch, Work, needs_of, rejections_of
from lookout.store.log import Log

THREAD_FROM = 100
"""From this many alerts on a ledger decides in a thread, so that the server goes on answering: as many take 3 ms."""

Grown = Sequence[tuple[str, Sequence[Record]]]
"""By tenant what a commit has added to logs."""


class Attempt(msgspec.Struct):
    """What each try of a batch goes by, and how long it waits for a lock, in seconds, if not as usual.

    Then what came of it: `returned` are tenants and their sources that were silent and are heard again.
    """

    way: Way
    lock_seconds: float | None
    grown: Grown = ()
    returned: Sequence[tuple[str, str]] = ()


class Tries:
    """Tries to commit."""

    def __init__(
        self, store: Log, clock: Clock, policy: Policy, fresh_id: Callable[[], str], listening: Listening
    ) -> None:
        self.policy = policy
        """What decides. Another may be put here at any time: a try goes to its end with the one it began with."""
        self._store = store
        self._clock = clock
        self._fresh_id = fresh_id
        self._listening = listening
        self._repeats = Repeats(store)

    async def once(self, batch: Iterable[Work], attempt: Attempt) -> list[Outcome]:
        """What each comes to, once it is committed.

        Raises what the database or a ledger does. What was only renewed may stand then, and if the database's answer
        was lost, so may all.
        """
        policy = self.policy
        heard = [self._as_heard(work) for work in batch]
        renewed = await self._repeats.renew(heard, self._clock.now(), policy, attempt.lock_seconds)
        rest = {
            index: _without(work, renewed.get(index, {}))
            for index, work in enumerate(heard)
            if _is_left(work, len(renewed.get(index, ())))
        }
        outcomes = await self._decide(list(rest.values()), policy, attempt) if rest else []
        decided = dict(zip(rest, outcomes, strict=True))
        _count_repeats(renewed)
        return [_joined(renewed.get(index, {}), decided.get(index, [])) for index in range(len(heard))]

    def _as_heard(self, work: Work) -> Work:
        """Without those of whom something was refused since the timers looked: it may have been what they miss."""
        if not isinstance(work, Expiry | Watch):
            return work
        since = max(work.listening_since, self._listening.since)
        refused = {tenant_id for tenant_id, at in self._listening.refusals() if at >= work.now}
        if isinstance(work, Expiry):
            fingerprints = {name: some for name, some in work.fingerprints.items() if name not in refused}
            return msgspec.structs.replace(work, fingerprints=fingerprints, listening_since=since)
        heartbeats = {name: some for name, some in work.heartbeats.items() if name not in refused}
        return msgspec.structs.replace(work, heartbeats=heartbeats, listening_since=since)

    async def _decide(self, batch: list[Work], policy: Policy, attempt: Attempt) -> list[Outcome]:
        way, lock_seconds = attempt.way, attempt.lock_seconds
        size = sum(work.size for work in batch)
        is_large = size >= THREAD_FROM
        needs = await asyncio.to_thread(needs_of, batch, policy) if is_large else needs_of(batch, policy)
        await self._store.open_feeds(needs, self._clock.now(), lock_seconds)
        async with self._store.transaction(needs, size, way.give, lock_seconds) as transaction:
            ledgers = await transaction.load(needs, policy, self._fresh_id, self._clock.now())
            await way.give()
            if is_large or sum(len(need.fingerprints) for need in needs.values()) >= THREAD_FROM:
                outcomes = await asyncio.to_thread(settle_in_thread, batch, ledgers, way.give_in_thread)
            else:
                outcomes = settle(batch, ledgers)
            await transaction.append(ledgers.values())
            await transaction.append_rejected(rejections_of(batch))
            await way.give()  # what is flushed to the disk with a commit, others wait for
        attempt.grown = [(ledger.tenant_id, ledger.records) for ledger in ledgers.values() if ledger.records]
        attempt.returned = [(ledger.tenant_id, source) for ledger in ledgers.values() for source in ledger.returned]
        _count(outcomes, ledgers.values())
        if is_large:  # each of the two takes a millisecond for two thousand
            await asyncio.sleep(0)
        if self._repeats.goes_by(policy):  # in the other lane another one may have come into force
            self._repeats.remember(batch, outcomes)
        return outcomes


def _without(work: Work, renewed: Mapping[int, Receipt]) -> Work:
    """What is left to decide of a delivery."""
    if not renewed or not isinstance(work, Delivery):
        return work
    left = [alert for place, alert in enumerate(work.alerts) if place not in renewed]
    return msgspec.structs.replace(work, alerts=left)


def _is_left(work: Work, renewed: int) -> bool:
    """Whether there is more to do than to renew so many alerts."""
    return not isinstance(work, Delivery) or len(work.alerts) > renewed or bool(work.rejected)


def _joined(renewed: Mapping[int, Receipt], decided: Outcome) -> Outcome:
    """What a job came to: of a delivery the receipts of both kinds, in the order of its alerts."""
    if not isinstance(decided, list) or not renewed:
        return decided
    others = iter(decided)
    return [renewed[place] if place in renewed else next(others) for place in range(len(renewed) + len(decided))]


def _count_repeats(renewed: Receipts) -> None:
    metrics.DECIDED.labels(Reason.DUPLICATE).inc(sum(len(receipts) for receipts in renewed.values()))


def _count(outcomes: Iterable[Outcome], ledgers: Iterable[Ledger]) -> None:
    decided = (outcome.alerts if isinstance(outcome, Findings) else outcome for outcome in outcomes)
    reasons = Counter(receipt.reason for receipts in decided if isinstance(receipts, list) for receipt in receipts)
    for reason, count in reasons.items():
        metrics.DECIDED.labels(reason).inc(count)
    for event_type, count in Counter(
        record.event.event_type for ledger in ledgers for record in ledger.records
    ).items():
        metrics.EVENTS.labels(event_type).inc(count)

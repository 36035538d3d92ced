"""Asking the sources what fires, where they can be asked, and having the intake reconcile that with what is held.

On the start, after a time in which Lookout could not listen, when a source has another address or somebody requests it,
and when an operator asks. What cannot be reached, or answers otherwise than it should, changes nothing and is told.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
import structlog

from lookout import metrics
from lookout.access import is_loopback
from lookout.alerts.answer import Answer
from lookout.alerts.source import Source
from lookout.alerts.text import one_line
from lookout.clock import Clock
from lookout.errors import Conflict, LookoutError, Overloaded
from lookout.incidents.reconcile import NOTHING, Comparison, Finding, Said, comparison_of, differing
from lookout.incidents.tenants import Tenancy
from lookout.intake.work import Reconciliation
from lookout.intake.writer import Intake
from lookout.limits import Limits
from lookout.sources import QUESTIONS
from lookout.sources.asking import Asked
from lookout.sources.parsed import MalformedBody
from lookout.store.database import PASSING_ERRORS
from lookout.store.log import Log

INTERVAL = timedelta(seconds=3)
"""How often to look whether a source is to be asked."""
RETRY_AFTER = timedelta(seconds=15)
RETRY_AT_MOST = timedelta(minutes=5)
"""A source that does not answer is asked again after the first, then after twice as long each time up to the second."""
ADDRESS_SECONDS = 20.0
"""What an address has not answered in full after so many seconds counts as no answer."""
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes of one body of an answer."""
BATCH_LIMIT = 5_000
"""Alerts whose differences are decided in one commit."""
WAITING_LIMIT = 8
"""Operators who may wait for a comparison."""
FINDINGS_TOLD = 500
"""Alerts that are told one by one of one source; all are counted."""
_PROBLEM_LIMIT = 300

log = structlog.get_logger()


class AskedAddress(msgspec.Struct, frozen=True):
    """One address, without its password: how many alerts fire there, or why it does not count."""

    url: str
    firing: int | None = None
    problem: str | None = None


class Reconciled(msgspec.Struct, frozen=True):
    """What came of asking one source: how many alerts began and ended by it, and the first of them."""

    source: str
    addresses: list[AskedAddress]
    began: int
    ended: int
    alerts: list[Finding]

    @property
    def is_whole(self) -> bool:
        return all(address.problem is None for address in self.addresses)


class _NoAnswer(LookoutError):
    """An address did not answer, or not as it should."""


class _Occasion(msgspec.Struct, frozen=True):
    """Why a source was asked: Lookout listens since then, and it has these addresses."""

    listening_since: datetime
    addresses: tuple[str, ...]


class _Wait(msgspec.Struct, frozen=True):
    """When to ask again, and how long to wait after that."""

    until: datetime
    then: timedelta


class Reconciler:
    """Asks the sources of one tenant: for all that fires if it `is_alone`, else for what nothing gives another one."""

    def __init__(
        self, store: Log, intake: Intake, clock: Clock, tenant_id: str, limits: Limits, *, is_alone: bool
    ) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._tenant_id = tenant_id
        self._is_alone = is_alone
        self._limits = limits
        self._asking = asyncio.Lock()
        self._waiting = 0
        self._asked: dict[str, _Occasion] = {}
        self._requested: set[str] = set()
        self._waits: dict[str, _Wait] = {}

    async def run(self) -> None:
        """Ask at once, and whenever there is a reason to, for ever."""
        while True:
            for source in self._askable():
                if self._is_due(source):
                    await self._ask_in_time(source)
            await self._clock.sleep(INTERVAL)

    def request(self, tenant_id: str, source: str) -> None:
        """Have `source` asked soon: it was silent, and is heard again. Nothing happens if it cannot be asked."""
        if tenant_id == self._tenant_id:
            self._requested.add(source)

    async def reconcile(self) -> list[Reconciled]:
        """Ask every source now. Raises `Conflict` if none can be asked, `Overloaded`."""
        if not self._askable():
            raise Conflict(
                "no source can be asked: set sources.prometheus.prometheus_url or "
                "sources.alertmanager.alertmanager_url in lookout.yaml, and reload it",
                "sources",
                "an address",
            )
        if self._waiting >= WAITING_LIMIT:
            raise Overloaded("the sources are being asked already; try again")
        self._waiting += 1
        try:
            return [await self._reconcile(source) for source in self._askable()]
        finally:
            self._waiting -= 1

    def _askable(self) -> list[str]:
        return [name for name in QUESTIONS if self._intake.policy.source(name).addresses]

    def _is_due(self, source: str) -> bool:
        wait = self._waits.get(source)
        if wait is not None and self._clock.now() < wait.until:
            return False
        return source in self._requested or self._asked.get(source) != self._occasion(source)

    def _occasion(self, source: str) -> _Occasion:
        return _Occasion(self._intake.listening.since_of(self._tenant_id), self._intake.policy.source(source).addresses)

    async def _ask_in_time(self, source: str) -> None:
        """Ask; if it does not succeed in full, wait longer each time."""
        occasion = self._occasion(source)
        self._requested.discard(source)
        try:
            is_whole = (await self._reconcile(source)).is_whole
        except (*PASSING_ERRORS, Overloaded) as error:
            log.warning("reconcile", action="reconcile_failed", source=source, error=repr(error))
            is_whole = False
        except Exception as error:
            # Not passing, and yet no reason to stop: Lookout goes on, whatever a source has answered.
            log.exception("reconcile", action="reconcile_failed", source=source, error=repr(error))
            is_whole = False
        if is_whole:
            self._asked[source] = occasion
            self._waits.pop(source, None)
        else:
            self._requested.add(source)
            then = self._waits[source].then if source in self._waits else RETRY_AFTER
            self._waits[source] = _Wait(self._clock.now() + then, min(2 * then, RETRY_AT_MOST))

    async def _reconcile(self, source: str) -> Reconciled:
        async with self._asking:
            policy = self._intake.policy
            settled = policy.source(source)
            asked_at = self._clock.now()
            asked = await asyncio.gather(*(self._ask(source, settled, url, asked_at) for url in settled.addresses))
            answers = [answer for answer, _ in asked if answer is not None]
            addresses = [address for _, address in asked]
            findings: list[Finding] = []
            if answers:
                is_whole = len(answers) == len(asked)
                findings = await self._compare(comparison_of(source, asked_at, answers, is_whole=is_whole))
            began = sum(finding.is_firing for finding in findings)
            ended = len(findings) - began
            metrics.RECONCILED.labels(source, "began").inc(began)
            metrics.RECONCILED.labels(source, "ended").inc(ended)
            if answers:
                log.info("reconcile", action="reconciled", source=source, began=began, ended=ended)
            return Reconciled(source, addresses, began, ended, findings[:FINDINGS_TOLD])

    async def _compare(self, comparison: Comparison) -> list[Finding]:
        """Have what differs decided, so many at once. What was heard meanwhile is seen there, under the lock."""
        held = [alert async for alert in self._store.held_alerts(self._tenant_id, comparison.source)]
        policy = self._intake.policy
        differ = [
            fingerprint
            for fingerprint in differing(held, comparison, policy)
            if self._is_ours(comparison.said.get(fingerprint, NOTHING), policy.tenants)
        ]
        findings: list[Finding] = []
        for start in range(0, len(differ), BATCH_LIMIT):
            findings += await self._decide(comparison, differ[start : start + BATCH_LIMIT])
        return findings

    def _is_ours(self, said: Said, tenancy: Tenancy) -> bool:
        """Whether an alert is this tenant's: a label or a rule may say that it is another's, who then holds it."""
        alerts = (*said.fires.values(), *said.muted.values())
        return self._is_alone or all(tenancy.tenant_of(each.label_set) in {None, self._tenant_id} for each in alerts)

    async def _decide(self, comparison: Comparison, differ: Sequence[str]) -> Sequence[Finding]:
        """Have them decided in one commit. One that cannot be costs the others nothing: halve until it is alone."""
        try:
            work = Reconciliation(self._tenant_id, comparison, differ, self._clock.now())
            return await self._intake.reconcile(work)
        except (*PASSING_ERRORS, Overloaded):
            raise
        except Exception as error:
            if len(differ) == 1:
                log.exception("reconcile", action="not_reconciled", fingerprint=differ[0], error=repr(error))
                return []
            middle = len(differ) // 2
            return [
                *await self._decide(comparison, differ[:middle]),
                *await self._decide(comparison, differ[middle:]),
            ]

    async def _ask(
        self, source: str, settled: Source, url: str, asked_at: datetime
    ) -> tuple[Answer | None, AskedAddress]:
        shown = _without_password(url)
        try:
            async with asyncio.timeout(ADDRESS_SECONDS):
                question = QUESTIONS[source]
                date, bodies = await _get(url, question.paths(settled), asked_at)
                answer = await asyncio.to_thread(
                    question.read, Asked(shown, asked_at, date, bodies, self._limits), settled
                )
        except TimeoutError:
            problem = f"did not answer in full within {ADDRESS_SECONDS:.0f} s"
        except (_NoAnswer, MalformedBody) as error:
            problem = one_line(str(error), _PROBLEM_LIMIT)
        else:
            metrics.RECONCILES.labels(source, "answered").inc()
            return answer, AskedAddress(shown, firing=len(answer.alerts) + len(answer.muted))
        metrics.RECONCILES.labels(source, "failed").inc()
        log.warning("reconcile", action="not_answered", source=source, url=shown, problem=problem)
        return None, AskedAddress(shown, problem=problem)


async def _get(url: str, paths: Sequence[str], asked_at: datetime) -> tuple[datetime, list[bytes]]:
    """The bodies, and what time it is there. Raises `_NoAnswer`."""
    date = asked_at
    bodies: list[bytes] = []
    try:
        async with httpx.AsyncClient(
            timeout=ADDRESS_SECONDS,
            follow_redirects=False,
            # A compressed body could be of any size.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            trust_env=not is_loopback(urlsplit(url).hostname or ""),  # no proxy leads back to this machine
        ) as http:
            for path in paths:
                async with http.stream("GET", url + path) as response:
                    _check(response, path)
                    bodies.append(await _body(response, path))
                    date = _date_of(response) or date
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _NoAnswer(f"cannot be reached: {error or type(error).__name__}") from None
    return date, bodies


def _check(response: httpx.Response, path: str) -> None:
    if response.is_redirect:
        raise _NoAnswer(f"{path} is a redirect, which is not followed: give the address that it leads to")
    if response.status_code != 200:
        raise _NoAnswer(f"{path} was answered with {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _NoAnswer(f"{path} was answered compressed, which was not asked for")


async def _body(response: httpx.Response, path: str) -> bytes:
    taken = bytearray()
    async for chunk in response.aiter_raw():
        taken += chunk
        if len(taken) > ANSWER_LIMIT:
            raise _NoAnswer(f"the answer of {path} is larger than {ANSWER_LIMIT // (1024 * 1024)} MiB")
    return bytes(taken)


def _date_of(response: httpx.Response) -> datetime | None:
    """The time at which it was answered, by the clock there."""
    try:
        date = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

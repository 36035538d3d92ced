"""Figures of a time as people look at them, and for what is noisy a rule that would calm it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from lookout.alerts.matcher import Matcher, Operator
from lookout.alerts.text import one_line
from lookout.api.parts import Parts
from lookout.api.periods import period_of
from lookout.store.stats import Bucket, IncidentStats, NoisyGroup, Period
from lookout.web.charts import Columns, columns
from lookout.web.finding import written

SPANS: Mapping[str, timedelta] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT = "7d"
ALIKE = 3
"""So many noisy groups of one alert name should perhaps be one group."""
OFTEN = 3
CALMER_WINDOW = "30m"


class Hint(msgspec.Struct, frozen=True):
    """What might calm a group, and the rule for lookout.yaml."""

    words: str
    rule: str


class Noise(msgspec.Struct, frozen=True):
    group: NoisyGroup
    hint: Hint | None


class Figures(msgspec.Struct, frozen=True):
    """A time's figures, its chart, and what was noisy."""

    span: str
    period: Period
    stats: IncidentStats
    buckets: Sequence[Bucket]
    chart: Columns
    noise: Sequence[Noise]

    @property
    def by_day(self) -> bool:
        return self.period.bucket >= timedelta(days=1)


async def figures_of(parts: Parts, tenant_id: str, span: str) -> Figures:
    """The figures of the last day, week, month or quarter."""
    span = span if span in SPANS else DEFAULT
    now = parts.clock.now()
    period = period_of(now, now - SPANS[span], now, None)
    buckets = await parts.stats.buckets(tenant_id, period)
    noisy = await parts.stats.noisiest(tenant_id, period.start, period.end)
    return Figures(
        span=span,
        period=period,
        stats=await parts.stats.figures(tenant_id, period.start, period.end),
        buckets=buckets,
        chart=columns(buckets),
        noise=[Noise(group, hint_of(group, noisy)) for group in noisy],
    )


def hint_of(group: NoisyGroup, noisy: Sequence[NoisyGroup]) -> Hint | None:
    """What might calm a group: to be one with its like, or to stay one incident for longer."""
    name = group.labels.get("alertname", "")
    if not name:
        return None
    alike = [other for other in noisy if other.labels.get("alertname") == name]
    if len(alike) >= ALIKE:
        shared = [
            label for label, value in group.labels.items() if all(other.labels.get(label) == value for other in alike)
        ]
        words = f"{len(alike)} noisy groups are of this alert: one group for all of them would be one incident"
        return Hint(words, _rule(name, f"  group_by: [{', '.join(map(_text, shared))}]"))
    if group.incidents + group.reopens >= OFTEN:
        words = f"it ends and comes back: with {CALMER_WINDOW} to reopen in, that is one incident that flaps"
        return Hint(words, _rule(name, f"  reopen_window: {CALMER_WINDOW}"))
    return None


def _rule(name: str, line: str) -> str:
    matcher = written(Matcher("alertname", Operator.EQUAL, name))
    return f"- name: {_text(one_line(name, 100))}\n  matchers: [{_text(matcher)}]\n{line}"


def _text(text: str) -> str:
    """A text in YAML: between double quotes it reads what JSON writes."""
    return msgspec.json.encode(text).decode()

"""Half an hour of trouble as many senders tell it: the requests that they make, and what fires in the end.

All is made from one random number, so that a test that fails can name it. Times are minutes from the end: negative.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from lookout.alerts.alert import label_set

LEASE = 4.0
"""Minutes that Prometheus promises with each message."""
ARRIVAL = timedelta(seconds=50)
"""Within which all requests come, in any order: a webhook's message that is later than a minute is news."""
OLDEST_FIRING = ARRIVAL / timedelta(minutes=1) - LEASE
"""When a firing was sent at the earliest: a promise that has run out when it comes reads as an end."""
RESOLVED_RETENTION = 15.0
"""Minutes for which Prometheus repeats a resolve."""
YEAR_ONE = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Episode:
    """One unbroken firing; it ends unless it still fires."""

    starts: float
    ends: float | None

    def fires_at(self, time: float) -> bool:
        return self.starts <= time and (self.ends is None or time < self.ends)


@dataclass(frozen=True)
class Thing:
    """Something that can be wrong, and when it was."""

    labels: dict[str, str]
    fingerprint: str
    episodes: tuple[Episode, ...]

    @property
    def fires(self) -> bool:
        return self.episodes[-1].ends is None


@dataclass(frozen=True)
class Request:
    """A request. Those of one `chain` have nothing but their arrival to tell their order by, and keep it."""

    path: str
    body: bytes
    chain: str = ""


@dataclass(frozen=True)
class Told:
    """The requests, and the fingerprints of what fires in the end."""

    requests: list[Request] = field(default_factory=list[Request])
    firing: set[str] = field(default_factory=set[str])


def half_an_hour(random: Random, now: datetime) -> Told:
    """What all senders tell of the half hour before `now`: nothing of it is lost."""
    told = Told()
    things = [_thing(number, random) for number in range(100)]
    # Twins with a label that tells them apart, and twins without.
    for replica in ("one", "two", "", ""):
        _prometheus_tells(_noted(random.sample(things, 70), told), replica, told, random, now)
    watched = _noted(random.sample(things, 70), told)
    for peer in range(2):
        _alertmanager_tells(watched, peer, told, random, now)
    _grafana_tells(_noted([_grafana_thing(number, random) for number in range(18)], told), told, random, now)
    for number in range(10):
        _events_tell(f"key{number}", told, random)
    return told


def shuffled(requests: Sequence[Request], random: Random, count: int) -> list[Request]:
    """The requests in another order, and some of them again, `count` in all. Each chain keeps its order."""
    free = [request for request in requests if not request.chain]
    order = [*requests, *random.choices(free, k=count - len(requests))]
    random.shuffle(order)
    chains: dict[str, Iterator[Request]] = {}
    for request in requests:
        chains.setdefault(request.chain, iter([other for other in requests if other.chain == request.chain]))
    return [next(chains[request.chain]) if request.chain else request for request in order]


def _noted(things: list[Thing], told: Told) -> list[Thing]:
    """The things that a sender watches. What fires among them fires in the end."""
    told.firing.update(thing.fingerprint for thing in things if thing.fires)
    return things


def _thing(number: int, random: Random) -> Thing:
    severity = random.choice(["critical", "warning", "info"])
    labels = {
        "alertname": f"Alert{number % 9}",
        "job": f"job{number % 3}",
        "instance": f"host{number}",
        "severity": severity,
    }
    return Thing(labels, label_set(labels).fingerprint, _episodes(random))


def _grafana_thing(number: int, random: Random) -> Thing:
    """Its group labels may be those of a Prometheus' alert; its fingerprint covers a label that is not shown."""
    labels = {"alertname": f"Alert{number % 5}", "job": f"job{number % 3}", "grafana_folder": "Infra"}
    return Thing(labels, f"{random.getrandbits(64):016x}", _episodes(random))


def _episodes(random: Random) -> tuple[Episode, ...]:
    """One or two, each a minute at least and a minute apart: six senders' words of them are remembered."""
    marks = sorted(random.sample(range(-28, 0), random.randint(1, 4)))
    pairs = [marks[index : index + 2] for index in range(0, len(marks), 2)]
    return tuple(Episode(pair[0], pair[1] if len(pair) == 2 else None) for pair in pairs)


def _as_seen(things: list[Thing], random: Random) -> list[tuple[Thing, tuple[Episode, ...]]]:
    """The episodes in the eyes of one evaluator, who notices each some seconds later."""

    def noticed(time: float) -> float:
        return time + random.choice([0, 0.003, 0.1, 0.25])

    return [
        (
            thing,
            tuple(
                Episode(noticed(one.starts), None if one.ends is None else noticed(one.ends)) for one in thing.episodes
            ),
        )
        for thing in things
    ]


def _time(minutes: float, now: datetime, digits: str = "") -> str:
    time = now + timedelta(minutes=minutes)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond:06}{digits}Z"


def _prometheus_tells(things: list[Thing], replica: str, told: Told, random: Random, now: datetime) -> None:
    """Evaluations every half minute, a few alerts to a request: what fires, and what ended lately.

    It restarts once: what still fires at the end has another start from then on.
    """
    seen = _as_seen(things, random)
    restarted = random.choice([None, -2.0, -1.0])
    time = -28.0
    while time <= 0:
        alerts: list[dict[str, Any]] = []
        for thing, episodes in seen:
            labels = thing.labels | ({"prometheus_replica": replica} if replica else {})
            for episode in episodes:
                starts = episode.starts
                if restarted is not None and starts < restarted <= time and episode.ends is None:
                    starts = restarted
                one = {"annotations": {"value": f"{time}"}, "generatorURL": "/graph", "labels": labels}
                if episode.fires_at(time) and time >= OLDEST_FIRING:
                    alerts.append(one | {"startsAt": _time(starts, now), "endsAt": _time(time + LEASE, now)})
                elif episode.ends is not None and episode.ends <= time < episode.ends + RESOLVED_RETENTION:
                    alerts.append(one | {"startsAt": _time(starts, now), "endsAt": _time(episode.ends, now)})
        random.shuffle(alerts)
        for first in range(0, len(alerts), 6):
            told.requests.append(Request("/api/v2/alerts", json.dumps(alerts[first : first + 6]).encode()))
        time += 0.5 if time >= OLDEST_FIRING - 0.5 else 3


def _groups(seen: list[tuple[Thing, tuple[Episode, ...]]]) -> Iterator[list[tuple[Thing, tuple[Episode, ...]]]]:
    for name in sorted({thing.labels["alertname"] for thing, _ in seen}):
        yield [(thing, episodes) for thing, episodes in seen if thing.labels["alertname"] == name]


def _snapshots(
    group: list[tuple[Thing, tuple[Episode, ...]]], interval: float, now: datetime, digits: str
) -> Iterator[list[tuple[Thing, dict[str, Any]]]]:
    """What a webhook tells of a group at each flush: all that fires, and once what has ended since the last one."""
    time, before = -28.0, -29.0
    while time <= 0:
        alerts: list[tuple[Thing, dict[str, Any]]] = []
        for thing, episodes in group:
            for episode in episodes:
                one = {"labels": thing.labels, "annotations": {}, "startsAt": _time(episode.starts, now, digits)}
                if episode.fires_at(time):
                    alerts.append((thing, one | {"status": "firing", "endsAt": YEAR_ONE}))
                elif episode.ends is not None and before < episode.ends <= time and episode.fires_at(before):
                    alerts.append((thing, one | {"status": "resolved", "endsAt": _time(episode.ends, now, digits)}))
        if alerts:
            yield alerts
        before, time = time, time + interval if time in (0, -interval) or time + interval < 0 else 0


def _alertmanager_tells(things: list[Thing], peer: int, told: Told, random: Random, now: datetime) -> None:
    """One of two peers that do not hear of each other; their starts differ by nanoseconds and more."""
    for group in _groups(_as_seen(things, random)):
        for alerts in _snapshots(group, random.choice([1.5, 2.5]), now, f"{peer}37"):
            message = {"version": "4", "groupKey": f"{peer}", "alerts": [alert for _, alert in alerts]}
            told.requests.append(Request("/v1/alertmanager", json.dumps(message).encode()))


def _grafana_tells(things: list[Thing], told: Told, random: Random, now: datetime) -> None:
    for group in _groups(_as_seen(things, random)):
        for alerts in _snapshots(group, 2.5, now, ""):
            message = {
                "version": "1",
                "state": "alerting",
                "alerts": [alert | {"fingerprint": thing.fingerprint, "values": None} for thing, alert in alerts],
            }
            told.requests.append(Request("/v1/grafana", json.dumps(message).encode()))


def _events_tell(key: str, told: Told, random: Random) -> None:
    """Triggers and resolves of one key: what came last is so."""
    action = "resolve"
    for _ in range(random.randint(1, 4)):
        action = random.choice(["trigger", "trigger", "resolve"])
        event = {
            "routing_key": "any",
            "event_action": action,
            "dedup_key": key,
            "payload": {"summary": key, "source": "here", "severity": random.choice(["critical", "info"])},
        }
        told.requests.append(Request("/v2/enqueue", json.dumps(event).encode(), chain=key))
    if action == "trigger":
        told.firing.add(label_set({"dedup_key": key}).fingerprint)

"""lookout.yaml is read anew while Lookout runs: a new policy holds from the next commit on, a broken one not at all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.incidents.incident import Resolution, Status
from lookout.intake.commits import RETRY_AFTER

BY_INSTANCE = """
policy:
  rules:
    - name: by instance
      matchers: ['job="a"']
      group_by: [instance]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "lookout.yaml"
    path.write_text("policy: {group_by: [job]}\n")
    return path


@pytest.fixture
async def lookout(start: Start, config: Path) -> AsyncIterator[Driver]:
    """A Lookout that goes by `config`."""
    async with start(config=config) as driver:
        yield driver


def _write(config: Path, content: str | bytes) -> None:
    config.write_bytes(content if isinstance(content, bytes) else content.encode())


def _remove(config: Path) -> None:
    config.unlink()


async def _reloads(lookout: Driver, config: Path, text: str) -> None:
    _write(config, text)
    answer = await lookout.reload()
    assert (answer.status_code, answer.text) == (200, "")


async def _config_check(lookout: Driver) -> tuple[str, str]:
    health = (await lookout.http.get("/health")).json()
    return health["status"], health["checks"]["config"]["message"]


def _metric(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"lookout_config_last_reload_{name}")


async def test_i2_what_fires_stays_where_it_is_and_what_begins_goes_by_the_new_rules(
    lookout: Driver, config: Path
) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", instance="1")
    await lookout.fires(job="a", instance="2")
    before = await lookout.only_incident()
    await _reloads(lookout, config, BY_INSTANCE)
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=started, job="a", instance="1")
    assert await lookout.types() == ["opened", "alerts_changed"]
    await lookout.fires(job="a", instance="3")
    await lookout.resolves(started, job="a", instance="1")
    await lookout.resolves(started, job="a", instance="2")
    assert (await lookout.incident(before.id)).status is Status.RESOLVED
    lookout.clock.move(minutes=1)
    await lookout.fires(job="a", instance="1")
    opened = await lookout.incidents(status="open")
    assert [(incident.rule, dict(incident.labels)) for incident in opened] == [
        ("by instance", {"instance": "1"}),
        ("by instance", {"instance": "3"}),
    ]
    assert opened[0].policy_version == lookout.running.parts.intake.policy.version != before.policy_version
    assert (await lookout.rebuild()).equal


async def test_a_commit_that_is_under_way_ends_with_the_policy_it_began_with(lookout: Driver, config: Path) -> None:
    await lookout.fires(job="warm")
    await lookout.clock.until_asleep(seconds=5)
    async with lookout.feed_is_locked():
        posting = asyncio.create_task(lookout.fires(job="a", instance="1"))
        await lookout.until_locked_out()
        await _reloads(lookout, config, BY_INSTANCE)
    await posting
    await lookout.fires(job="a", instance="2")
    assert [incident.title for incident in await lookout.incidents()] == [
        "Down (instance=2)",
        "Down (job=a)",
        "Down (job=warm)",
    ]


async def test_a_commit_that_is_tried_again_goes_by_the_policy_that_was_read_meanwhile(
    lookout: Driver, config: Path
) -> None:
    await lookout.fires(job="warm")
    async with lookout.feed_is_locked():
        posting = asyncio.create_task(lookout.fires(job="a", instance="1"))
        await lookout.until_locked_out()
        await lookout.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        await lookout.clock.until_asleep(seconds=RETRY_AFTER.total_seconds())
        await _reloads(lookout, config, BY_INSTANCE)
    lookout.clock.move(seconds=RETRY_AFTER.total_seconds())
    await posting
    assert [incident.title for incident in await lookout.incidents()] == ["Down (instance=1)", "Down (job=warm)"]


BROKEN = "policy:\n  group_by: []\n  reopen_windw: 5m\n"


async def test_a_broken_file_changes_nothing_and_says_so_everywhere(
    lookout: Driver, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded_at = lookout.clock.now().timestamp()
    lookout.clock.move(minutes=1)
    policy = lookout.running.parts.intake.policy
    _write(config, BROKEN)
    answer = await lookout.reload()
    alone = "without a label every alert would be an incident of its own; leave the key out for the default"
    known = "group_by, reopen_window, resend_delay, webhook_expiry, severities, rules"
    problems = [
        f"{config}:2: policy.group_by: {alone}",
        f"{config}:3: policy.reopen_windw: unknown key; known: {known}",
    ]
    assert answer.status_code == 500
    assert answer.text.splitlines() == ["failed to reload config; the policy from before holds:", *problems]
    status, message = await _config_check(lookout)
    assert (status, message) == ("degraded", f"the policy from before holds: {problems[0]} (and 1 more)")
    assert (await lookout.http.get("/health")).status_code == 200
    assert (_metric("successful"), _metric("success_timestamp_seconds")) == (0, loaded_at)
    assert lookout.running.parts.intake.policy is policy
    assert capfd.readouterr().out.count("config_refused") == 2
    await lookout.fires(job="a", instance="1")
    assert (await lookout.only_incident()).title == "Down (job=a)"


@pytest.mark.parametrize("content", [b"policy: [", b"\xff", b"[" * 100_000], ids=["no YAML", "no text", "deep"])
async def test_what_is_no_yaml_is_answered_too(lookout: Driver, config: Path, content: bytes) -> None:
    _write(config, content)
    assert (await lookout.reload()).status_code == 500


async def test_a_file_that_is_gone_changes_nothing(lookout: Driver, config: Path) -> None:
    _remove(config)
    answer = await lookout.reload()
    assert (answer.status_code, "No such file" in answer.text) == (500, True)
    assert (await _config_check(lookout))[0] == "degraded"


async def test_a_mended_file_is_taken_and_all_is_well(lookout: Driver, config: Path) -> None:
    _write(config, BROKEN)
    assert (await lookout.reload()).status_code == 500
    lookout.clock.move(minutes=1)
    await _reloads(lookout, config, BY_INSTANCE)
    policy = lookout.running.parts.intake.policy
    assert await _config_check(lookout) == ("healthy", f"policy {policy.version}")
    assert (_metric("successful"), _metric("success_timestamp_seconds")) == (1, lookout.clock.now().timestamp())


async def test_without_a_file_there_is_nothing_to_read(start: Start) -> None:
    async with start() as lookout:
        policy = lookout.running.parts.intake.policy
        assert (await lookout.reload()).status_code == 200
        assert lookout.running.parts.intake.policy is policy


async def test_a_page_of_another_place_cannot_have_it_read(lookout: Driver) -> None:
    answer = await lookout.http.post("/-/reload", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert (await lookout.http.get("/-/reload")).status_code == 405


async def test_reads_show_the_new_severities_at_once_and_the_next_repeat_is_decided_by_them(
    lookout: Driver, config: Path
) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", severity="sev1")
    incident = await lookout.only_incident()
    assert [alert.severity for alert in await lookout.alerts_of(incident.id)] == ["warning"]
    await _reloads(lookout, config, "policy: {group_by: [job], severities: {sev1: critical}}\n")
    assert [alert.severity for alert in await lookout.alerts_of(incident.id)] == ["critical"]
    await lookout.fires(starts_at=started, job="a", severity="sev1")
    assert (await lookout.incident(incident.id)).severity == "critical"
    await lookout.fires(starts_at=started, job="a", severity="sev1")
    assert await lookout.types() == ["opened", "escalated"]


async def test_parsers_drop_the_new_labels_at_once_even_of_bytes_that_they_know(lookout: Driver, config: Path) -> None:
    await lookout.fires(job="a", replica="one")
    await _reloads(lookout, config, "policy: {group_by: [job]}\nsources: {prometheus: {drop_labels: [replica]}}\n")
    await lookout.fires(job="a", replica="one")
    incident = await lookout.only_incident()
    assert [alert.labels for alert in await lookout.alerts_of(incident.id)] in (
        [{"alertname": "Down", "job": "a"}, {"alertname": "Down", "job": "a", "replica": "one"}],
        [{"alertname": "Down", "job": "a", "replica": "one"}, {"alertname": "Down", "job": "a"}],
    )


async def test_a_repeat_is_renewed_for_as_long_as_the_new_policy_says(lookout: Driver, config: Path) -> None:
    message = {"labels": {"alertname": "Down"}, "startsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(message)
    await _reloads(lookout, config, "sources: {alertmanager: {expiry: 2d}}\n")
    await lookout.webhook(message)
    lookout.clock.move(hours=47)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(hours=1)
    await lookout.ticks()
    ended = await lookout.only_incident()
    assert (ended.resolution, ended.resolved_at) == (Resolution.EXPIRED, lookout.clock.now())


async def test_the_timers_wait_as_long_as_the_new_policy_says(lookout: Driver, config: Path) -> None:
    await lookout.fires(job="a")
    await _reloads(lookout, config, "policy: {resend_delay: 10m}\n")
    lookout.clock.move(minutes=13)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    assert (await lookout.only_incident()).resolved_at == lookout.clock.now() - timedelta(minutes=10)


async def test_i2_replicas_with_another_policy_each_open_no_second_incident_of_a_key(
    start: Start, config: Path
) -> None:
    """As it is for a moment while one after another is told to read the file."""
    async with start(config=config) as a, start(config=config) as b:
        started = a.clock.now()
        await _reloads(b, config, BY_INSTANCE)
        for number in range(6):
            instance = str(number % 3)
            await asyncio.gather(
                a.fires(starts_at=started, job="a", instance=instance),
                b.fires(starts_at=started, job="a", instance=instance),
            )
            a.clock.move(seconds=10)
        opened = await a.incidents(status="open")
        assert len({incident.dedup_key for incident in opened}) == len(opened)
        assert sum(incident.firing_alerts for incident in opened) == 3
        assert (await a.rebuild()).equal

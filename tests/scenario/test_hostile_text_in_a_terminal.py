"""Text is data in a terminal too: no command prints what could steer it, hide in it, or reorder what stands around."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC

import httpx
import pytest
from tests.driver import Driver
from tests.hostile import MARK, TEXTS, UNSEEN, posted

from lookout.cli import main
from lookout.cli.outside import Outside

PRINTED = UNSEEN - {"\n"}


@pytest.fixture
async def hostile(lookout: Driver) -> Driver:
    """A Lookout in which one incident has all of the texts, and each other has one."""
    sent = [posted(name, text) for name, text in TEXTS.items()]
    together = [{**alert, "labels": {**alert["labels"], "alertname": "All", "job": "a"}} for alert in sent]
    (await lookout.post_alerts(*together)).raise_for_status()
    incident = await lookout.only_incident()
    for number, text in enumerate(TEXTS.values()):
        (await lookout.act(incident.id, "notes", text=text)).raise_for_status()
        told = {"summary": text, "root_cause": text, "recommendations": [text], "investigator": text[:200]}
        (await lookout.attach(incident.id, f"report {number}", **told)).raise_for_status()
    (await lookout.post_alerts(*sent)).raise_for_status()
    (await lookout.act(incident.id, "resolve", reason=TEXTS["escape sequences"])).raise_for_status()
    lookout.clock.move(minutes=1)
    return lookout


class UntilSeen(httpx.BaseTransport):
    """The network of somebody who presses Ctrl-C when a stream has given so many events."""

    def __init__(self, network: httpx.BaseTransport, events: int) -> None:
        self._network = network
        self._events = events

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._network.handle_request(request)
        if not answer.headers["content-type"].startswith("text/event-stream"):
            return answer
        assert isinstance(answer.stream, httpx.SyncByteStream)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=_Read(answer.stream, self._events))


class _Read(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, events: int) -> None:
        self._stream = stream
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        seen = b""
        for chunk in self._stream:
            yield chunk
            seen += chunk
            if seen.count(b"\n\n") > self._events:  # the first frame says when to come again
                raise KeyboardInterrupt

    def close(self) -> None:
        self._stream.close()


async def prints(lookout: Driver, capsys: pytest.CaptureFixture[str], *arguments: str, events: int = 0) -> str:
    """What `lookout ARGUMENTS` prints, on both outputs, and of a stream the first `events`."""
    with httpx.HTTPTransport() as network:
        outside = Outside(UntilSeen(network, events), now=lookout.clock.now, zone=UTC)
        with pytest.raises(SystemExit):
            await asyncio.to_thread(main, [*arguments, "--url", lookout.url], outside)
    printed = capsys.readouterr()
    return printed.out + printed.err


@pytest.mark.parametrize("command", [["incidents", "--all", "--limit", "500"], ["stats", "--since", "1d"]])
async def test_lists_are_clean(hostile: Driver, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    text = await prints(hostile, capsys, *command)
    assert MARK in text
    assert not PRINTED & set(text)


async def test_one_incident_is_clean_and_so_is_why(hostile: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    newest, *_, together = await hostile.incidents(first="500")
    for incident in (newest, together):
        for command in (["incidents", "show"], ["why"]):
            text = await prints(hostile, capsys, *command, incident.id)
            assert MARK in text
            assert not PRINTED & set(text)


async def test_the_tail_is_a_line_for_each_event(hostile: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    count = len(await hostile.feed())
    for form in ([], ["--json"]):
        text = await prints(hostile, capsys, "tail", "--after", "0", *form, events=count)
        assert len(text.splitlines()) == count
        assert not PRINTED & set(text)


async def test_json_for_pipes_is_the_same_value_and_steers_nothing(
    hostile: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (await prints(hostile, capsys, "incidents", "--all", "--limit", "500", "--json")).splitlines()
    incidents = (await hostile.http.get("/v1/incidents", params={"first": 500})).json()["incidents"]
    assert {line["id"]: line for line in map(json.loads, lines)} == {told["id"]: told for told in incidents}
    shown = await prints(hostile, capsys, "incidents", "show", incidents[-1]["id"], "--json")
    assert not PRINTED & set("".join(lines) + shown)
    alerts = (await hostile.http.get(f"/v1/incidents/{incidents[-1]['id']}/alerts", params={"first": 500})).json()
    labels = {alert["fingerprint"]: alert["labels"] for alert in json.loads(shown)["alerts"]}
    assert labels == {alert["fingerprint"]: alert["labels"] for alert in alerts["alerts"]}

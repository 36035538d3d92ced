"""A credential is neither in the database nor in the log, whoever has used it, and however."""

import base64
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.access import ACCESS, SECRET, SERVICE, api_token, bearer, many_token, person
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.parts import Scope

ROUTING_KEY = "r" * 32
EVENT = {"event_action": "trigger", "payload": {"summary": "s", "source": "h", "severity": "error"}}


async def everything_kept(lookout: Driver) -> str:
    """All rows of all tables, as text. Bytes stand there as hexadecimal digits."""
    tables = await lookout.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    # The owner too has to name the tenants whose rows it wants to see.
    texts: list[str] = []
    for table in tables:
        rows = await lookout.sql(
            f"WITH named AS MATERIALIZED (SELECT set_config('lookout.tenants', '{{acme,platform}}', true)) "
            f'SELECT kept::text AS row FROM named, "{table["table_name"]}" AS kept'
        )
        texts += [row["row"] for row in rows]
    return "\n".join(texts)


async def test_no_secret_is_kept(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as logs:
        async with start(access=ACCESS) as lookout:
            sender = (await api_token(lookout, Scope.INGEST)).text
            reader = (await api_token(lookout, Scope.READ, Scope.OPERATE)).text
            shared, mira = (await many_token(lookout)).text, person(lookout)
            alerts: list[dict[str, Any]] = [lookout.alert({"job": "a"}), {"labels": {}}]
            password = base64.b64encode(f"prometheus:{sender}".encode()).decode()
            for headers in (bearer(sender), bearer(shared), {"Authorization": f"Basic {password}"}):
                await lookout.http.post("/api/v2/alerts", json=alerts, headers=headers)
            for event in ({**EVENT, "routing_key": ROUTING_KEY}, {"routing_key": ROUTING_KEY}):
                await lookout.http.post("/v1/events", json=event, headers=bearer(sender))
            broken = b'{"routing_key": "%s", "event_action": ' % ROUTING_KEY.encode()
            json = {"Content-Type": "application/json"}
            await lookout.http.post("/v1/events", content=broken, headers=bearer(sender, **json))
            for text in (reader, mira, SERVICE):
                headers = bearer(text, **{"X-Tenant-ID": "acme"})
                [incident, *_] = (await lookout.http.get("/v1/incidents", headers=headers)).json()["incidents"]
                await lookout.http.post(f"/v1/incidents/{incident['id']}/notes", json={"text": "x"}, headers=headers)
                await lookout.http.get("/v1/incidents", params={"token": text, "access_token": text})
                await lookout.http.get("/v1/incidents", headers=bearer(f"{text}x"))
            await lookout.running.parts.intake.tally.flush()
            kept = await everything_kept(lookout)
    assert "mira" in kept
    assert all(text.split("_")[1] in kept for text in (sender, reader, shared)), "the ids of tokens are no secret"
    told = f"{kept}\n{logs}\n{caplog.text}"
    for secret in (SECRET, SERVICE, mira, ROUTING_KEY, *(text.split("_", 2)[2] for text in (sender, reader, shared))):
        assert secret not in told
        assert secret.encode().hex() not in told

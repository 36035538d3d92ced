"""What is wrong with the settings of the environment: every problem at once."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from lookout.config import Pooler, Wake, load_settings
from lookout.errors import SettingsError
from lookout.limits import BOUNDS, USUAL, Limits


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as told:
        load_settings(environ)
    return str(told.value).splitlines()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "lookout.example"])
def test_a_host_that_others_reach_is_refused(host: str) -> None:
    (problem,) = problems({"HOST": host})
    assert problem.startswith(f"HOST is '{host}': without authentication Lookout listens on loopback only.")


SECRET = "s" * 32


@pytest.mark.parametrize(
    "environ",
    [
        {"JWT_SECRET": SECRET},
        {"SERVICE_TOKEN": SECRET},
        {"LOOKOUT_JWKS_URL": "https://id.example/keys"},
        {"LOOKOUT_JWKS_URL": "http://127.0.0.1:9/keys", "LOOKOUT_JWT_AUDIENCE": "lookout"},
        {"LOOKOUT_AUTH": "required"},
    ],
)
def test_with_authentication_it_listens_anywhere(environ: dict[str, str]) -> None:
    assert load_settings({"HOST": "0.0.0.0", **environ}).access is not None


def test_a_secret_may_have_any_characters_within() -> None:
    assert load_settings({"JWT_SECRET": f"{SECRET} é\n{SECRET}"}).access is not None


def test_without_any_of_it_there_is_local_mode() -> None:
    assert load_settings({}).access is None
    assert load_settings({"LOOKOUT_AUTH": "local", "JWT_SECRET": ""}).access is None


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"JWT_SECRET": SECRET[1:]}, "JWT_SECRET has 31 characters"),
        ({"SERVICE_TOKEN": "x"}, "SERVICE_TOKEN has 1 characters"),
        ({"LOOKOUT_JWKS_URL": "http://id.example/keys"}, "LOOKOUT_JWKS_URL has to be https://"),
        ({"LOOKOUT_JWKS_URL": "https://["}, "LOOKOUT_JWKS_URL is no address"),
        ({"LOOKOUT_JWKS_URL": "https:///keys"}, "LOOKOUT_JWKS_URL is no address"),
        ({"LOOKOUT_JWKS_URL": "https://id.example:44x/keys"}, "LOOKOUT_JWKS_URL is no address"),
        ({"LOOKOUT_JWKS_URL": "https://id.example/keys\n"}, "LOOKOUT_JWKS_URL is no address"),
        ({"LOOKOUT_JWKS_URL": "https://jo:secret@id.example/keys"}, "LOOKOUT_JWKS_URL has a user or a password"),
        ({"LOOKOUT_JWKS_URL": "https://jo@id.example/keys"}, "LOOKOUT_JWKS_URL has a user or a password"),
        ({"SERVICE_TOKEN": f"{SECRET}\n"}, "SERVICE_TOKEN has white space around it"),
        ({"SERVICE_TOKEN": f"{SECRET}é"}, "SERVICE_TOKEN has white space around it, or what no header can carry"),
        ({"JWT_SECRET": f"{SECRET}\n"}, "JWT_SECRET has white space around it"),
        ({"LOOKOUT_AUTH": "required", "LOOKOUT_JWT_AUDIENCE": "x"}, "LOOKOUT_JWT_AUDIENCE is set, and neither"),
        ({"LOOKOUT_AUTH": "on"}, "LOOKOUT_AUTH is 'on'"),
        ({"LOOKOUT_AUTH": "local", "JWT_SECRET": SECRET}, "LOOKOUT_AUTH is local, and JWT_SECRET would be ignored"),
    ],
)
def test_access_that_cannot_be_meant(environ: dict[str, str], problem: str) -> None:
    (told,) = problems(environ)
    assert told.startswith(problem)
    assert SECRET not in told


@pytest.mark.parametrize("port", ["many", "65536", "0" * 5000, "-1", "8080.0", "٣", " 80"])
def test_a_port_is_a_number(port: str) -> None:
    assert problems({"PORT": port}) == [f"PORT is {port!r}: a number from 0 to 65535 is expected"]


@pytest.mark.parametrize("url", ["mysql://db/lookout", "db:5432", "postgresql:db"])
def test_a_database_url_is_of_postgresql(url: str) -> None:
    form = "postgresql://user:password@host:5432/database"
    assert problems({"DATABASE_URL": url}) == [f"DATABASE_URL is not of the form {form}"]
    environ = {"DATABASE_URL": "postgresql://service@db/lookout", "LOOKOUT_MIGRATE_DATABASE_URL": url}
    assert problems(environ) == [f"LOOKOUT_MIGRATE_DATABASE_URL is not of the form {form}"]


def test_the_owner_of_the_tables_may_have_an_address_of_its_own() -> None:
    service, owner = "postgresql://service@db/lookout", "postgresql://owner@db/lookout"
    settings = load_settings({"DATABASE_URL": service, "LOOKOUT_MIGRATE_DATABASE_URL": owner})
    assert (settings.database_url, settings.migrate_database_url) == (service, owner)
    [problem] = problems({"LOOKOUT_MIGRATE_DATABASE_URL": owner})
    assert problem.startswith("LOOKOUT_MIGRATE_DATABASE_URL is set, and DATABASE_URL is not")


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lookout.yaml"
    path.write_text("policy:\n  resend_delay: 0s\n  severities: {a: b}\n")
    environ = {
        "HOST": "0.0.0.0",
        "PORT": "many",
        "DATABASE_URL": "mysql://db",
        "LOOKOUT_DATADIR": "/data",
        "LOOKOUT_GRAFANA_TIMESTAMP_HEADER": "X Time",
        "LOOKOUT_CONFIG": str(path),
    }
    assert [problem.split(": ")[0].split(" is ")[0] for problem in problems(environ)] == [
        "LOOKOUT_DATADIR",
        "HOST",
        "PORT",
        "DATABASE_URL",
        "LOOKOUT_GRAFANA_TIMESTAMP_HEADER",
        "LOOKOUT_GRAFANA_TIMESTAMP_HEADER",
        f"{path}:2",
        f"{path}:3",
    ]


@pytest.mark.parametrize(("text", "days"), [("", 400), ("400d", 400), ("1d", 1), ("52w", 364), ("36h", 1.5)])
def test_a_retention_is_a_duration(text: str, days: float) -> None:
    assert load_settings({"LOOKOUT_RETENTION": text}).retention == timedelta(days=days)


def test_limits_of_a_tenant_are_numbers_within_bounds() -> None:
    environ = {"LOOKOUT_INGEST_RATE": "1", "LOOKOUT_READ_RATE": "1000000", "LOOKOUT_STREAMS": ""}
    assert load_settings(environ).limits == Limits(1, 1_000_000, 1000)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_limit_may_be_set_anywhere_in_its_range_and_nowhere_else(name: str) -> None:
    bound = BOUNDS[name]
    assert bound.least <= getattr(USUAL, name) <= bound.most
    for number in (bound.least, bound.most):
        environ = {other.variable: str(other.most) for other in BOUNDS.values()} if number == bound.most else {}
        settings = load_settings({**environ, **ROOM.get(name, {}), bound.variable: str(number)})
        assert getattr(settings.limits, name) == number
    for number in (bound.least - 1, bound.most + 1):
        (problem,) = problems({bound.variable: str(number)})
        assert problem == (
            f"{bound.variable} is '{number}': "
            f"a number from {bound.least:,} to {bound.most:,} is expected ({bound.unit})"
        )


ROOM = {
    "bodies_bytes": {"LOOKOUT_MAX_BODY_BYTES": str(BOUNDS["body_bytes"].least)},
    "queue": {"LOOKOUT_MAX_TENANT_QUEUE": "1000"},
}
"""What has to be lower for a limit to be the least."""


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"LOOKOUT_MAX_BODY_BYTES": "200000000"},
            (
                "LOOKOUT_MAX_BODIES_BYTES is 268435456: at least 400000000 is expected, twice LOOKOUT_MAX_BODY_BYTES: "
                "a tenant has half of it, and no body of the largest size would fit"
            ),
        ),
        (
            {"LOOKOUT_MAX_QUEUE": "99999"},
            (
                "LOOKOUT_MAX_TENANT_QUEUE is 100000: at most 99999 is expected, as LOOKOUT_MAX_QUEUE is for all "
                "tenants together"
            ),
        ),
        (
            {"LOOKOUT_MAX_TENANT_SHARE": "2001"},
            (
                "LOOKOUT_MAX_TENANT_SHARE is 2001: at most 2000 is expected, as LOOKOUT_MAX_COMMIT is for all "
                "tenants together"
            ),
        ),
    ],
)
def test_limits_that_cannot_hold_together_are_named(environ: dict[str, str], problem: str) -> None:
    assert problems(environ) == [problem]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1000001", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 5000])
def test_a_limit_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"LOOKOUT_READ_RATE is .* a number from 1 to 1,000,000 is expected"):
        load_settings({"LOOKOUT_READ_RATE": text})


def test_the_platforms_tenant_has_the_name_of_a_tenant() -> None:
    assert load_settings({"LOOKOUT_PLATFORM_TENANT": "ours"}).platform_tenant == "ours"
    with pytest.raises(SettingsError, match="LOOKOUT_PLATFORM_TENANT is 'a b': letters, digits"):
        load_settings({"LOOKOUT_PLATFORM_TENANT": "a b"})


@pytest.mark.parametrize("text", ["0d", "23h", "3651d", "never", "400", "9" * 5000 + "d", "99999999999999d"])
def test_a_retention_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="from 1d to 3650d"):
        load_settings({"LOOKOUT_RETENTION": text})


def test_through_a_pooler_of_transactions_nobody_is_notified_unless_by_another_way() -> None:
    pooled = {"DATABASE_URL": "postgresql://pooler/db", "LOOKOUT_POOLER": "transaction"}
    assert load_settings(pooled).wake is Wake.POLL
    direct = load_settings({**pooled, "LOOKOUT_LISTEN_DATABASE_URL": "postgresql://db/db"})
    assert (direct.wake, direct.pooler) == (Wake.NOTIFY, Pooler.TRANSACTION)
    assert load_settings({"DATABASE_URL": "postgresql://db/db"}).wake is Wake.NOTIFY


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"LOOKOUT_WAKE": "shout"}, "LOOKOUT_WAKE is 'shout': notify or poll is expected"),
        ({"LOOKOUT_POOLER": "none"}, "LOOKOUT_POOLER is 'none': session or transaction is expected"),
        ({"LOOKOUT_POOLER": "transaction"}, "the private database has no pooler"),
        ({"LOOKOUT_LISTEN_DATABASE_URL": "postgresql://db/db"}, "nobody would notify there"),
        (
            {"DATABASE_URL": "postgresql://db/db", "LOOKOUT_POOLER": "transaction", "LOOKOUT_WAKE": "notify"},
            "no notification comes through such a pooler",
        ),
        (
            {
                "DATABASE_URL": "postgresql://db/db",
                "LOOKOUT_LISTEN_DATABASE_URL": "postgresql://db/db",
                "LOOKOUT_WAKE": "poll",
            },
            "nobody would listen there",
        ),
    ],
)
def test_ways_to_the_database_that_do_not_go_together_are_named(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(problem)):
        load_settings(environ)

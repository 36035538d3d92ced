"""The commands as a whole: help, exit codes, and what `serve` and its neighbours hand to the server."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run

from lookout import __version__
from lookout.config import Settings
from lookout.errors import StartError
from lookout.policy_file import load_policy

COMMANDS = [
    "serve",
    "tail",
    "incidents",
    "stats",
    "why",
    "sources",
    "reconcile",
    "demo",
    "check-config",
    "rebuild",
    "isolation-test",
    "relay",
    "tenant",
    "token",
    "version",
]


class Report:
    """What a rebuild found."""

    def __init__(self, equal: bool) -> None:
        self.equal = equal
        self.lines = ["default: 3 events, [2] incidents"]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """In place of `lookout.app` and `lookout.offline`, so that nothing starts."""
    app = ModuleType("lookout.app")
    monkeypatch.setitem(sys.modules, "lookout.app", app)
    monkeypatch.setitem(sys.modules, "lookout.offline", app)
    return app


def test_help_tells_each_command_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines[lines.index("Commands:") + 1 :])
    assert sorted(told) == sorted(COMMANDS)
    assert not [command for command in COMMANDS if told[command].endswith("...")]


@pytest.mark.parametrize(
    "command",
    [[name] for name in COMMANDS if name not in ("tenant", "token")]
    + [["token", name] for name in ("create", "list", "revoke")]
    + [["tenant", name] for name in ("create", "list")]
    + [["incidents", name] for name in ("show", "acknowledge", "resolve", "note", "assign")],
)
def test_each_command_has_help_with_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), *command, "--help") == 0
    assert f"    lookout {' '.join(command)}" in capsys.readouterr().out


def test_a_wrong_call_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "incidents", "--status", "sleepy") == 2
    assert "sleepy" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "version") == 0
    assert capsys.readouterr().out == f"lookout {__version__}\n"


def test_serve_lays_its_options_over_the_environment(
    app: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[Settings] = []

    def serve(settings: Settings, ready: Callable[[str], None]) -> None:
        served.append(settings)
        ready("http://127.0.0.1:8080")

    app.serve = serve  # type: ignore[attr-defined]
    environ = {"PORT": "1", "HOST": "127.0.0.1", "DATABASE_URL": "postgresql://db/lookout"}
    assert run(Lookout(), "serve", "--port", "8080", "--data-dir", str(tmp_path), environ=environ) == 0
    (settings,) = served
    assert (settings.port, settings.host, settings.data_dir) == (8080, "127.0.0.1", tmp_path)
    assert settings.database_url == "postgresql://db/lookout"
    assert "listens on http://127.0.0.1:8080" in capsys.readouterr().out


def test_a_start_that_fails_says_why(app: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def serve(*_: Any) -> None:
        raise StartError("Port 18013 on 127.0.0.1 is not free.")

    app.serve = serve  # type: ignore[attr-defined]
    assert run(Lookout(), "serve") == 1
    assert capsys.readouterr().err == "lookout: Port 18013 on 127.0.0.1 is not free.\n"


@pytest.mark.parametrize(("equal", "code"), [(True, 0), (False, 1)])
def test_rebuild_tells_what_it_found(
    app: ModuleType, equal: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    app.rebuild_tables = lambda *_, **__: Report(equal)  # type: ignore[attr-defined]
    assert run(Lookout(), "rebuild") == code
    assert capsys.readouterr().out == "default: 3 events, [2] incidents\n"


def test_check_config_says_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lookout.yaml"
    path.write_text("policy:\n  rules: [{name: a, matchers: [a=b]}]\n")
    assert run(Lookout(), "check-config", str(path)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok: the environment",
        f"ok: {path}",
        "limits: all as usual",
        f"policy {load_policy(path).version}, rules: 1",
    ]


def test_check_config_tells_each_limit_that_is_not_as_usual(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"LOOKOUT_MAX_LABELS": "64", "LOOKOUT_MAX_PAGE": "500", "LOOKOUT_READ_RATE": "5000"}
    assert run(Lookout(), "check-config", environ=environ) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "limit" in line] == [
        "limit LOOKOUT_READ_RATE: 5,000 requests a second (usually 100)",
        "limit LOOKOUT_MAX_LABELS: 64 labels (usually 10,000)",
    ]


def test_check_config_tells_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lookout.yaml"
    path.write_text("policy:\n  reopen_windw: 10m\n  resend_delay: 0s\n  severities:\n    a: b\n    c: d\n")
    assert run(Lookout(), "check-config", str(path), environ={"PORT": "many"}) == 1
    printed = capsys.readouterr()
    lines = [line.removeprefix(f"lookout: {path}") for line in printed.err.replace("\n ", " ").splitlines()]
    assert lines[0].startswith("lookout: PORT is 'many'")
    assert [line.split(": ")[0:2] for line in lines[1:]] == [
        [":2", "policy.reopen_windw"],
        [":3", "policy.resend_delay"],
        [":5", "policy.severities.a"],
        [":6", "policy.severities.c"],
    ]
    assert printed.out == ""


def test_check_config_of_no_file_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "check-config", str(tmp_path / "none.yaml")) == 1
    assert "no such file" in capsys.readouterr().err

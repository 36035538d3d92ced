"""`lookout token`: what it asks for before it does anything."""

import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "give either --source"),
        (("--source", "grafana", "--scope", "read"), "give either --source"),
        (("--source", "grafana", "--tenant", "a b"), "is no tenant"),
        (("--source", "grafana", "--tenant", ""), "is no tenant"),
        (("--source", "grafana", "--many-tenants", "--tenant", "a"), "takes no --tenant"),
        (("--scope", "read", "--many-tenants"), "needs --source"),
        (("--scope", "read", "--expires", "soon"), "is no time"),
        (("--scope", "read", "--expires", "0d"), "is no time"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Lookout(), "token", "create", *arguments) == 1
    assert complaint in capsys.readouterr().err

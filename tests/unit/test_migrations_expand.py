"""A migration takes nothing away that the release before it uses, unless it says that it contracts."""

from importlib.resources import files
from pathlib import Path

import pytest
from tests.expanding import BEFORE_THE_FIRST_RELEASE, taken

MIGRATIONS = Path(str(files("lookout.store").joinpath("migrations")))

EXPANDS = [
    "ALTER TABLE incidents ADD COLUMN owner text;",
    "ALTER TABLE incidents ADD owner text NOT NULL DEFAULT '', ADD COLUMN n integer DEFAULT 0 NOT NULL;",
    "ALTER TABLE incidents ADD COLUMN n numeric(10, 2) DEFAULT 0 NOT NULL;",
    "ALTER TABLE incidents ALTER COLUMN title DROP NOT NULL;",
    "ALTER TABLE incidents ADD COLUMN n integer GENERATED ALWAYS AS IDENTITY NOT NULL;",
    "CREATE INDEX IF NOT EXISTS fresh ON events (incident_id);",
    "CREATE TABLE fresh (id uuid NOT NULL, UNIQUE (id)); CREATE UNIQUE INDEX by_id ON fresh (id);",
    "CREATE TABLE fresh (id uuid NOT NULL); ALTER TABLE fresh ADD PRIMARY KEY (id); GRANT SELECT ON fresh TO PUBLIC;",
    "-- DROP TABLE incidents\nUPDATE incidents SET title = title WHERE false;",
]
TAKES = {
    "DROP TABLE incidents;": "drops",
    "DROP INDEX turns_of_incident;": "drops",
    "ALTER TABLE incidents DROP COLUMN title;": "drops",
    "ALTER TABLE incidents ADD owner text, DROP title;": "drops",
    "ALTER TABLE incidents ALTER COLUMN id DROP IDENTITY;": "drops",
    "ALTER TABLE incidents RENAME COLUMN title TO name;": "renames",
    "ALTER TABLE incidents RENAME TO cases;": "renames",
    "ALTER TABLE incidents ALTER COLUMN title TYPE varchar(10);": "changes a type",
    "alter table incidents alter title set data type varchar(10);": "changes a type",
    "ALTER TABLE incidents ALTER COLUMN title SET NOT NULL;": "wants a value",
    "ALTER TABLE incidents ADD COLUMN owner text NOT NULL;": "wants a value",
    "ALTER TABLE incidents ADD COLUMN n numeric(10, 2) NOT NULL;": "wants a value",
    "ALTER TABLE incidents ADD a text DEFAULT '', ADD owner text NOT NULL;": "wants a value",
    "ALTER TABLE incidents ADD CONSTRAINT short CHECK (length(title) < 10);": "refuses",
    "CREATE UNIQUE INDEX one_title ON incidents (title);": "refuses",
    "REVOKE SELECT ON incidents FROM lookout_service;": "takes a right",
    "TRUNCATE received;": "empties",
    "CREATE TABLE fresh (id uuid); DROP TABLE incidents;": "drops",
}


def _migration(directory: Path, statements: str, head: str = "") -> Path:
    path = directory / "9999_new.sql"
    path.write_text(
        f"-- Something new.\n-- depends: 0001_log\n{head}\n-- migrate: apply\n\n{statements}\n\n"
        "-- migrate: rollback\n\nDROP TABLE IF EXISTS fresh;\n"
    )
    return path


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_a_migration_takes_nothing_from_the_release_before(path: Path) -> None:
    if path.stem > BEFORE_THE_FIRST_RELEASE:
        assert taken(path) == [], "expand, contract: see Upgrades in docs/operations.md"


@pytest.mark.parametrize("statements", EXPANDS)
def test_what_adds_is_taken_for_no_loss(statements: str, tmp_path: Path) -> None:
    assert taken(_migration(tmp_path, statements)) == []


@pytest.mark.parametrize("statements", TAKES)
def test_what_takes_away_is_found_and_may_say_that_it_contracts(statements: str, tmp_path: Path) -> None:
    [found] = taken(_migration(tmp_path, statements))
    assert found.startswith(f"it {TAKES[statements]}")
    assert taken(_migration(tmp_path, statements, "-- contract: 0.1.0\n")) == []
    assert taken(_migration(tmp_path, statements, "-- contract: soon\n")) == [found]

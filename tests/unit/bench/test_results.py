"""What `make bench` found is told whole: the command that gives it again, every target, and why it is missed."""

from bench import results
from bench.figure import Cost, Figure, Size
from bench.results import Results
from bench.targets import TARGETS

FOUND = Results(
    command='make bench ARGS="--rounds 2 --seconds 5"',
    size=Size(5, 2),
    machine="2 cores of a machine",
    versions="Lookout 1, PostgreSQL 2",
    figures=[
        Figure(
            "repeats_64",
            [0.8, 1.0],
            {"tenants": 1},
            [Cost("Lookout", "alerts", 50_000, {"Lookout": 10, "load": 2}, {"Lookout": 96.4})],
        ),
        Figure("page", [4, 5]),
        Figure("one_storm_quiet", [1.5]),
    ],
)


def test_the_results_say_by_which_command_and_of_which_rounds_they_are() -> None:
    page = results.document(FOUND)
    assert 'By `make bench ARGS="--rounds 2 --seconds 5"`: 2 rounds' in page
    assert "5 s each" in page
    assert "On 2 cores of a machine. Lookout 1, PostgreSQL 2." in page


def test_each_figure_has_its_spread_and_each_load_what_each_process_took_of_it() -> None:
    page = results.document(FOUND)
    assert "| at least 1.5 x Alertmanager's alerts/s | 0.9 | 0.8 to 1 | **no** | tenants 1 |" in page
    assert "| Lookout | 50,000 alerts | Lookout 10, load 2 | Lookout 0.50, load 0.10: 0.60 | Lookout 96.4 |" in page


def test_the_readme_has_every_target_that_was_set_also_what_is_missed_and_what_was_not_measured() -> None:
    table = results.readme_table(FOUND)
    assert FOUND.command in table
    for target in TARGETS.values():
        assert (target.what in table) is not target.is_beside
    assert "| 0.9 | 0.8 to 1 | **no** | 50,000 alerts |" in table
    assert f"| {TARGETS['start'].what} | at most 3 s | not measured |" in table


def test_what_is_missed_has_its_limit_and_what_would_move_it_and_what_is_met_is_not_there() -> None:
    missed = results.missed(FOUND)
    target = TARGETS["repeats_64"]
    assert f"- **{target.what}**: 0.9, and the target is {target.wanted}." in missed
    assert target.limit in missed
    assert f"What would move it: {target.moves}." in missed
    assert len(missed.splitlines()) == 1


def test_the_run_that_is_written_down_is_of_targets_that_there_are() -> None:
    assert {figure.of for figure in results.results().figures} <= set(TARGETS)

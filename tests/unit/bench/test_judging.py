"""What a soak is found to be: well, or what of it is not."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from bench.judging import TIMED, document, drawn, failures, progress, report
from bench.samples import About, Sample, keep, read
from bench.steady import Window

ABOUT = About("2 cores", "PostgreSQL 18", 60.0, 200.0, "5m")
TABLES = {"dead": 100, "bytes": 50 * 2**20}

Change = Callable[[int], dict[str, object]]
"""What is otherwise in the sample with this number."""


def _window(**changed: object) -> Window:
    window = Window(
        seconds=10.0,
        alerts=38_000,
        answered={"batch": 600, "alone": 360, "churn": 40},
        refused={},
        waiting=0,
        awaited=3,
        overdue=0,
        gaps=0,
        delivered=1000,
        p50=dict.fromkeys(TIMED, 5.0),
        p99=dict.fromkeys(TIMED, 50.0),
    )
    return msgspec.structs.replace(window, **changed)


def _sample(number: int, **changed: object) -> Sample:
    sample = Sample(
        at=10.0 * number,
        lookout_rss=200 * 2**20,
        lookout_pss=180 * 2**20,
        postgres_pss=190 * 2**20,
        lookout_cpu=5.0 * number,
        postgres_cpu=3.0 * number,
        machine_cpu=9.0 * number,
        wal={"written": 30 * 2**20 * number, "kept": 2**30, "checkpoints": 0},
        tables={"events": TABLES, "leases": TABLES},
        relations={},
        load=_window(),
    )
    return msgspec.structs.replace(sample, **changed)


def _samples(change: Change = lambda _: {}) -> list[Sample]:
    return [_sample(number, **change(number)) for number in range(1, 361)]


def test_what_stays_as_it_is_is_well() -> None:
    said, is_well = report(ABOUT, _samples())
    assert is_well, said
    assert "GROWS" not in said
    assert "flat   memory of Lookout: 180 MiB, +0.0% (at most +5%)" in said


GROWING: dict[str, Change] = {
    "memory of Lookout": lambda number: {"lookout_pss": (180 + number / 10) * 2**20},
    "memory of PostgreSQL": lambda number: {"postgres_pss": (190 + number / 10) * 2**20},
    "table leases": lambda number: {"tables": {"events": TABLES, "leases": {**TABLES, "bytes": number * 2**20}}},
    "dead rows": lambda number: {"tables": {"events": {**TABLES, "dead": 100 * number}}},
    "CPU of Lookout": lambda number: {"lookout_cpu": number**1.2},
    "CPU of PostgreSQL": lambda number: {"postgres_cpu": number**1.2},
    "write-ahead log": lambda number: {"wal": {"written": 2**20 * number**2}},
    "POST of one repeat: p50": lambda number: {"load": _window(p50={**_window().p50, "alone": 5 + number / 100})},
    "POST to event: p99": lambda number: {"load": _window(p99={**_window().p99, "stream": 50 + number})},
}
"""What grows, and how."""


@pytest.mark.parametrize("what", GROWING)
def test_what_grows_is_named(what: str) -> None:
    said, is_well = report(ABOUT, _samples(GROWING[what]))
    assert not is_well
    assert any(line.startswith(f"GROWS  {what}") for line in said.splitlines())


@pytest.mark.parametrize(
    ("window", "sentence"),
    [
        ({"refused": {"503": 2}}, "at 3600 s: 2 x 503"),
        ({"refused": {"failed": 1}}, "at 3600 s: 1 x failed"),
        ({"gaps": 1}, "at 3600 s: 1 x gaps in a stream"),
        ({"overdue": 4}, "4 events never came"),
        ({"p50": {"alone": 5.0}}, "1 of 360 samples timed no POST to event"),
    ],
)
def test_what_went_wrong_is_told(window: dict[str, object], sentence: str) -> None:
    samples = [*_samples()[:-1], _sample(360, load=_window(**window))]
    assert sentence in list(failures(ABOUT, samples))
    assert f"BROKEN  {sentence}" in report(ABOUT, samples)[0]
    assert not report(ABOUT, samples)[1]


def test_an_event_that_came_late_is_no_loss() -> None:
    samples = [_sample(1, load=_window(overdue=3)), *_samples()[1:]]
    assert list(failures(ABOUT, samples)) == []


def test_less_than_was_due_is_told() -> None:
    samples = _samples(lambda _: {"load": _window(answered={"batch": 900})})
    assert list(failures(ABOUT, samples)) == ["90 requests a second were answered of 100"]


def test_it_says_how_it_goes() -> None:
    assert progress(_samples()[:6]).startswith("  1.0 min: 3,800 alerts/s, post p50 5.0 p99 50.0 ms, stream p50 5.0")


def test_a_run_that_was_cut_off_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "soak.jsonl"
    with path.open("wb") as file:
        for line in (ABOUT, *_samples()[:2]):
            keep(file, line)
        file.write(b'{"type":"sample","at":30')
    assert read(path) == (ABOUT, _samples()[:2])


def test_the_picture_says_what_was_run() -> None:
    picture = drawn(ABOUT, _samples())
    assert "60 minutes at half load, 3,800 alerts a second: 2 cores" in picture
    assert all(f">{what}, ms</text>" in picture for what in ("POST of 64 repeats", "POST to event"))


def test_it_is_written_down_with_all_that_counts() -> None:
    written = document(ABOUT, _samples(GROWING["dead rows"]))
    assert "60 minutes" in written
    assert "| memory of Lookout | 180 MiB | +0.0% | +5% | yes |" in written
    assert re.search(r"^\| dead rows \| .* \| \*\*no\*\* \|$", written, re.MULTILINE)
    assert "No answer was an error" in written
    broken = document(ABOUT, [*_samples()[:-1], _sample(360, load=_window(overdue=4))])
    assert "- 4 events never came" in broken

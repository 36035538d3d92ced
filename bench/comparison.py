"""What was measured beside what was reckoned: of one play of a load, as it is written down for the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.quantities import Load

SIMULATED = Path(__file__).with_name("simulated.json")


class Line(msgspec.Struct, frozen=True):
    """One quantity, measured and predicted. Both None: only measured, or only predicted."""

    what: str
    unit: str
    measured: float
    predicted: float | None = None

    @property
    def ratio(self) -> float | None:
        """Measured for each predicted."""
        return self.measured / self.predicted if self.predicted else None

    def is_off(self, factor: float) -> bool:
        """Whether they differ by more than `factor`, in either direction."""
        return self.ratio is not None and not 1 / factor <= self.ratio <= factor


class Comparison(msgspec.Struct, frozen=True):
    """Lines by stage of the play. `machine` says where it was."""

    machine: str
    load: Load
    processes: int
    seconds: float
    stages: Mapping[str, Sequence[Line]]
    factor: float = 1.5
    """By how much measured and predicted may differ."""

    @property
    def off(self) -> list[str]:
        """What differs by more, by its name and stage."""
        return [
            f"{line.what} ({stage})"
            for stage, lines in self.stages.items()
            for line in lines
            if line.is_off(self.factor)
        ]


def simulated() -> Comparison:
    """The play that is written down."""
    return msgspec.json.decode(SIMULATED.read_bytes(), type=Comparison)

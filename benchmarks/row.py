"""A row of the results: ours beside what it is held against, measured in the same run."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """``ours`` and ``baseline`` are in ``unit``; ``against`` says what the baseline is."""

    name: str
    ours: float
    baseline: float
    against: str
    unit: str
    memory_mb: float

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"ratio": round(self.ratio, 3)}

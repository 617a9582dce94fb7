"""What the data of a source looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windvane_provider.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ProfileOperator(WindvaneBaseOperator):
    """Measure one dataset: types, nulls, distinct values, bounds, quantiles, keys.

    Args:
        source: A path, a URL or ``conn:ID``; ``#table`` picks a dataset. A relative path is meant from the folder of
            the DAG file.
        sample: How many rows to read; by default all.
    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "source", "sample")
    ui_color = "#e3f4d7"

    def __init__(self, *, source: str, sample: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.sample = sample

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Profile, and return the profile."""
        from windvane import stages

        with self.failing_clearly():
            return stages.profile(self.beside_dag(self.source), sample=self.sample, **self.surroundings(context))

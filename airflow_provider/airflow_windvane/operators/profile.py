"""What the data of a source looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ProfileOperator(WindvaneBaseOperator):
    """Measure one dataset: types, nulls, distinct values, bounds, quantiles, keys.

    Args:
        source: A path, a URL or ``conn:ID``; ``#table`` picks a dataset. A relative path is meant from the folder of
            the DAG file.
        table: Which dataset of the source; by default its only one.
        sample: How many rows to read; by default all.

    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "source", "table", "sample")
    ui_color = "#e3f4d7"

    def __init__(self, *, source: str, table: str | None = None, sample: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.table = table
        self.sample = sample

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Profile, and return the profile."""
        import windvane

        from airflow_windvane.connections import address_urls

        with self.failing_clearly():
            return windvane.profile(
                self.beside_dag(self.source),
                table=self.table,
                sample=None if self.sample is None else int(self.sample),
                connections=address_urls(self.source, self.connections),
            ).to_dict()

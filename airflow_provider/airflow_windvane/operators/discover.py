"""What exists at a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_windvane.operators.base import WindvaneBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class DiscoverOperator(WindvaneBaseOperator):
    """List the datasets of a source with their fields and keys.

    Args:
        source: A path, a URL or ``conn:ID``; ``#table`` picks a dataset. A relative path is meant from the folder of
            the DAG file.

    """

    template_fields: Sequence[str] = (*WindvaneBaseOperator.template_fields, "source")
    ui_color = "#e3f4d7"

    def __init__(self, *, source: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Discover, and return the catalog."""
        import windvane

        from airflow_windvane.connections import address_urls

        with self.failing_clearly():
            return windvane.discover(
                self.beside_dag(self.source), connections=address_urls(self.source, self.connections)
            ).to_dict()

"""How a task of windvane ends when it cannot go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_windvane.operators.base import WindvaneBaseOperator


class TaskStopped(BaseException):
    """Airflow ends the task; raised where the engine works, which gives up what it holds."""


class FailingClearly:
    """Ends a task so that its log says why first, once, and then little else.

    Airflow writes the error, its traceback, and the same of every error that it came from. What is inside of windvane
    helps nobody who reads the log: the reason begins anew here, as an error that came from nothing.
    """

    def __init__(self, operator: WindvaneBaseOperator) -> None:
        self.operator = operator

    def __enter__(self) -> None:
        self.operator.at_work = True

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        from windvane.errors import WindvaneError

        from airflow_windvane.version_compat import AirflowFailException

        self.operator.at_work = False
        if not isinstance(error, WindvaneError):
            return
        if error.retryable:
            raise error.with_traceback(None) from None
        raise AirflowFailException(f"{type(error).__name__}: {error}") from None

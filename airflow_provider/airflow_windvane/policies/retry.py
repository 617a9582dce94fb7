"""How long to wait for an outside that does not answer, and when not to wait at all."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_windvane.version_compat import AIRFLOW_V_3_3_PLUS

if TYPE_CHECKING or AIRFLOW_V_3_3_PLUS:
    from airflow.sdk import RetryDecision, RetryPolicy
else:
    RetryDecision = RetryPolicy = object


class WindvaneRetryPolicy(RetryPolicy):
    """Retries what may pass, after the time that the outside or an open circuit breaker asked for.

    A failure that a retry cannot mend fails at once. What is not windvane's is left to the task's own settings. The
    policy can shorten the task's ``retries``, never exceed them.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide about one failure.

        Args:
            exception: What ended the task.
            try_number: Which try this was, from 1.
            max_tries: How many there may be.
            context: The task's context.

        """
        from windvane.errors import WindvaneError

        if not isinstance(exception, WindvaneError):
            return RetryDecision.default()
        if not exception.retryable:
            return RetryDecision.fail(reason=f"{exception.kind}: a retry cannot mend this")
        if exception.retry_after is None:
            return RetryDecision.default()
        delay = timedelta(seconds=exception.retry_after)
        return RetryDecision.retry(delay=delay, reason=f"{exception.kind}: asked to wait {exception.retry_after:g} s")

    def serialize(self) -> dict[str, Any]:
        """The policy as a document; it has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WindvaneRetryPolicy:
        """The policy from its document.

        Args:
            data: What :meth:`serialize` returned.

        """
        return cls()


@cache
def default_retry_policy() -> WindvaneRetryPolicy | None:
    """The policy that windvane's operators use; none before Airflow 3.3, which has no retry policies."""
    return WindvaneRetryPolicy() if AIRFLOW_V_3_3_PLUS else None

"""The connection to a model gateway that speaks OpenAI's protocol."""

from __future__ import annotations

import json
from typing import Any

from airflow_windvane.version_compat import BaseHook

_DEFAULT_MODEL = "default"
_DEFAULT_TIMEOUT = 30.0


class LlmHook(BaseHook):
    """A model gateway: base URL, API key, model, timeout.

    The hook holds no client: the engine speaks to the gateway itself. Its use is to read the connection and to test it.

    Args:
        llm_conn_id: The id of a ``windvane_llm`` connection.

    """

    conn_name_attr = "llm_conn_id"
    default_conn_name = "windvane_llm_default"
    conn_type = "windvane_llm"
    hook_name = "Windvane model gateway (OpenAI-compatible)"

    def __init__(self, llm_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.llm_conn_id = llm_conn_id

    def get_conn(self) -> dict[str, Any]:
        """The gateway as the engine takes it; holds the API key, so keep it out of logs and XCom.

        Raises:
            ValueError: The connection has no base URL.

        """
        connection = self.get_connection(self.llm_conn_id)
        extras = connection.extra_dejson
        base_url = (connection.host or "").rstrip("/")
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"connection {self.llm_conn_id!r} needs a base URL such as https://host/v1 in 'host'")
        return {
            "base_url": base_url,
            "api_key": connection.password or "",
            "model": extras.get("model") or _DEFAULT_MODEL,
            "timeout_seconds": float(extras.get("timeout") or _DEFAULT_TIMEOUT),
        }

    def test_connection(self) -> tuple[bool, str]:
        """Ask the gateway for its models."""
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        try:
            gateway = self.get_conn()
            headers = {"Accept": "application/json"}
            if gateway["api_key"]:
                headers["Authorization"] = f"Bearer {gateway['api_key']}"
            # The scheme was checked above: only http and https get here.
            request = Request(f"{gateway['base_url']}/models", headers=headers)  # noqa: S310
            with urlopen(request, timeout=gateway["timeout_seconds"]) as answer:  # noqa: S310
                listed = json.load(answer)
            models = [model["id"] for model in listed["data"]]
        except HTTPError as error:
            return False, f"The gateway answered {error.code} {error.reason}."
        except URLError as error:
            return False, f"The gateway does not answer: {error.reason}."
        except (OSError, ValueError, KeyError, TypeError) as error:
            return False, f"{type(error).__name__}: {error}"
        if gateway["model"] not in (_DEFAULT_MODEL, *models):
            return False, f"The gateway answers, but does not list the model {gateway['model']!r}."
        return True, f"The gateway answers and lists {len(models)} models."

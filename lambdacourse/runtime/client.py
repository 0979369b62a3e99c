"""The four calls of AWS's native ``runtime_client``, in plain Python, for where that one cannot be built.

Loaded by ``bootstrap.py`` under the native one's name.
"""

import http.client
import os

_PATH = "/2018-06-01/runtime/invocation"
_connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
_agent = ""


def initialize_client(user_agent):
    global _agent
    _agent = user_agent


def next():
    """Wait for the next event: its body, and the headers that AWS's bootstrap asks for."""
    status, body, headers = _call("GET", f"{_PATH}/next")
    if status != 200:
        raise RuntimeError(f"Failed to get next invocation: {status}")
    return body, {**headers, "Lambda-Runtime-Deadline-Ms": int(headers["Lambda-Runtime-Deadline-Ms"])}


def post_invocation_result(invoke_id, result_data, content_type, invocation_id=None):
    headers = {"Content-Type": content_type, **_attempt(invocation_id)}
    status, _, _ = _call("POST", f"{_PATH}/{invoke_id}/response", result_data, headers)
    if status // 100 != 2:
        raise RuntimeError(f"Failed to post invocation response: {status}")


def post_error(invoke_id, error_response_data, xray_fault, invocation_id=None):
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-XRay-Error-Cause": xray_fault}
    headers |= {"Lambda-Runtime-Function-Error-Type": "Unhandled", **_attempt(invocation_id)}
    status, _, _ = _call("POST", f"{_PATH}/{invoke_id}/error", error_response_data.encode(), headers)
    if status // 100 != 2:
        raise RuntimeError(f"Failed to post invocation error: {status}")


def _attempt(invocation_id):
    return {"Lambda-Runtime-Invocation-Id": invocation_id} if invocation_id else {}


def _call(method, path, body=None, headers=None):
    _connection.request(method, path, body, {"User-Agent": _agent, **(headers or {})})
    response = _connection.getresponse()
    return response.status, response.read(), dict(response.headers)

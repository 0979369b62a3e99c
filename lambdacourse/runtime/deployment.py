"""What was deployed: a handler, its code and its settings, by Lambda's rules for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambdacourse.errors import CourseError
from lambdacourse.facts import fact
from lambdacourse.model import checks
from lambdacourse.runtime.events import arn

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
    }
)  # fmt: skip
"""Environment variables that a function may not set."""


@dataclass(frozen=True)
class Deployment:
    """A function as its environments know it; the fields are named as the arguments of ``LocalLambda``.

    mark: under which id the processes of its environments are found. python_options: of the interpreter.
    """

    name: str
    handler: str
    code: Path
    memory_mb: int
    timeout: float
    environment: Mapping[str, str]
    layers: Sequence[Path]
    mark: str
    python_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        def keep(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        checks.name("LocalLambda(name", self.name, "AWS::Lambda::Function FunctionName")
        if not isinstance(self.handler, str) or not self.handler:
            example = "a text such as 'app.handler' (AWS::Lambda::Function Handler)"
            raise TypeError(f"LocalLambda(handler={self.handler!r}): must be {example}.")
        keep("code", _folder("code", self.code))
        least, most = fact("memory_minimum").value, fact("memory_maximum").value
        rule = f"must be a whole number of MB from {least} to {most:,} (AWS::Lambda::Function MemorySize)"
        keep("memory_mb", checks.whole("LocalLambda(memory_mb", self.memory_mb, rule, least=least, most=most))
        most = fact("timeout_maximum").value
        rule = f"must be a number of seconds from 1 to {most} (AWS::Lambda::Function Timeout)"
        keep("timeout", checks.number("LocalLambda(timeout", self.timeout, rule, least=1, most=most))
        keep("environment", _variables(self.environment))
        keep("layers", _layers(self.layers))

    @property
    def arn(self) -> str:
        return arn("lambda", f"function:{self.name}")


def _folder(what: str, value: str | Path) -> Path:
    folder = Path(checks.instance(f"LocalLambda({what}", value, str | Path, "the path of a folder")).expanduser().resolve()
    if not folder.is_dir():
        raise CourseError(f"LocalLambda({what}={str(value)!r}): there is no such folder.")
    return folder


def _layers(layers: Sequence[str | Path]) -> tuple[Path, ...]:
    most = fact("layers").value
    if len(layers) > most:
        raise ValueError(f"LocalLambda(layers={layers!r}): at most {most} layers (AWS::Lambda::Function Layers).")
    return tuple(_folder("layers", layer) for layer in layers)


def _variables(environment: Mapping[str, str] | None) -> dict[str, str]:
    """The function's variables, by Lambda's rules for their names and size."""
    variables = dict(environment or {})
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(
                f"LocalLambda(environment={{{name!r}: {value!r}}}): names and values are texts (Environment Variables)."
            )
        if name in RESERVED_VARIABLES:
            raise ValueError(f"LocalLambda(environment): {name} is reserved by Lambda and cannot be set.")
        if not re.fullmatch(r"[A-Za-z]\w+", name, re.ASCII):
            raise ValueError(
                f"LocalLambda(environment): {name!r} must begin with a letter and be two or more letters, digits or underscores."
            )
    size = len(json.dumps(variables).encode())
    most = fact("environment_variables_maximum").value
    if variables and size > most * 1024:
        raise ValueError(f"LocalLambda(environment): the variables take {size:,} bytes, more than {most} KB together.")
    return variables

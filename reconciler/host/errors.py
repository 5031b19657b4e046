"""What may go wrong in a run."""

from __future__ import annotations

from reconciler.codes import ErrorCode
from reconciler.errors import LlamagateError


class RunError(LlamagateError):
    """A workflow that the host runs failed. Nothing is the matter with the home."""

    code = ErrorCode.RUN


class StepValueError(RunError):
    """A step cannot use a value that it was given."""


class RunInputError(RunError):
    """What the caller of a workflow sent does not fit it."""

    code = ErrorCode.RUN_INPUT


class RunTimeoutError(RunError):
    """A workflow, or the model that it asked, took longer than it may."""

    code = ErrorCode.RUN_TIMEOUT


class ModelError(RunError):
    """The model server could not be reached, or did not answer as it should."""

    code = ErrorCode.MODEL
    advice = "look at the model server, and at --llm-url"


class UpstreamError(LlamagateError):
    """The upstream could not be reached, or what it sent is not HTTP."""

    code = ErrorCode.UPSTREAM
    advice = "look at the server that --upstream names"


class UpstreamTimeoutError(UpstreamError):
    """The upstream did not answer in time."""


class ToolError(RunError):
    """A tool server could not be asked, or its tool failed."""

    code = ErrorCode.TOOL
    advice = "look at the tool server, and at 'mcp' in the gateway's configuration file of the home"

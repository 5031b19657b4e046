"""What may go wrong in a run."""

from __future__ import annotations

from reconciler.errors import LlamagateError


class RunError(LlamagateError):
    """A workflow that the host runs failed. Nothing is the matter with the home."""

    code = "run"


class RunInputError(RunError):
    """What the caller of a workflow sent does not fit it."""

    code = "run-input"


class RunTimeoutError(RunError):
    """A workflow, or the model that it asked, took longer than it may."""

    code = "run-timeout"


class ModelError(RunError):
    """The model server could not be reached, or did not answer as it should."""

    code = "model"
    advice = "look at the model server, and at --llm-url"

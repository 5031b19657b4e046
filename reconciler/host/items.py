"""What the host serves: extensions and modules as values, decoded once from their manifests."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from reconciler.host.schema import Schema
from reconciler.model.config import Json, JsonObject


class LoadedFrom(StrEnum):
    """Where an item comes from, in the order in which they are loaded: an earlier one wins."""

    BUILTIN = "builtin"
    INSTALLED = "installed"
    LEGACY = "legacy"
    BUNDLED = "bundled"
    """Part of a module, and known to nobody else."""


ExtensionType = Literal["workflow", "middleware", "observer"]


class DeclaredInput(Struct, frozen=True, kw_only=True):
    """An input of the gateway dialect. ``default`` is ``None`` where there is none."""

    id: str
    type: str
    required: bool
    default: Json = None


class DeclaredOutput(Struct, frozen=True, kw_only=True):
    """A declared result; ``path`` is the file that a ``file`` output is written to."""

    id: str
    type: str
    path: str = ""


class Step(Struct, frozen=True, kw_only=True):
    """One step of a workflow. ``arguments`` are its ``with``, ``config`` and ``outputs`` those of the longer form."""

    uses: str
    name: str
    arguments: JsonObject
    config: JsonObject
    outputs: JsonObject
    goes_on: bool
    """Whether the workflow goes on when the step fails."""


class Hook(Struct, frozen=True, kw_only=True):
    """Where a middleware or observer comes in. Without a ``path_prefix`` every event counts."""

    on: str
    action: str
    path_prefix: str


class Signature(Struct, frozen=True, kw_only=True):
    """How the sender of a request proves who it is: ``header`` holds an HMAC of the body.

    ``variable`` names the environment variable with the secret.
    """

    header: str
    variable: str


class Endpoint(Struct, frozen=True, kw_only=True):
    """An HTTP route of an extension; ``path`` is below the extension's own. ``strict``: only declared inputs.

    ``headers`` are the inputs that come from headers, with the name of the header.
    """

    method: str
    path: str
    description: str
    request_schema: JsonObject | None
    response_schema: JsonObject | None
    request: Schema | None
    requires_auth: bool
    requires_rate_limit: bool
    strict: bool
    headers: Mapping[str, str]
    signature: Signature | None


class Rule(Struct, frozen=True, kw_only=True):
    """``condition`` is an expression, or a boolean. The first rule that holds gives ``outputs``."""

    condition: str | bool
    outputs: JsonObject


class Task(Struct, frozen=True, kw_only=True):
    """The one thing that an extension of the task dialect does. ``rules`` is empty where a model is asked."""

    asks_model: bool
    prompt: str
    settings: JsonObject
    rules: tuple[Rule, ...]
    inputs: Schema | None
    outputs: Schema | None


class Guardrails(Struct, frozen=True, kw_only=True):
    """What a run may do. ``max_output`` in characters, ``max_seconds`` of run time; ``None`` is no limit of its own.

    ``network``: only a tool server could reach it, since all else that a step asks is the host's own model server.
    """

    files: bool = True
    network: bool = True
    max_output: int | None = None
    max_seconds: float | None = None


UNGUARDED = Guardrails()


class Definition(Struct, frozen=True, kw_only=True):
    """Where the definition of an item was found. ``digest`` tells two states of it apart.

    ``templates`` are its prompts by name: taken with the manifest, so that no run mixes those of two versions.
    """

    id: str
    origin: LoadedFrom
    folder: Path
    digest: str
    templates: Mapping[str, str] = field()


class Item(Struct, frozen=True, kw_only=True):
    """What extensions and modules have in common. ``written`` are its inputs and outputs as the manifest has them."""

    name: str
    version: str
    description: str
    definition: Definition
    enabled: bool = True
    written: JsonObject
    guardrails: Guardrails


class Extension(Item, frozen=True, kw_only=True):
    """One extension; what its type has no use for is empty."""

    type: ExtensionType
    config: JsonObject
    inputs: tuple[DeclaredInput, ...]
    outputs: tuple[DeclaredOutput, ...]
    steps: tuple[Step, ...]
    task: Task | None
    hooks: tuple[Hook, ...]
    endpoints: tuple[Endpoint, ...]
    tool_servers: tuple[str, ...] = ()


class ModuleStep(Struct, frozen=True, kw_only=True):
    """One step of a module. ``extension`` is a name, or a file of the module; no ``input`` is the whole state."""

    name: str
    extension: str
    input: JsonObject | None
    goes_on: bool


class Module(Item, frozen=True, kw_only=True):
    """One agentic module. ``bundled`` holds its own extensions by name and by path."""

    steps: tuple[ModuleStep, ...]
    bundled: Mapping[str, Extension]
    inputs: Schema | None


class ItemFault(Struct, frozen=True, kw_only=True):
    """Why an item, or a part of it, is not served."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"

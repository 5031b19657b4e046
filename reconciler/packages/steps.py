"""What a manifest can ask for by name: steps, hooks, guardrails, types. The one table of them, for host and checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from reconciler.model.config import JsonObject


class StepKind(Struct, frozen=True, kw_only=True):
    """One function that ``uses`` can name.

    ``takes`` are the arguments that it looks for, in ``with`` and ``config``. Of each group in ``needs`` it must find
    one: as an argument, or under this name in the state. ``gives`` are the results that join the state; ``shows`` what
    later steps see beside them under the step's name. ``gives_more`` and ``shows_more``: others too, that nobody knows
    before it ran.
    """

    takes: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    gives: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    gives_more: bool = False
    shows_more: bool = False


MODEL_SETTINGS: Final = ("temperature", "max_tokens", "top_p", "stop", "seed")
"""What a step may say about how a model answers; passed on as it is."""

ARGUMENT_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("temperature", "top_p", "frequency_penalty", "presence_penalty", "repeat_penalty"), "number"),
    **dict.fromkeys(("max_tokens", "seed", "top_k", "n", "num_ctx", "num_predict"), "whole number"),
    **dict.fromkeys(("model", "model_name", "provider", "system_prompt", "user_prompt", "prompt"), "text"),
    **dict.fromkeys(("rendered_prompt", "template_id", "template_content", "path", "module_name"), "text"),
    **dict.fromkeys(("messages", "rules"), "list"),
    "stop": "text or list",
}
"""What belongs where the author of a step writes an argument, or a setting of a model, of this name."""

_PROMPTS: Final = ("messages", "user_prompt", "prompt", "rendered_prompt")
_MODULE: Final = ("module_name",)

STEP_KINDS: Final[Mapping[str, StepKind]] = {
    "template.load": StepKind(takes=("template_id",), needs=(("template_id",),), gives=("template_content",)),
    "template.render": StepKind(
        takes=("template_content", "variables"),
        needs=(("template_content",),),
        gives=("rendered_prompt", "prompt"),
    ),
    "llm.chat": StepKind(
        takes=("model", "messages", "system_prompt", "user_prompt", "prompt", "rendered_prompt", *MODEL_SETTINGS),
        needs=(_PROMPTS,),
        gives=("llm_response",),
        shows=("content",),
        shows_more=True,
    ),
    "file.read": StepKind(takes=("path",), needs=(("path",),), gives=("file_content", "content")),
    "file.write": StepKind(
        takes=("path", "content", "llm_response"),
        needs=(("content", "llm_response"),),
        gives=("output_file",),
        shows=("path",),
    ),
    "extension.call": StepKind(takes=("extension", "input"), needs=(("extension",),), gives_more=True),
    "summary.parse": StepKind(takes=("llm_response",), needs=(("llm_response",),), gives=("summary",), shows_more=True),
    "rules.evaluate": StepKind(takes=("rules",), needs=(("rules",),)),
    "mcp.call": StepKind(
        takes=("server", "tool", "arguments"),
        needs=(("server",), ("tool",)),
        gives=("tool_result",),
        shows=("content",),
        shows_more=True,
    ),
    "module.load": StepKind(takes=_MODULE, needs=(_MODULE,), gives=("module_name", "module_version")),
    "module.validate": StepKind(takes=_MODULE, needs=(_MODULE,), gives=("module_validated",)),
    "module.execute": StepKind(
        takes=("module_name", "module_input", "max_runtime_seconds", "max_steps"),
        needs=(_MODULE, ("module_input",)),
        gives=("module_output", "step_records", "run_record"),
    ),
    "module.record": StepKind(takes=("run_record",), needs=(("run_record",),), gives=("run_record", "final_output")),
}

HOOK_ACTIONS: Final[Mapping[str, str]] = {"http.request": "audit.log", "llm.response": "usage.track"}
"""Each event that a hook can wait for, with what can be done then."""

GUARDRAILS: Final = ("no_network_access", "no_filesystem_access", "max_output_length", "max_execution_time")

VALUE_TYPES: Final = ("string", "number", "boolean", "object", "array")
OUTPUT_TYPES: Final = (*VALUE_TYPES, "file")

OWN_WORDS: Final = ("true", "false", "null")
OWN_NAMES: Final = (*OWN_WORDS, "trace_id", "timestamp", "inputs", "steps")
"""Names that are the host's own wherever a value is named. An input of such a name is ``inputs.NAME``."""

PATH: Final = r"[A-Za-z_][\w-]*(?:\.[\w-]+)*"
PLACEHOLDER: Final = rf"\{{\{{\s*({PATH})\s*\}}\}}"
REFERENCE: Final = rf"{PLACEHOLDER}|\$\{{\s*({PATH})\s*\}}"
"""A placeholder, or the ``${path}`` that ``outputs`` are written with."""
CONDITION_PLACEHOLDER: Final = r"(?P<quote>['\"]?)\{\{\s*(?P<path>[\w.-]+)\s*\}\}(?P=quote)"


def tool_servers_in(document: JsonObject) -> tuple[str, ...]:
    """The tool servers that a manifest names: a step can call no other."""
    names = document.get("mcp_servers")
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()

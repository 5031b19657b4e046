"""What the steps of a workflow can use: a function for each row of the table in ``packages/steps.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec.structs import replace

from reconciler.host.decode import rules_of
from reconciler.host.engine.expression import cost_of, first_that_holds
from reconciler.host.engine.modules import module_named, run_module, validate_module
from reconciler.host.engine.run import Question, ToolRequest, judged
from reconciler.host.engine.state import PLACEHOLDER, text_of
from reconciler.host.engine.step_call import StepCall, StepFunction, StepResult, StepView, asked, called, object_of
from reconciler.host.engine.template import rendered
from reconciler.host.engine.weight import to_render
from reconciler.host.errors import RunError, RunInputError, StepValueError
from reconciler.host.items import Extension, Module, Rule, Step
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import did_you_mean
from reconciler.packages.steps import MODEL_SETTINGS, STEP_KINDS

_Item = TypeVar("_Item", Extension, Module)


async def _template_load(call: StepCall) -> StepResult:
    template_id = await call.computed(StepView.text, "template_id")
    content = call.extension.definition.templates.get(template_id)
    if content is None or not call.run.guardrails.files:
        content = await call.with_files(lambda files: files.read(f"templates/{template_id}.txt"))
    return StepResult({"template_content": content})


async def _template_render(call: StepCall) -> StepResult:
    # As it is written: filled in twice, a value could bring a placeholder of its own.
    written = call.view.step.arguments.get("template_content")
    if not isinstance(written, str) or PLACEHOLDER.fullmatch(written.strip()):
        written = await call.computed(StepView.text, "template_content")
    prompt = await call.within(to_render(written, call.weight), _render, written)
    return StepResult({"rendered_prompt": prompt, "prompt": prompt})


def _render(view: StepView, written: str) -> str:
    template = view.step.arguments.get("template_content")
    if template != written:
        view.state.find("template_content")  # whose it is counts, too
    return rendered(written, view.state, view.mapping("variables") or {})


async def _llm_chat(call: StepCall) -> StepResult:
    default, trace_id = call.run.services.default_model, call.run.trace_id
    question = await call.computed(_question, default_model=default, trace_id=trace_id)
    text = await asked(call.run, question)
    found = await object_of(call.run, text)
    return StepResult({"llm_response": text}, {**(found or {}), "content": text, "llm_response": text})


def _question(view: StepView, *, default_model: str, trace_id: str) -> Question:
    model = view.given("model") or view.config.get("model") or default_model
    settings: JsonObject = {}
    for name in MODEL_SETTINGS:
        value = view.argument(name)
        value = view.config.get(name) if value is None else value
        if value is not None:
            settings[name] = value
    return Question(model=text_of(model), messages=_messages(view), settings=settings, trace_id=trace_id)


def _messages(view: StepView) -> tuple[JsonObject, ...]:
    messages = view.argument("messages")
    if isinstance(messages, list) and messages:
        return tuple(_message(message) for message in messages)
    system = view.argument("system_prompt")
    prompt = view.argument("user_prompt") or view.argument("prompt") or view.text("rendered_prompt", "prompt")
    first: tuple[JsonObject, ...] = ({"role": "system", "content": text_of(system)},) if system else ()
    return (*first, {"role": "user", "content": text_of(prompt)})


def _message(value: Json) -> JsonObject:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        raise StepValueError("'messages' is a list of mappings with 'role' and 'content'")
    return {"role": text_of(value["role"]), "content": text_of(value.get("content"))}


async def _file_read(call: StepCall) -> StepResult:
    path = await call.computed(StepView.text, "path")
    call.is_callers &= not _leads_out(call.view.step)
    content = await call.with_files(lambda files: files.read(path))
    return StepResult({"file_content": content, "content": content})


async def _file_write(call: StepCall) -> StepResult:
    declared = next((output.path for output in call.extension.outputs if output.type == "file" and output.path), None)
    path, data = await call.computed(_to_write, declared)
    call.is_callers &= not _leads_out(call.view.step)
    written = await call.with_files(lambda files: files.write(path, data))
    return StepResult({"output_file": written}, {"output_file": written, "path": written})


def _leads_out(step: Step) -> bool:
    """Whether the path of a step leads out of the item as the package wrote it, whatever the caller sent."""
    written = step.arguments.get("path", step.config.get("path"))
    return isinstance(written, str) and (".." in written or written.startswith("/"))


def _to_write(view: StepView, declared: str | None) -> tuple[str, bytes]:
    path = view.argument("path") or view.state.held("output_path") or declared
    if not path:
        raise RunError("it needs 'path', or an output of type file with a path")
    content = view.argument("content")
    return text_of(path), text_of(content if content is not None else view.given("llm_response")).encode()


async def _extension_call(call: StepCall) -> StepResult:
    name, given = await call.computed(_callee)
    extension = _found(call, lambda: call.run.extension(name))
    try:
        return StepResult(await call.run.services.execute(call.run, extension, given))
    except RunInputError as error:
        raise judged(error, is_callers=call.is_callers) from error


def _callee(view: StepView) -> tuple[str, JsonObject]:
    """Which extension, and its input; without one all that the state holds, whose owners all count then."""
    name, given = view.text("extension"), view.mapping("input")
    if given is None:
        view.state.seen.update((each,) for each in view.state.values)
    return name, view.state.values if given is None else given


def _found(call: StepCall, find: Callable[[], _Item]) -> _Item:
    """What ``find`` finds. A name that is the caller's, of something that does not exist, is the caller's mistake."""
    try:
        return find()
    except StepValueError as error:
        raise judged(error, is_callers=call.is_callers) from error


async def _summary_parse(call: StepCall) -> StepResult:
    text = await call.computed(StepView.text, "llm_response")
    summary = await object_of(call.run, text)
    if summary is None:
        raise judged(StepValueError("the model's answer holds no JSON object"), is_callers=call.is_callers)
    return StepResult({"summary": summary}, {"summary": summary, **summary})


async def _rules_evaluate(call: StepCall) -> StepResult:
    step, state = call.view.step, call.weight
    rules = rules_of({**step.config, **step.arguments})
    if not rules:
        raise RunError("it needs 'rules', a list of {if, then}")
    found = await call.within(cost_of(rules, state), _evaluate, rules)
    return StepResult({}) if found is None else StepResult(found[1], rule=found[0])


def _evaluate(view: StepView, rules: tuple[Rule, ...]) -> tuple[int, JsonObject] | None:
    summary = view.state.values.get("summary")
    return first_that_holds(rules, view.state, summary if isinstance(summary, dict) else {})


async def _mcp_call(call: StepCall) -> StepResult:
    request = await call.computed(_tool_request)
    named = call.extension.tool_servers
    if request.server not in named:
        what = did_you_mean(request.server, named) or "; the manifest's 'mcp_servers' has to name it"
        raise RunError(f"the extension '{call.extension.name}' does not name the tool server '{request.server}'{what}")
    reply = await called(call.run, replace(request, programs=call.run.guardrails.files))
    result = reply.text if reply.structured is None else reply.structured
    return StepResult(
        {"tool_result": result}, {**(reply.structured or {}), "content": reply.text, "tool_result": result}
    )


def _tool_request(view: StepView) -> ToolRequest:
    given = view.argument("arguments")
    if given is not None and not isinstance(given, dict):
        raise StepValueError("'arguments' must be a mapping")
    return ToolRequest(server=view.text("server"), tool=view.text("tool"), arguments=given or {})


async def _module_load(call: StepCall) -> StepResult:
    module = await _module(call)
    return StepResult({"module_name": module.name, "module_version": module.version})


async def _module_validate(call: StepCall) -> StepResult:
    validate_module(call.run, await _module(call))
    return StepResult({"module_validated": True})


async def _module(call: StepCall) -> Module:
    name = await call.computed(StepView.text, "module_name")
    return _found(call, lambda: module_named(call.run, name))


async def _module_execute(call: StepCall) -> StepResult:
    module = await _module(call)
    given, seconds, most = await call.computed(_module_arguments)
    record = await run_module(call.run, module, given, seconds=seconds, most_steps=most)
    if record.error is not None:
        raise judged(record.error, is_callers=call.is_callers)
    document = record.to_document()
    return StepResult({"module_output": record.output, "step_records": document["steps"], "run_record": document})


def _module_arguments(view: StepView) -> tuple[JsonObject, float | None, float | None]:
    given = view.mapping("module_input")
    if given is None:
        raise RunError("it needs 'module_input', which neither the step nor the state has")
    return given, _number(view, "max_runtime_seconds"), _number(view, "max_steps")


async def _module_record(call: StepCall) -> StepResult:
    record = await call.computed(StepView.mapping, "run_record")
    if record is None:
        raise RunError("no module was executed before it")
    return StepResult({"run_record": record, "final_output": record.get("final_output")})


def _number(view: StepView, name: str) -> float | None:
    value = view.given(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_FUNCTIONS: Final[Mapping[str, StepFunction]] = {
    "template.load": _template_load,
    "template.render": _template_render,
    "llm.chat": _llm_chat,
    "file.read": _file_read,
    "file.write": _file_write,
    "extension.call": _extension_call,
    "summary.parse": _summary_parse,
    "rules.evaluate": _rules_evaluate,
    "mcp.call": _mcp_call,
    "module.load": _module_load,
    "module.validate": _module_validate,
    "module.execute": _module_execute,
    "module.record": _module_record,
}

STEPS: Final[Mapping[str, StepFunction]] = {name: _FUNCTIONS[name] for name in STEP_KINDS}
"""By the name that ``uses`` has."""

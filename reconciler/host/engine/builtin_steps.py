"""What the steps of a workflow can use, by the name that ``uses`` has: the one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.host.decode import rules_of
from reconciler.host.engine.expression import first_that_holds
from reconciler.host.engine.json_values import object_in
from reconciler.host.engine.modules import module_named, run_module, validate_module
from reconciler.host.engine.run import Question
from reconciler.host.engine.state import PLACEHOLDER, text_of
from reconciler.host.engine.step_call import StepCall, StepFunction, StepResult, asked, reply_view
from reconciler.host.engine.template import rendered
from reconciler.host.errors import RunError
from reconciler.model.config import Json, JsonObject

_SETTINGS: Final = ("temperature", "max_tokens", "top_p", "stop", "seed")
"""What a step may say about how a model answers; passed on as it is."""


async def _template_load(call: StepCall) -> StepResult:
    template_id = call.text("template_id")
    content = call.extension.definition.templates.get(template_id)
    if content is None or not call.run.guardrails.files:
        content = await call.with_files(lambda files: files.read(f"templates/{template_id}.txt"))
    return StepResult({"template_content": content})


async def _template_render(call: StepCall) -> StepResult:
    # As it is written: filled in twice, a value could bring a placeholder of its own.
    template = call.step.arguments.get("template_content")
    if not isinstance(template, str) or PLACEHOLDER.fullmatch(template.strip()):
        template = call.text("template_content")
    prompt = rendered(template, call.state, call.mapping("variables") or {})
    return StepResult({"rendered_prompt": prompt, "prompt": prompt})


async def _llm_chat(call: StepCall) -> StepResult:
    config = call.extension.config
    model = call.given("model") or config.get("model") or call.run.services.default_model
    settings: JsonObject = {}
    for name in _SETTINGS:
        value = call.argument(name)
        value = config.get(name) if value is None else value
        if value is not None:
            settings[name] = value
    text = await asked(call.run, Question(model=text_of(model), messages=_messages(call), settings=settings))
    return StepResult({"llm_response": text}, reply_view(text))


def _messages(call: StepCall) -> tuple[JsonObject, ...]:
    messages = call.argument("messages")
    if isinstance(messages, list) and messages:
        return tuple(_message(message) for message in messages)
    system = call.argument("system_prompt")
    prompt = call.argument("user_prompt") or call.argument("prompt") or call.text("rendered_prompt", "prompt")
    first: tuple[JsonObject, ...] = ({"role": "system", "content": text_of(system)},) if system else ()
    return (*first, {"role": "user", "content": text_of(prompt)})


def _message(value: Json) -> JsonObject:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        raise RunError("'messages' is a list of mappings with 'role' and 'content'")
    return {"role": text_of(value["role"]), "content": text_of(value.get("content"))}


async def _file_read(call: StepCall) -> StepResult:
    path = call.text("path")
    content = await call.with_files(lambda files: files.read(path))
    return StepResult({"file_content": content, "content": content})


async def _file_write(call: StepCall) -> StepResult:
    declared = next((output.path for output in call.extension.outputs if output.type == "file" and output.path), None)
    path = call.argument("path") or call.state.values.get("output_path") or declared
    if not path:
        raise RunError("it needs 'path', or an output of type file with a path")
    content = call.argument("content")
    data = text_of(content if content is not None else call.given("llm_response")).encode()
    written = await call.with_files(lambda files: files.write(text_of(path), data))
    return StepResult({"output_file": written}, {"output_file": written, "path": written})


async def _extension_call(call: StepCall) -> StepResult:
    name = call.text("extension")
    given = call.mapping("input")
    result = await call.run.services.execute(
        call.run, call.run.extension(name), call.state.values if given is None else given
    )
    return StepResult(result)


async def _summary_parse(call: StepCall) -> StepResult:
    summary = object_in(call.text("llm_response"))
    if summary is None:
        raise RunError("the model's answer holds no JSON object")
    return StepResult({"summary": summary}, {"summary": summary, **summary})


async def _rules_evaluate(call: StepCall) -> StepResult:
    rules = rules_of({**call.step.config, **call.step.arguments})
    if not rules:
        raise RunError("it needs 'rules', a list of {if, then}")
    summary = call.state.values.get("summary")
    found = first_that_holds(rules, call.state, summary if isinstance(summary, dict) else {})
    return StepResult(found or {})


async def _module_load(call: StepCall) -> StepResult:
    module = module_named(call.run, call.text("module_name"))
    return StepResult({"module_name": module.name, "module_version": module.version})


async def _module_validate(call: StepCall) -> StepResult:
    validate_module(call.run, module_named(call.run, call.text("module_name")))
    return StepResult({"module_validated": True})


async def _module_execute(call: StepCall) -> StepResult:
    module = module_named(call.run, call.text("module_name"))
    given = call.mapping("module_input")
    if given is None:
        raise RunError("it needs 'module_input', which neither the step nor the state has")
    seconds, most = _number(call, "max_runtime_seconds"), _number(call, "max_steps")
    record = await run_module(call.run, module, given, seconds=seconds, most_steps=most)
    if record.error is not None:
        raise record.error
    document = record.to_document()
    return StepResult({"module_output": record.output, "step_records": document["steps"], "run_record": document})


async def _module_record(call: StepCall) -> StepResult:
    record = call.mapping("run_record")
    if record is None:
        raise RunError("no module was executed before it")
    return StepResult({"run_record": record, "final_output": record.get("final_output")})


def _number(call: StepCall, name: str) -> float | None:
    value = call.given(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


STEPS: Final[Mapping[str, StepFunction]] = {
    "template.load": _template_load,
    "template.render": _template_render,
    "llm.chat": _llm_chat,
    "file.read": _file_read,
    "file.write": _file_write,
    "extension.call": _extension_call,
    "summary.parse": _summary_parse,
    "rules.evaluate": _rules_evaluate,
    "module.load": _module_load,
    "module.validate": _module_validate,
    "module.execute": _module_execute,
    "module.record": _module_record,
}

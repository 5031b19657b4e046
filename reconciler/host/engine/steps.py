"""The functions that a workflow's steps can use, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.host.decode import rules_of
from reconciler.host.engine.expression import first_that_holds
from reconciler.host.engine.modules import module_named, run_module, validate_module
from reconciler.host.engine.outputs import object_in
from reconciler.host.engine.run import Question
from reconciler.host.engine.state import PLACEHOLDER, text_of
from reconciler.host.engine.step import Call, Given, StepFunction, asked, reply_view
from reconciler.host.engine.template import rendered
from reconciler.host.errors import RunError
from reconciler.model.config import Json, JsonObject

_SETTINGS: Final = ("temperature", "max_tokens", "top_p", "stop", "seed")
"""What a step may say about how a model answers; passed on as it is."""


async def _template_load(call: Call) -> Given:
    template_id = call.text("template_id")
    content = call.extension.templates.get(template_id)
    if content is None or not call.run.guardrails.files:
        content = await call.with_files(lambda files: files.read(f"templates/{template_id}.txt"))
    return Given({"template_content": content})


async def _template_render(call: Call) -> Given:
    # As it is written: filled in twice, a value could bring a placeholder of its own.
    template = call.step.arguments.get("template_content")
    if not isinstance(template, str) or PLACEHOLDER.fullmatch(template.strip()):
        template = call.text("template_content")
    prompt = rendered(template, call.state, call.mapping("variables") or {})
    return Given({"rendered_prompt": prompt, "prompt": prompt})


async def _llm_chat(call: Call) -> Given:
    config = call.extension.config
    model = call.given("model") or config.get("model") or call.run.services.default_model
    settings: JsonObject = {}
    for name in _SETTINGS:
        value = call.argument(name)
        value = config.get(name) if value is None else value
        if value is not None:
            settings[name] = value
    text = await asked(call.run, Question(model=text_of(model), messages=_messages(call), settings=settings))
    return Given({"llm_response": text}, reply_view(text))


def _messages(call: Call) -> tuple[JsonObject, ...]:
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


async def _file_read(call: Call) -> Given:
    path = call.text("path")
    content = await call.with_files(lambda files: files.read(path))
    return Given({"file_content": content, "content": content})


async def _file_write(call: Call) -> Given:
    declared = next((output.path for output in call.extension.outputs if output.type == "file" and output.path), None)
    path = call.argument("path") or call.state.values.get("output_path") or declared
    if not path:
        raise RunError("it needs 'path', or an output of type file with a path")
    content = call.argument("content")
    data = text_of(content if content is not None else call.given("llm_response")).encode()
    written = await call.with_files(lambda files: files.write(text_of(path), data))
    return Given({"output_file": written}, {"output_file": written, "path": written})


async def _extension_call(call: Call) -> Given:
    name = call.text("extension")
    given = call.mapping("input")
    result = await call.run.services.execute(
        call.run, call.run.extension(name), call.state.values if given is None else given
    )
    return Given(result)


async def _summary_parse(call: Call) -> Given:
    summary = object_in(call.text("llm_response"))
    if summary is None:
        raise RunError("the model's answer holds no JSON object")
    return Given({"summary": summary}, {"summary": summary, **summary})


async def _rules_evaluate(call: Call) -> Given:
    rules = rules_of(call.step.arguments.get("rules", call.step.config.get("rules")))
    if not rules:
        raise RunError("it needs 'rules', a list of {if, then}")
    summary = call.state.values.get("summary")
    found = first_that_holds(rules, call.state, summary if isinstance(summary, dict) else {})
    return Given(found or {})


async def _module_load(call: Call) -> Given:
    module = module_named(call.run, call.text("module_name"))
    return Given({"module_name": module.name, "module_version": module.version})


async def _module_validate(call: Call) -> Given:
    validate_module(call.run, module_named(call.run, call.text("module_name")))
    return Given({"module_validated": True})


async def _module_execute(call: Call) -> Given:
    module = module_named(call.run, call.text("module_name"))
    given = call.mapping("module_input")
    if given is None:
        raise RunError("it needs 'module_input', which neither the step nor the state has")
    seconds, most = _number(call, "max_runtime_seconds"), _number(call, "max_steps")
    record = await run_module(call.run, module, given, seconds=seconds, most_steps=most)
    if record.error is not None:
        raise record.error
    document = record.to_document()
    return Given({"module_output": record.output, "step_records": document["steps"], "run_record": document})


async def _module_record(call: Call) -> Given:
    record = call.mapping("run_record")
    if record is None:
        raise RunError("no module was executed before it")
    return Given({"run_record": record, "final_output": record.get("final_output")})


def _number(call: Call, name: str) -> float | None:
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

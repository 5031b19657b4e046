"""A workflow, step by step: what each needs, what it gives, and what comes out in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.codes import CheckCode
from reconciler.model.config import Json, JsonObject
from reconciler.model.ids import path_problem
from reconciler.packages.check.conditions import in_rules
from reconciler.packages.check.document import Document, Text, at, mapping, rows, text_at
from reconciler.packages.check.found import Found, at_value
from reconciler.packages.check.near import meant, near
from reconciler.packages.check.scope import Scope, Shown, in_template, in_template_file, in_value
from reconciler.packages.steps import STEP_KINDS, StepKind, tool_servers_in

_NOTHING: Final = StepKind()


class Files(Struct, frozen=True, kw_only=True):
    """What else the package holds: all of its paths, and its templates by name."""

    paths: frozenset[str]
    templates: Mapping[str, Text]


class _Step(Struct, frozen=True, kw_only=True):
    """One step of the document, and what is known when it begins."""

    document: Document
    index: int
    row: JsonObject
    scope: Scope
    files: Files

    @property
    def uses(self) -> str:
        return text_at(self.row, "uses")

    @property
    def kind(self) -> StepKind:
        return STEP_KINDS.get(self.uses, _NOTHING)

    @property
    def name(self) -> str:
        return text_at(self.row, "id") or text_at(self.row, "name")

    def argument(self, name: str) -> tuple[str, Json]:
        """Where an argument is written, and what."""
        for key in ("with", "config"):
            if name in mapping(self.row, key):
                return key, at(self.row, key, name)
        return "", None


def in_workflow(document: Document, files: Files) -> Iterator[Found]:
    """What is wrong with the steps of an extension, and with what it says that it gives."""
    value = document.value
    inputs = frozenset(text_at(row, "id") for _, row in rows(value, "inputs"))
    steps = [*rows(value, "steps")]
    ahead = [text_at(row, "id") or text_at(row, "name") for _, row in steps]
    scope = Scope(inputs=inputs, names=inputs, later=frozenset(filter(None, ahead)))
    loaded: list[Text] | None = None
    for index, row in steps:
        step = _Step(document=document, index=index, row=row, scope=scope, files=files)
        yield from _in_step(step)
        if step.uses == "template.load":
            loaded = _loads(step)
        if step.uses == "template.render" and loaded is not None:
            yield from _in_templates(step, loaded)
            loaded = None
        scope = _after(step)
    yield from _unproduced(document, scope, frozenset(text_at(row, "uses") for _, row in steps))


def _in_step(step: _Step) -> Iterator[Found]:
    document, row = step.document, step.row
    for key in ("with", "config"):
        for name, value in mapping(row, key).items():
            path = ("steps", step.index, key, name)
            if step.uses == "rules.evaluate" and name == "rules":
                yield from in_rules(document, value, path, step.scope, _declared(document))
            elif step.uses == "template.render" and name == "template_content" and isinstance(value, str):
                yield from in_template(document, value, path, _with_variables(step))
            else:
                yield from in_value(document, value, path, step.scope)
    seen = _after(replace(step, row={key: value for key, value in row.items() if key != "outputs"}))
    outputs = mapping(row, "outputs")
    yield from in_value(document, outputs, ("steps", step.index, "outputs"), seen, references=True)
    yield from _missing_file(step)
    yield from _missing_argument(step)
    yield from _unnamed_server(step)


def _declared(document: Document) -> frozenset[str]:
    return frozenset(text_at(row, "id") for _, row in rows(document.value, "outputs"))


def _after(step: _Step) -> Scope:
    """What is known once it ran."""
    scope, kind = step.scope, step.kind
    named = frozenset(mapping(step.row, "outputs"))
    gives = frozenset(kind.gives) | named | _rule_results(step)
    unknown = step.uses not in STEP_KINDS
    more = scope.more or kind.gives_more or unknown
    steps = dict(scope.steps)
    if step.name:
        shows_more = kind.shows_more or kind.gives_more or unknown
        steps[step.name] = Shown(gives | frozenset(kind.shows), shows_more)
    return replace(scope, names=scope.names | gives, more=more, steps=steps, later=scope.later - {step.name})


def _rule_results(step: _Step) -> frozenset[str]:
    if step.uses != "rules.evaluate":
        return frozenset()
    found: set[str] = set()
    for key in ("with", "config"):
        for _, rule in rows(step.row, key, "rules"):
            found |= results_of(rule).keys()
    return frozenset(found)


def results_of(rule: JsonObject) -> JsonObject:
    """What a rule gives: below ``then`` or ``outputs``, or beside its condition."""
    for key in ("outputs", "then"):
        if isinstance(rule.get(key), dict):
            return mapping(rule, key)
    return {key: value for key, value in rule.items() if key not in ("if", "condition", "outputs", "then")}


def _missing_argument(step: _Step) -> Iterator[Found]:
    """A step that finds neither an argument nor a value for what it works on."""
    if step.scope.more:
        return
    given = {name for key in ("with", "config") for name in mapping(step.row, key)}
    for group in step.kind.needs:
        is_near = any(near(name, group) for name in given)  # which is said as that
        if not is_near and given.isdisjoint(group) and step.scope.names.isdisjoint(group):
            needed = " or ".join(f"'{name}'" for name in group)
            message = f"{step.uses} needs {needed}: no argument, no input and no earlier step gives it"
            yield at_value(step.document, CheckCode.MISSING_ARGUMENT, ("steps", step.index, "uses"), message)


def _unnamed_server(step: _Step) -> Iterator[Found]:
    """A call of a tool server that the manifest does not name. One that is known only at run time is judged then."""
    key, value = step.argument("server") if step.uses == "mcp.call" else ("", None)
    named = tool_servers_in(step.document.value)
    if isinstance(value, str) and "{{" not in value and value not in named:
        found = near(value, named)
        message = f"'mcp_servers' does not name the tool server '{value}'{meant(found)}"
        fix = found[0] if len(found) == 1 else None
        yield at_value(step.document, CheckCode.UNNAMED_SERVER, ("steps", step.index, key, "server"), message, fix=fix)


def _missing_file(step: _Step) -> Iterator[Found]:
    name = {"template.load": "template_id", "file.read": "path"}.get(step.uses)
    if name is None:
        return
    key, value = step.argument(name)
    path = ("steps", step.index, key, name) if key else ("steps", step.index, "uses")
    if name == "template_id" and (not isinstance(value, str) or "{{" in value):
        if not any(one.startswith("templates/") for one in step.files.paths):
            message = "there is no template to load: the package has no folder templates"
            yield at_value(step.document, CheckCode.MISSING_FILE, path, message)
    elif isinstance(value, str) and "{{" not in value and not _is_written(value):
        wanted = f"templates/{value}.txt" if name == "template_id" else value.removeprefix("./")
        if wanted not in step.files.paths and path_problem(wanted) is None:
            known = step.files.templates if name == "template_id" else step.files.paths
            found = near(value.removeprefix("./"), known)
            message = f"the package has no file {wanted}{meant(found)}"
            fix = found[0] if len(found) == 1 else None
            yield at_value(step.document, CheckCode.MISSING_FILE, path, message, fix=fix)


def _is_written(path: str) -> bool:
    """Whether programs write it, at run time."""
    return path.removeprefix("./").startswith(("var/", "output/"))


def _loads(step: _Step) -> list[Text]:
    """The templates that a step may load."""
    value = step.argument("template_id")[1]
    if isinstance(value, str) and "{{" not in value:
        one = step.files.templates.get(value)
        return [one] if one else []
    return [*step.files.templates.values()]


def _in_templates(step: _Step, loaded: list[Text]) -> Iterator[Found]:
    scope = _with_variables(step)
    for template in loaded:
        yield from in_template_file(template, scope)


def _with_variables(step: _Step) -> Scope:
    """A template knows the variables of its step, too."""
    written = step.argument("variables")[1]
    scope = replace(step.scope, names=step.scope.names | {"variables"})
    if isinstance(written, dict):
        return replace(scope, names=scope.names | written.keys())
    return replace(scope, more=scope.more or written is not None or "variables" in step.scope.names)


def _unproduced(document: Document, scope: Scope, used: frozenset[str]) -> Iterator[Found]:
    """Declared outputs that no step gives."""
    if text_at(document.value, "type") not in ("workflow", ""):
        return
    for index, output in rows(document.value, "outputs"):
        name, kind = text_at(output, "id"), text_at(output, "type")
        is_file = kind == "file" and ("file.write" in used or "output_file" in scope.names)
        if not name or name in scope.names or is_file or scope.more:
            continue
        message = f"no step gives the output '{name}'{meant(near(name, scope.names))}"
        yield at_value(document, CheckCode.UNPRODUCED_OUTPUT, ("outputs", index, "id"), message)

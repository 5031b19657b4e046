"""Faulty packages: each has one mistake, and ``check`` finds that one, at the mark ``§``, and nothing else.

A row: the code, what is wrong, the package of ``bases.py``, a text of it, and what stands there instead.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.packages.check.bases import TASK


class Faulty(NamedTuple):
    """``file`` is where ``old`` becomes ``new``; without ``old`` it is a new file."""

    code: str
    what: str
    base: str
    old: str
    new: str
    file: str = ""


_KEY: Final = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
_MODEL_AND_PROMPT: Final = TASK["extension.yaml"].partition("  type: model\n")[2].partition("guardrails")[0]
_MODULE: Final = "agenticmodule.yaml"

FAULTY: Final = (
    Faulty("LG100", "a type that does not exist", "workflow", "type: workflow", "§type: flow"),
    Faulty("LG100", "no version", "workflow", "name: desk\nversion: 1.0.0\n", "§name: desk\n"),
    Faulty("LG100", "a version of two numbers", "middleware", "version: 1.0.0", "§version: '1.0'"),
    Faulty("LG100", "a path that does not begin with a slash", "workflow", "path: /sort", "§path: sort"),
    Faulty("LG100", "a tab in the indentation", "middleware", "  audit_dir", "§\taudit_dir"),
    Faulty("LG100", "a key twice", "task", "prompt: |", "§version: 1.0.0\nprompt: |"),
    Faulty(
        "LG101", "a letter dropped at the top", "workflow", "outputs:\n  - id: summary", "§outpts:\n  - id: summary"
    ),
    Faulty("LG101", "a letter doubled in an input", "workflow", "    required: true", "    §requiired: true"),
    Faulty("LG101", "two letters swapped in a step", "workflow", "    on_error: continue", "    §on_errro: continue"),
    Faulty("LG101", "a required key", "workflow", "description: Sorts", "§descripton: Sorts"),
    Faulty("LG101", "the steps", "workflow", "steps:\n", "§step:\n"),
    Faulty("LG101", "an argument", "workflow", "      template_id: sort", "      §templat_id: sort"),
    Faulty("LG101", "with", "workflow", "    with:\n      path: docs", "    §wiht:\n      path: docs"),
    Faulty("LG101", "a key of a rule", "workflow", '          then: {queue: "on', '          §them: {queue: "on'),
    Faulty("LG101", "a result of a rule", "workflow", '{queue: "on', '{§qeue: "on'),
    Faulty("LG101", "a key of an endpoint", "workflow", "    requires_auth: true", "    §require_auth: true"),
    Faulty("LG101", "a keyword of JSON Schema", "task", "minLength: 1", "§minLenght: 1"),
    Faulty("LG101", "a property that is required", "workflow", "        letter: {type", "        §leter: {type"),
    Faulty("LG101", "a property that is an input", "workflow", "        style: {type", "        §stlye: {type"),
    Faulty("LG101", "a property of the answer", "workflow", "        success: {", "        §sucess: {"),
    Faulty("LG101", "a property of the answer's data", "workflow", "            queue: {t", "            §queu: {t"),
    Faulty("LG101", "a key of a hook", "middleware", "      path_prefix:", "      §path_prefx:"),
    Faulty("LG101", "a key of a task", "task", "task:\n", "§tsk:\n"),
    Faulty("LG101", "a setting of the model", "task", "  provider:", "  §provder:"),
    Faulty("LG101", "a key of the logging", "task", "    enabled: true\n", "    §enable: true\n"),
    Faulty("LG101", "a key of a condition", "rules", "  - condition: true", "  - §conditon: true"),
    Faulty(
        "LG101", "a key of a module", "module", "      inputs:\n        text", "      §inptus:\n        text", _MODULE
    ),
    Faulty("LG101", "a key of the packaging", "module", "load_mode", "§laod_mode", "module.yaml"),
    Faulty("LG102", "a letter dropped in a step", "workflow", "uses: summary.parse", "uses: §summary.prse"),
    Faulty("LG102", "a step of another program", "workflow", "uses: file.read", "uses: §http.get"),
    Faulty("LG103", "an event that does not exist", "middleware", "on: http.request", "on: §http.response"),
    Faulty("LG103", "an action that does not exist", "middleware", "action: audit.log", "action: §audit.logs"),
    Faulty("LG103", "the action of another event", "middleware", "action: audit.log", "action: §usage.track"),
    Faulty("LG103", "on_error", "workflow", "on_error: continue", "on_error: §contnue"),
    Faulty("LG104", "a guardrail", "task", "type: max_output_length", "type: §max_output_lenght"),
    Faulty("LG104", "a guardrail that nobody has", "task", "type: max_output_length", "type: §no_swearing"),
    Faulty(
        "LG105", "the type of an input", "workflow", "    type: string\n    required", "    type: §strng\n    required"
    ),
    Faulty(
        "LG105",
        "the type of an output",
        "workflow",
        "  - id: queue\n    type: string",
        "  - id: queue\n    type: §text",
    ),
    Faulty("LG105", "the type of a property", "task", "text: {type: string}", "text: {type: §strin}"),
    Faulty("LG105", "the type of a task", "task", "task:\n  type: model", "task:\n  type: §modl"),
    Faulty("LG106", "a placeholder in an argument", "workflow", '"{{verdict}} {{s', '"§{{verdit}} {{s'),
    Faulty("LG106", "a placeholder for an input", "workflow", "{{inputs.style}}", "§{{inputs.stile}}"),
    Faulty("LG106", "a placeholder for a step", "workflow", "{{steps.hints.out", "§{{steps.hint.out"),
    Faulty(
        "LG106", "a result of a step", "workflow", "{{steps.hints.output.content}}", "§{{steps.hints.output.contents}}"
    ),
    Faulty(
        "LG106",
        "a step that runs later",
        "workflow",
        '{queue: "{{style}}"}',
        '{queue: "§{{steps.hints.output.content}}"}',
    ),
    Faulty("LG106", "a placeholder of a template", "workflow", "{{letter}}", "§{{lettr}}", "templates/sort.txt"),
    Faulty("LG106", "a placeholder in a block", "task", "  {{text}}\n", "  §{{txt}}\n"),
    Faulty("LG106", "a placeholder in a condition", "rules", "{{topic}} ==", "§{{topics}} =="),
    Faulty("LG106", "a name in a condition", "rules", "{{topic}} == 'b", "§topik == 'b"),
    Faulty("LG106", "a placeholder of a module", "module", "{{mood}}", "§{{moods}}", _MODULE),
    Faulty("LG107", "a template that is not there", "workflow", "template_id: sort", "template_id: §summarise"),
    Faulty("LG107", "a file that is not there", "workflow", "path: docs/hints.md", "path: §docs/hint.md"),
    Faulty("LG108", "an output that nothing gives", "workflow", "  - id: queue\n", "  - id: §priority\n"),
    Faulty(
        "LG108",
        "a rule that lacks an output",
        "rules",
        "  - condition: true\n    outputs: {queue: general}",
        "  - §condition: true\n    outputs: {hours: 8}",
    ),
    Faulty("LG108", "an output of a module", "module", "required: [queue]", "required: [§priority]", _MODULE),
    Faulty(
        "LG109",
        "a rule after one that always holds",
        "rules",
        "{queue: general}\n",
        "{queue: general}\n  - §condition: false\n    outputs: {queue: none}\n",
    ),
    Faulty("LG109", "a condition twice", "workflow", "level == 'low'\"", "level == 'high'\""),
    Faulty(
        "LG110", "a placeholder without quotes", "workflow", "      template_id: sort", "      template_id: §{{style}}"
    ),
    Faulty(
        "LG110",
        "a placeholder and more",
        "task",
        "prompt: |\n  Answer with one JSON object with the key mood.\n  Text:\n  {{text}}",
        "prompt: §{{text}} and its mood",
    ),
    Faulty(
        "LG110",
        "a placeholder without quotes, between braces",
        "workflow",
        "    with:\n      template_id: sort",
        "    with: {template_id: §{{style}}}",
    ),
    Faulty("LG112", "an endpoint without a key", "workflow", "    requires_auth: true", "    §requires_auth: false"),
    Faulty("LG113", "a log that hides nothing", "middleware", "$.messages[*].content", "$.metadata.user"),
    Faulty(
        "LG113",
        "a log that says nothing of bodies",
        "middleware",
        "  redact:\n    - path: $.messages[*].content\n      mode: truncate\n      max_len: 80\n",
        "",
    ),
    Faulty("LG114", "a model without its tag", "workflow", "model: mistral:7b", "model: §mistral"),
    Faulty("LG114", "the latest of a model", "task", "model_name: llama3.2:3b", "model_name: §llama3.2:latest"),
    Faulty("LG115", "an extension that nobody brings", "module", "extension: router", "extension: §roter", _MODULE),
    Faulty(
        "LG115",
        "a file that the module lacks",
        "module",
        "extension: extensions/mood.yaml",
        "extension: §extensions/mod.yaml",
        _MODULE,
    ),
    Faulty("LG117", "a large file", "task", "", "x" * (2**20 + 1), "data.bin"),
    Faulty("LG118", "a key of a service", "middleware", "config:\n", f"config:\n  token: §{_KEY}\n"),
    Faulty("LG118", "a private key", "task", "", "§-----BEGIN RSA PRIVATE KEY-----\n", "id.txt"),
    Faulty("LG119", "a character that turns the text around", "task", "Text:\n", "Text§\u202e:\n"),
    Faulty(
        "LG119",
        "a space of no width in a template",
        "workflow",
        "in a {{tone}}",
        "in§\u200b a {{tone}}",
        "templates/sort.txt",
    ),
    Faulty(
        "LG120",
        "a comment that disables nothing",
        "task",
        "prompt: |",
        "§# llamagate: disable LG106: no reason at all\nprompt: |",
    ),
    Faulty("LG120", "a code that does not exist", "task", "task:\n", "task:  §# llamagate: disable LG999: a joke\n"),
    Faulty(
        "LG121",
        "no reason",
        "workflow",
        "    requires_auth: true",
        "    requires_auth: false  §# llamagate: disable LG112",
    ),
    Faulty(
        "LG122",
        "an input that the extension lacks",
        "module",
        '        topic: "{{mood}}"',
        '        topic: "{{mood}}"\n        §language: en',
        _MODULE,
    ),
    Faulty(
        "LG122",
        "an input that the extension requires",
        "module",
        '        topic: "{{mood}}"',
        "        §urgent: true",
        _MODULE,
    ),
    Faulty("LG123", "one = in a condition", "rules", "\"{{topic}} == 'billing'\"", "§\"{{topic}} = 'billing'\""),
    Faulty("LG123", "a function in a condition", "workflow", "\"level == 'low'\"", "§\"lower(level) == 'low'\""),
    Faulty(
        "LG124",
        "a step before what it needs",
        "workflow",
        "      template_id: sort\n",
        "      template_id: sort\n  - id: early\n    uses: §module.record\n",
    ),
    Faulty(
        "LG124",
        "a model without a prompt",
        "task",
        f"task:\n  type: model\n{_MODEL_AND_PROMPT}",
        "task:\n  §type: model\n",
    ),
    Faulty(
        "LG125", "an input twice", "workflow", "  - id: style\n", "  - id: §letter\n    type: string\n  - id: style\n"
    ),
    Faulty("LG126", "a filter", "workflow", '"{{verdict}} {{st', '"§{{verdict|upper}} {{st'),
    Faulty("LG126", "braces that are empty", "workflow", '{queue: "{{style}}"}', '{queue: "§{{ }}"}'),
    Faulty("LG126", "braces that are not closed", "workflow", '{{inputs.style}}"', '{{inputs.style}} §{{style}"'),
    Faulty("LG126", "a dot before the name", "workflow", '{queue: "{{style}}"}', '{queue: "§{{.style}}"}'),
    Faulty("LG126", "a filter in a prompt", "task", "  {{text}}", "  {{text}} §{{text|upper}}"),
    Faulty("LG126", "a prompt that ends in braces", "task", "  {{text}}", "  {{text}} §{{text"),
    Faulty("LG126", "an if in a template", "workflow", "{{letter}}", "{{letter}} §{{if .style}}", "templates/sort.txt"),
    Faulty("LG126", "an open template", "workflow", "{{letter}}", "{{letter}} §{{style", "templates/sort.txt"),
    Faulty("LG126", "a filter of a module", "module", '"{{mood}}"', '"§{{mood|upper}}"', _MODULE),
    Faulty("LG127", "a temperature that is a text", "workflow", "temperature: 0.1", "temperature: §hot"),
    Faulty("LG127", "a number in quotes", "workflow", "temperature: 0.1", 'temperature: §"0.1"'),
    Faulty("LG127", "a boolean", "workflow", "temperature: 0.1", "seed: §true"),
    Faulty("LG127", "half a token", "workflow", "temperature: 0.1", "max_tokens: §0.5"),
    Faulty("LG127", "a prompt that is a number", "workflow", "temperature: 0.1", "prompt: §5"),
    Faulty("LG127", "messages that are a text", "workflow", "temperature: 0.1", "messages: §hello"),
    Faulty("LG127", "a path that is a number", "workflow", "path: docs/hints.md", "path: §5"),
    Faulty("LG127", "a setting of the model", "task", "  provider: ollama", "  temperature: §hot"),
    Faulty("LG125", "a step twice", "workflow", "  - id: parse\n", "  - id: §fill\n"),
    Faulty("LG128", "a tool server that is not named", "workflow", "server: library", "server: §shop"),
    Faulty("LG128", "one letter from a named one", "workflow", "server: library", "server: §libary"),
    Faulty(
        "LG124",
        "a call without a tool",
        "workflow",
        "uses: mcp.call\n    with:\n      server: library\n      tool: search\n",
        "uses: §mcp.call\n    with:\n      server: library\n",
    ),
)

"""Packages in which ``check`` finds nothing; each faulty one of ``faulty.py`` differs from one of them in one place."""

from __future__ import annotations

from typing import Final

WORKFLOW: Final = {
    "manifest.yaml": """\
name: desk
version: 1.0.0
description: Sorts letters
type: workflow
mcp_servers: [library]
inputs:
  - id: letter
    type: string
    required: true
  - id: style
    type: string
outputs:
  - id: summary
    type: object
  - id: queue
    type: string
  - id: report
    type: file
    path: ./output/report.md
endpoints:
  - path: /sort
    method: POST
    requires_auth: true
    request_schema:
      type: object
      properties:
        letter: {type: string}
        style: {type: string}
      required: [letter]
    response_schema:
      type: object
      properties:
        success: {type: boolean}
        data:
          type: object
          properties:
            queue: {type: string}
steps:
  - id: load
    uses: template.load
    with:
      template_id: sort
  - id: fill
    uses: template.render
    with:
      variables: {tone: plain}
  - id: read
    uses: llm.chat
    with:
      model: mistral:7b
      temperature: 0.1
    outputs:
      verdict: ${steps.read.output.verdict}
  - id: parse
    uses: summary.parse
  - id: route
    uses: rules.evaluate
    with:
      rules:
        - if: "level == 'high'"
          then: {queue: "on-call"}
        - if: "level == 'low'"
          then: {queue: "{{style}}"}
  - id: look
    uses: mcp.call
    with:
      server: library
      tool: search
      arguments: {about: "{{letter}}"}
  - id: hints
    uses: file.read
    with:
      path: docs/hints.md
  - id: save
    uses: file.write
    on_error: continue
    with:
      content: "{{verdict}} {{steps.hints.output.content}} {{tool_result}} {{inputs.style}}"
""",
    "templates/sort.txt": "Sort this letter in a {{tone}} tone:\n{{letter}}\n",
    "docs/hints.md": "Be kind.\n",
}

MIDDLEWARE: Final = {
    "manifest.yaml": """\
name: audit
version: 1.0.0
description: Keeps a trail
type: middleware
config:
  audit_dir: ./var/audit
  redact:
    - path: $.messages[*].content
      mode: truncate
      max_len: 80
hooks:
  - on: http.request
    match:
      path_prefix: /v1/
    action: audit.log
""",
}

TASK: Final = {
    "extension.yaml": """\
name: mood
version: 1.0.0
description: Finds the mood of a text
inputs:
  type: object
  properties:
    text: {type: string}
  required: [text]
outputs:
  type: object
  properties:
    mood: {type: string, minLength: 1}
  required: [mood]
task:
  type: model
model:
  provider: ollama
  model_name: llama3.2:3b
prompt: |
  Answer with one JSON object with the key mood.
  Text:
  {{text}}
guardrails:
  - type: max_output_length
    value: 400
observability:
  logging:
    enabled: true
""",
}

RULES: Final = {
    "extension.yaml": """\
name: router
version: 1.0.0
description: Chooses a queue
inputs:
  type: object
  properties:
    topic: {type: string}
    urgent: {type: boolean}
  required: [topic]
outputs:
  type: object
  properties:
    queue: {type: string}
    hours: {type: integer}
  required: [queue]
task:
  type: rules
rules:
  - condition: "{{urgent}}"
    outputs: {queue: duty, hours: 1}
  - condition: "{{topic}} == 'billing'"
    outputs: {queue: finance}
  - condition: true
    outputs: {queue: general}
""",
}

MODULE: Final = {
    "agenticmodule.yaml": """\
name: flow
version: 1.0.0
description: Two steps
inputs:
  type: object
  properties:
    letter: {type: string}
  required: [letter]
outputs:
  type: object
  properties:
    queue: {type: string}
  required: [queue]
workflow:
  steps:
    - name: mood
      extension: extensions/mood.yaml
      inputs:
        text: "{{letter}}"
    - name: route
      extension: router
      inputs:
        topic: "{{mood}}"
""",
    "extensions/mood.yaml": TASK["extension.yaml"],
    "module.yaml": """\
id: flow
name: flow
version: 1.0.0
entry_workflow: main
load_mode: lazy
""",
}
"""It calls the extension ``router``, which is another package."""

BASES: Final = {"workflow": WORKFLOW, "middleware": MIDDLEWARE, "task": TASK, "rules": RULES, "module": MODULE}

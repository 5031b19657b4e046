"""The skeletons of extensions with a ``manifest.yaml``: workflows, and what looks at requests and answers."""

from __future__ import annotations

from typing import Final

WORKFLOW: Final = {
    "manifest.yaml": """\
# A workflow: its steps run in order, and each one's results join what the next ones know.
name: NAME
version: 0.1.0
description: Answers a question

inputs:
  - id: question
    type: string
    required: true
    description: What somebody wants to know

outputs:
  - id: llm_response
    type: string
    description: What the model says

type: workflow

steps:
  # Reads templates/question.txt.
  - id: load
    uses: template.load
    with:
      template_id: question

  # Puts the inputs in the place of {{question}}; the result is the prompt.
  - id: fill
    uses: template.render

  # Asks the model of the caller, or the usual one. `with: {model: "mistral:7b"}` chooses one.
  - id: ask
    uses: llm.chat
""",
    "templates/question.txt": "Answer in one sentence: {{question}}\n",
    "tests/question.yaml": """\
name: a question is asked and answered
input: {question: "Why is the sky blue?"}
mock: Because of the air.
expect:
  output: {llm_response: Because of the air.}
  steps:
    ask: {prompt: Why is the sky blue?}
""",
}

MIDDLEWARE: Final = {
    "manifest.yaml": """\
# A middleware: it has no steps, it looks at each request that matches.
name: NAME
version: 0.1.0
description: Keeps an audit trail of requests
type: middleware

config:
  # One JSON line a request. Programs may write below var/, and what they write is never drift.
  audit_dir: ./var/audit
  # What of a body is hidden before it is written.
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

OBSERVER: Final = {
    "manifest.yaml": """\
# An observer: it sees each answer of a model, and changes nothing.
name: NAME
version: 0.1.0
description: Counts the tokens of each answer
type: observer

outputs:
  - id: usage_report
    type: file
    path: ./output/usage.json

hooks:
  - on: llm.response
    action: usage.track
""",
}

ENDPOINT: Final = {
    "manifest.yaml": """\
# A workflow with an endpoint of its own: POST /v1/extensions/NAME/sort
name: NAME
version: 0.1.0
description: Sorts messages by how urgent they are
type: workflow

endpoints:
  - path: /sort
    method: POST
    description: Sort one message
    requires_auth: true
    request_schema:
      type: object
      properties:
        message: {type: string, minLength: 1}
      required: [message]

# The fields of a request are the inputs.
inputs:
  - id: message
    type: string
    required: true

outputs:
  - id: queue
    type: string

steps:
  - id: read
    uses: llm.chat
    with:
      prompt: |
        Is this message urgent? Answer with one JSON object with the key urgency: high or low.

        {{message}}

  # Takes the JSON out of the answer. The rules below compare its keys.
  - id: parse
    uses: summary.parse

  - id: choose
    uses: rules.evaluate
    with:
      rules:
        - if: "urgency == 'high'"
          then: {queue: now}
        - if: true
          then: {queue: later}
""",
    "tests/sort.yaml": """\
cases:
  - name: what is urgent comes first
    input: {message: The house is on fire}
    mock: [{step: read, answer: {urgency: high}}]
    expect:
      output: {queue: now}
      steps: {read: {prompt: The house is on fire}}

  - name: all else can wait
    input: {message: Hello}
    mock: [{step: read, answer: {urgency: low}}]
    expect:
      output: {queue: later}
""",
}

"""The packages that ``new`` writes: small, with comments, valid, and with a case that passes at once.

``NAME`` is replaced by the id, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WORKFLOW: Final = {
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

_MIDDLEWARE: Final = {
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

_OBSERVER: Final = {
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

_ENDPOINT: Final = {
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

_TASK: Final = {
    "extension.yaml": """\
# A task: one prompt, between the JSON Schemas of what comes in and what goes out. 'llamagate serve' runs it.
name: NAME
version: 0.1.0
description: Finds the mood of a text

inputs:
  type: object
  properties:
    text: {type: string, minLength: 1}
  required: [text]

outputs:
  type: object
  properties:
    mood: {type: string, enum: [good, bad]}
  required: [mood]

task:
  type: model

model:
  model_name: llama3.2:3b
  temperature: 0.0

prompt: |
  Is the mood of this text good or bad? Answer with one JSON object with the key mood, and nothing else.

  {{text}}

guardrails:
  - type: max_output_length
    value: 400
""",
    "tests/mood.yaml": """\
cases:
  - name: a good mood
    input: {text: What a day!}
    mock: [{answer: {mood: good}}]
    expect:
      output: {mood: good}
      steps: {NAME: {prompt: What a day!}}

  - name: an answer that the outputs do not allow is refused
    input: {text: Hm.}
    mock: [{answer: {mood: strange}}]
    expect:
      error: does not fit 'outputs'
""",
}

_MODULE: Final = {
    "agenticmodule.yaml": """\
# A module: its steps are extensions, here two that it brings along. 'llamagate serve' runs it.
name: NAME
version: 0.1.0
description: Finds the mood of a message, and who answers it

inputs:
  type: object
  properties:
    message: {type: string, minLength: 1}
  required: [message]

outputs:
  type: object
  properties:
    mood: {type: string}
    queue: {type: string}
  required: [mood, queue]

workflow:
  steps:
    # What a step gives joins what the next ones know.
    - name: read
      extension: extensions/read.yaml
      inputs:
        message: "{{message}}"
    - name: choose
      extension: extensions/choose.yaml
      inputs:
        mood: "{{mood}}"
""",
    "extensions/read.yaml": """\
name: read
version: 0.1.0
description: A model finds the mood

inputs:
  type: object
  properties:
    message: {type: string}
  required: [message]

outputs:
  type: object
  properties:
    mood: {type: string, enum: [good, bad]}
  required: [mood]

task:
  type: model

model:
  model_name: llama3.2:3b

prompt: |
  Is the mood of this message good or bad? Answer with one JSON object with the key mood, and nothing else.

  {{message}}
""",
    "extensions/choose.yaml": """\
name: choose
version: 0.1.0
description: Rules decide who answers

inputs:
  type: object
  properties:
    mood: {type: string}
  required: [mood]

outputs:
  type: object
  properties:
    queue: {type: string}
  required: [queue]

task:
  type: rules

rules:
  - condition: "{{mood}} == 'bad'"
    outputs: {queue: people}
  - condition: true
    outputs: {queue: robots}
""",
    "tests/message.yaml": """\
cases:
  - name: people answer a bad mood
    input: {message: It is broken again.}
    mock: [{step: read, answer: {mood: bad}}]
    expect:
      output: {mood: bad, queue: people}
      steps: {read: {prompt: It is broken again.}}

  - name: robots answer a good one
    input: {message: Thank you!}
    mock: [{step: read, answer: {mood: good}}]
    expect:
      subset: {queue: robots}
""",
}

SKELETONS: Final[Mapping[str, Mapping[str, str]]] = {
    "workflow": _WORKFLOW,
    "middleware": _MIDDLEWARE,
    "observer": _OBSERVER,
    "endpoint": _ENDPOINT,
    "task": _TASK,
    "module": _MODULE,
}
"""The files of a package by its kind."""

"""The skeletons of what ``serve`` alone runs: tasks, and the modules that are made of them."""

from __future__ import annotations

from typing import Final

TASK: Final = {
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

MODULE: Final = {
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

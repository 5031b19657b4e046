"""A model that answers what it was told beforehand: a script of answers, by step or by what the prompt holds."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from reconciler.errors import InputError
from reconciler.host.engine.json_values import json_value
from reconciler.host.engine.run import Question, Reply, StepEvent, ToolReply, ToolRequest, prompt_of
from reconciler.host.errors import ModelError, ToolError
from reconciler.model.config import Json
from reconciler.model.ids import did_you_mean

_KEYS: Final = ("step", "match", "prompt", "answer", "error")


class Answer(Struct):
    """``step`` is the name or number of the only step that it is for, ``match`` a text that the prompt must hold.

    ``prompt`` is what is asked for exactly; ``answer`` is what the model, or the tool, says then, or ``error`` why it
    fails. ``uses`` counts how often.
    """

    answer: str
    error: str | None = None
    step: str = ""
    match: str = ""
    prompt: str | None = None
    uses: int = 0

    def fits(self, step: StepEvent | None, prompt: str) -> bool:
        """Whether it is for this step and for a prompt like this one."""
        names = {str(step.number), step.name, step.uses} if step else set()
        return (not self.step or self.step in names) and self.match in prompt

    def __str__(self) -> str:
        parts = [f"step {self.step}" if self.step else "", f"match {self.match!r}" if self.match else ""]
        return ", ".join(filter(None, parts)) or repr(self.answer[:40])


class Mock(Struct):
    """``step`` says which step asks. ``masked`` hides secrets in a prompt, as a recording does."""

    answers: Sequence[Answer]
    step: Callable[[], StepEvent | None]
    masked: Callable[[str], str] = field(default=str)

    async def ask(self, question: Question) -> Reply:
        """The answer that fits, one that was not used before others. ``ModelError`` where none does."""
        chosen = self._chosen(prompt_of(question), ModelError)
        return Reply(text=chosen, model=question.model, usage={})

    async def call(self, request: ToolRequest) -> ToolReply:
        """The same for a call of a tool, whose prompt is its name and arguments. ``ToolError`` where none fits."""
        chosen = self._chosen(request.as_text(), ToolError)
        value = json_value(chosen)
        return ToolReply(text=chosen, structured=value if isinstance(value, dict) else None)

    def _chosen(self, asked: str, failure: type[ModelError | ToolError]) -> str:
        step, prompt = self.step(), self.masked(asked)
        fitting = [one for one in self.answers if one.fits(step, prompt)]
        exact = [one for one in fitting if one.prompt in (None, prompt)]
        if not exact:
            raise failure(_missing(step, prompt, fitting), advice="correct the answers, or record them again")
        chosen = min(exact, key=lambda one: one.uses)
        chosen.uses += 1
        if chosen.error is not None:
            raise failure(chosen.error, advice="it is the mock that says so")
        return chosen.answer

    @property
    def unused(self) -> list[Answer]:
        """Those that nothing asked for."""
        return [one for one in self.answers if not one.uses]


def _missing(step: StepEvent | None, prompt: str, fitting: Sequence[Answer]) -> str:
    where = f"step {step.name or step.number}" if step else "the run"
    if not fitting:
        return f"the mock has no answer for {where}; the prompt is: {prompt[:200]}"
    return f"another prompt is sent than the one recorded for {where}: {word_diff(fitting[0].prompt or '', prompt)}"


def answers_of(document: Json, *, file: str) -> list[Answer]:
    """The answers in a decoded file: a list of them, or a mapping with ``answers``. ``InputError`` for any other."""
    rows = document.get("answers") if isinstance(document, dict) and "answers" in document else document
    rows = rows if isinstance(rows, list) else [rows]
    return [_answer(row, f"{file}: answers[{index}]") for index, row in enumerate(rows)]


def _answer(row: Json, where: str) -> Answer:
    if not isinstance(row, dict):
        return Answer(text_of(row))
    unknown = next((key for key in row if key not in _KEYS), None)
    if unknown is not None:
        raise InputError(f"{where}: unknown key '{unknown}'{did_you_mean(unknown, _KEYS)}")
    if "answer" not in row and "error" not in row:
        raise InputError(f"{where}: 'answer' is missing")
    if "answer" in row and "error" in row:
        raise InputError(f"{where}: what fails has no answer; leave out 'answer' or 'error'")
    prompt = row.get("prompt")
    return Answer(
        text_of(row.get("answer")),
        error=str(row["error"]) if "error" in row else None,
        step=str(row.get("step", "")),
        match=str(row.get("match", "")),
        prompt=None if prompt is None else str(prompt),
    )


def text_of(answer: Json) -> str:
    """What the model says: a text as it is, else JSON."""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def word_diff(old: str, new: str) -> str:
    """``new`` with the words that differ: ``[-old-]{+new+}``."""
    return "".join(_differing(re.split(r"(\s+)", old), re.split(r"(\s+)", new)))


def _differing(old: list[str], new: list[str]) -> Iterator[str]:
    for kind, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        before, after = "".join(old[start:end]), "".join(new[first:last])
        if kind == "equal":
            yield after if len(after) <= 80 else f"{after[:30]}…{after[-30:]}"
        else:
            yield (f"[-{before}-]" if before else "") + (f"{{+{after}+}}" if after else "")

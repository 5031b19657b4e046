"""Comments that switch a finding off: what each is about, and that one without effect is told."""

from __future__ import annotations

from tests.packages.check.bases import TASK, WORKFLOW
from tests.packages.check.test_check import found_in

_OPEN = "    requires_auth: true", "    requires_auth: false"


def codes(text: str, file: str = "manifest.yaml") -> list[str]:
    base = WORKFLOW if file == "manifest.yaml" else TASK
    return [f"{one.code}:{one.line}" for one in found_in({**base, file: text})]


def opened(line: str) -> str:
    return WORKFLOW["manifest.yaml"].replace(_OPEN[0], line)


def test_a_comment_behind_the_line() -> None:
    assert codes(opened(f"{_OPEN[1]}  # llamagate: disable LG112: a public form")) == []


def test_a_comment_on_the_line_before() -> None:
    assert codes(opened(f"    # llamagate: disable LG112: a public form\n    # more\n{_OPEN[1]}")) == []


def test_a_comment_two_lines_before_is_about_another() -> None:
    line = f"    # llamagate: disable LG112: a public form\n    description: x\n{_OPEN[1]}"
    assert codes(opened(line)) == ["LG120:23", "LG112:25"]


def test_several_codes_in_one_comment() -> None:
    text = WORKFLOW["manifest.yaml"].replace(
        "model: mistral:7b", "model: mistral  # llamagate: disable LG114, LG106: x"
    )
    assert codes(text) == ["LG120:50"]


def test_a_block_of_text_belongs_to_the_line_that_it_begins_on() -> None:
    text = TASK["extension.yaml"].replace("{{text}}", "{{name}}")
    assert codes(text, "extension.yaml") == ["LG106:22"]
    commented = text.replace("prompt: |", "prompt: |  # llamagate: disable LG106: the model shall see it")
    assert codes(commented, "extension.yaml") == []


def test_a_text_in_quotes_chooses_lines_of_a_block() -> None:
    text = TASK["extension.yaml"].replace("  {{text}}\n", "  {{name}}\n  {{nome}}\n  {{name}} again\n")
    for quoted in ('"{{name}}"', "'{{name}}'", '"{{name}}" '):
        commented = text.replace("prompt: |", f"prompt: |  # llamagate: disable LG106 {quoted}: the model shall see it")
        assert codes(commented, "extension.yaml") == ["LG106:23"]
    unused = text.replace("prompt: |", 'prompt: |  # llamagate: disable LG106 "{{other}}": no')
    assert codes(unused, "extension.yaml") == ["LG120:19", "LG106:22", "LG106:23", "LG106:24"]
    bare = text.replace("prompt: |", 'prompt: |  # llamagate: disable LG106 "{{name}}"')
    assert codes(bare, "extension.yaml") == ["LG121:19", "LG106:23"]


def test_what_looks_like_a_comment_inside_a_block_is_text() -> None:
    text = TASK["extension.yaml"].replace("  {{text}}\n", "  # llamagate: disable LG106: no\n  {{name}}\n")
    assert codes(text, "extension.yaml") == ["LG106:23"]
    quoted = TASK["extension.yaml"].replace("Finds the mood", "'# llamagate: disable LG106: no'")
    assert "LG120" not in str(codes(quoted, "extension.yaml"))

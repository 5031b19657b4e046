"""Commands that fetch what they run, each time in whatever version there is: pure, from the words of the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from reconciler.model.config import Json, JsonObject
from reconciler.model.regex import regex

_NPX_VALUES: Final = frozenset(["-p", "--package", "-c", "--call", "-w", "--workspace", "--registry", "--cache"])
_UVX_VALUES: Final = frozenset(
    ["--from", "--with", "--with-editable", "--with-requirements", "-p", "--python", "--index", "--index-url", "-i",
     "--extra-index-url", "--default-index", "--cache-dir", "--directory", "--project", "--config-file"]
)  # fmt: skip
_PIPX_VALUES: Final = frozenset(["--spec", "--python", "--index-url", "-i", "--pip-args"])
_DOCKER_VALUES: Final = frozenset(
    ["-e", "--env", "--env-file", "-v", "--volume", "--mount", "-p", "--publish", "--name", "--network", "--net", "-u",
     "--user", "-w", "--workdir", "--entrypoint", "--platform", "--memory", "-m", "--cpus", "-l", "--label",
     "--add-host", "--gpus", "--cap-add", "--cap-drop", "--security-opt", "--tmpfs", "--pull", "--device", "-h",
     "--hostname"]
)  # fmt: skip
_NPM: Final = regex(r"(?:@[^/@]+/)?[^@/]+@(?P<version>.+)")
_EXACT: Final = regex(r"v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?")
_PYTHON: Final = regex(r"[^=<>~!@\s]+(?:==|@)(?P<version>[0-9][^*\s,]*)")
_COMMIT: Final = regex(r"[@#](?:[0-9a-f]{40}|v?[0-9]+\.[0-9]+\.[0-9]+)(?:$|[#&])")
_IMAGE: Final = regex(r"(?:[^/]+/)*[^/:@]+(?::(?P<tag>[^@]+))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?")


def unpinned(settings: JsonObject) -> str:
    """What the command of a tool server fetches without naming one version of it; empty where it fetches nothing so."""
    command = settings.get("command")
    if not isinstance(command, str):
        return ""
    words = [one if isinstance(one, str) else "" for one in cast("list[Json]", settings.get("args", []))]
    program = command.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe").removesuffix(".cmd")
    return _of_program(program, words)


def _of_program(program: str, words: Sequence[str]) -> str:
    first = next((word for word in words if not word.startswith("-")), "")
    rest = words[words.index(first) + 1 :] if first in words else []
    if program in ("npx", "bunx", "pnpx") or (program in ("npm", "pnpm", "yarn", "bun") and first in _RUNS[program]):
        return _npm(words if program in ("npx", "bunx", "pnpx") else rest)
    if program == "uvx" or (program == "uv" and first == "tool"):
        return _python(_without_first(rest, "run") if program == "uv" else words, "--from", _UVX_VALUES)
    if program == "pipx" and first == "run":
        return _python(rest, "--spec", _PIPX_VALUES)
    if program in ("docker", "podman", "nerdctl") and first == "run":
        return _image(_operand(rest, _DOCKER_VALUES))
    return ""


_RUNS: Final[Mapping[str, tuple[str, ...]]] = {
    "npm": ("exec", "x"),
    "pnpm": ("dlx",),
    "yarn": ("dlx",),
    "bun": ("x",),
}
"""By which words other programs do what ``npx`` does."""


def _without_first(words: Sequence[str], word: str) -> Sequence[str]:
    return words[1:] if words[:1] == [word] else words


def _operand(words: Sequence[str], with_value: frozenset[str]) -> str:
    """The first word that is neither an option nor its value."""
    skips = False
    for word in words:
        if skips:
            skips = False
        elif word.startswith("-") and word != "--":
            skips = word in with_value
        elif word != "--":
            return word
    return ""


def _value(words: Sequence[str], *names: str) -> str:
    """The value of an option, in one word or two; empty where it is not given."""
    for at, word in enumerate(words):
        for name in names:
            if word == name and at + 1 < len(words):
                return words[at + 1]
            if name.startswith("--") and word.startswith(f"{name}="):
                return word.removeprefix(f"{name}=")
    return ""


def _is_local(word: str) -> bool:
    return word.startswith((".", "/", "~", "file:"))


def _npm(words: Sequence[str]) -> str:
    package = _value(words, "--package", "-p") or _operand(words, _NPX_VALUES)
    if not package or _is_local(package) or _COMMIT.search(package):
        return ""
    found = _NPM.fullmatch(package)
    return "" if found and _EXACT.fullmatch(found["version"]) else package


def _python(words: Sequence[str], option: str, with_value: frozenset[str]) -> str:
    package = _value(words, option) or _operand(words, with_value)
    if not package or _is_local(package) or _COMMIT.search(package):
        return ""
    return "" if _PYTHON.fullmatch(package) else package


def _image(image: str) -> str:
    """An image by its digest is one image; a tag may move, but says at least which version is meant."""
    found = _IMAGE.fullmatch(image) if image else None
    if found is None or found["digest"] or (found["tag"] or "latest") != "latest":
        return ""
    return image

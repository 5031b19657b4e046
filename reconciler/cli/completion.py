"""``llamagate completion``: the script by which a shell completes its command lines."""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Final

import typer

from reconciler.cli.invocation import Invocation
from reconciler.errors import UsageError

SHELLS: Final = ("bash", "zsh", "fish")


def completion(
    invocation: Invocation,
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", show_default=False, help="The shell.")],
) -> int:
    """Print the script with which your shell completes commands.

    It completes flags, ids, generations and files too.
    bash: source <(llamagate completion bash), in ~/.bashrc
    zsh: source <(llamagate completion zsh), in ~/.zshrc behind compinit
    fish: llamagate completion fish > ~/.config/fish/completions/llamagate.fish

    Example: llamagate completion bash
    Exit codes: 0, 1
    """
    if shell not in SHELLS:
        raise UsageError(f"'{shell}' is not a shell that can be completed; use one of {', '.join(SHELLS)}")
    script = resources.files("reconciler.cli").joinpath(f"complete.{shell}").read_text("utf-8")
    return invocation.answer({"shell": shell, "script": script}, script.rstrip("\n"))

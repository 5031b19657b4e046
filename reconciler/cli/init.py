"""``llamagate init``: a desired state to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from reconciler.cli import flags as options
from reconciler.cli.ui.terminal import Terminal
from reconciler.errors import ExitCode, InputError, LlamagateError, NotDesiredError

STARTER: Final = """\
# What this LlamaGate installation should hold. 'llamagate plan' shows what would change, 'llamagate apply' does it.
apiVersion: llamagate/v1

# Whose items these are. Only items of the same owner are ever removed; give each file its own.
# owner: my-team

# Each key is the id of an extension; its source is a folder or a .zip, relative to this file, or a URL.
extensions:
  # meeting-notes: ./packages/meeting-notes
  # cost-analyst:
  #   source: dist/cost-analyst-1.2.0.zip      # or {git: URL, path: DIR}, {catalog: URL}, {http: URL}
  #   version: "^1.2"                          # the source must hold a version in this range
  #   enabled: false                           # left out: as it is now, or as the package says
  #   config:                                  # laid over the package's own config
  #     report_interval: per_run
  #     token: {env: REPORT_TOKEN}             # read when it is applied, never shown

# Agentic modules, in the same way.
modules:
  # intake:
  #   source: ./packages/intake
  #   depends_on: [meeting-notes]

# policy:
#   prune: owned                               # 'never' keeps what is no longer listed
#   drift: {edited: report, missing: heal}     # what to do about files changed by hand, or deleted
#   backups: 1                                 # kept of each item that was replaced

# gateway:
#   url: http://127.0.0.1:11435                # told to reload after each change
"""


def init(
    file: options.FileOption = Path(options.DEFAULT_FILE),
    from_installed: Annotated[
        bool,
        typer.Option("--from-installed", help="Describe what is already there; packages go to ./packages."),
    ] = False,
    home: options.HomeOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Write a commented desired state to start from."""
    from reconciler.commands.init import describe_installed

    terminal = Terminal(quiet=quiet)
    if file.exists():
        raise InputError(f"{_what_is_there(file)}; it is not overwritten", advice="name another one with -f")
    text = STARTER
    if from_installed:
        described = describe_installed(options.environment(home), file.absolute().parent)
        text = described.text
        for line in described.notes:
            terminal.notice(line)
    options.write_output(file, text.encode())
    terminal.result(f"Wrote {file}. Next: 'llamagate plan' shows what an apply would do.")
    return ExitCode.OK


def _what_is_there(file: Path) -> str:
    from reconciler.store.desired_file import read_desired

    try:
        read_desired(file)
    except NotDesiredError as error:
        return error.message
    except LlamagateError:
        pass
    return f"{file} exists"

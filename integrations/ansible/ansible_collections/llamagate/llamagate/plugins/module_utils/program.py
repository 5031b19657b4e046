"""The command ``llamagate`` on the host: run it, read its one document, and end the module where it failed."""

from __future__ import annotations

import json

COMMON = {
    "file": {"type": "path", "required": True},
    "home": {"type": "path"},
    "executable": {"type": "path", "default": "llamagate"},
}
"""The options that all modules have."""

CHANGING = {
    "overwrite": {"type": "bool", "default": False},
    "reason": {"type": "str"},
    "wait": {"type": "int", "default": 300},
}
"""The options of modules that change a home."""


STANDS = (7, 10)
"""Exit codes after which the home may be as wanted: it needs recovery; it is applied, but not served."""


class ModuleError(Exception):
    """What the command, or the module, could not do. ``facts`` are returned with the message."""

    def __init__(self, message, **facts):
        super().__init__(message)
        self.facts = dict(facts, msg=message)


class Program:
    """``llamagate`` with the options of ``module``."""

    def __init__(self, module):
        self._module = module
        path = module.params["executable"]
        self._executable = path if "/" in path else module.get_bin_path(path, required=True)

    def text(self, verb, arguments, file):
        """What it prints for people, whatever its exit code."""
        return self._run(verb, arguments, file)[1]

    def document(self, verb, arguments, file):
        """Its exit code and its one document. ``ModuleError`` where there is none."""
        code, out, err = self._run(verb, [*arguments, "--json"], file)
        try:
            return code, json.loads(out)
        except ValueError as error:
            said = err.strip() or out.strip()
            raise ModuleError(f"llamagate {verb} ended with exit code {code}: {said}", rc=code) from error

    def _run(self, verb, arguments, file):
        home = self._module.params["home"]
        place = ["--file", file] + (["--home", home] if home else [])
        command = [self._executable, verb, *place, *arguments, "--color", "never", "--no-pager"]
        return self._module.run_command(command, environ_update={"COLUMNS": "120"})


def changing_flags(options, *more):
    """The flags for ``CHANGING``; ``more`` are further options that have a value, by their names."""
    flags = ["--wait", str(options["wait"])]
    for flag, name in (("--message", "reason"), *more):
        if options[name] not in (None, ""):
            flags += [flag, str(options[name])]
    return flags


def check(code, document, **facts):
    """``ModuleError`` where ``document`` tells of an error or the plan has refusals."""
    if "error" in document:
        error = document["error"]
        raise ModuleError(_words(error), rc=code, error=error, **facts)
    if document.get("refusals"):
        refusals = document["refusals"]
        said = "; ".join("{}: {}".format(one["id"], one["message"]) for one in refusals)
        raise ModuleError(f"refused: {said}", rc=code or 5, refusals=refusals, **facts)
    if code != 0:
        raise ModuleError(f"llamagate ended with exit code {code}", rc=code, **facts)


def changes(document):
    """What a plan, or a change, says, for the result of a module. What its files hold is left out."""
    keys = ("kind", "id", "action", "from_version", "to_version", "reasons")
    return {
        "generation": document["generation"],
        "digest": document["digest"],
        "actions": [{key: action[key] for key in keys} for action in document["actions"]],
        "drift": document["drift"],
        "notes": document["warnings"],
    }


def _words(error):
    faults = ["{}:{}: {}".format(one["file"], one["line"], one["message"]) for one in error["faults"] if one["line"]]
    return "; ".join([error["message"], *faults])

#!/usr/bin/python
# Copyright: The llamagate developers
# MIT License (see LICENSE)

"""The module llamagate.llamagate.info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: info
short_description: Tell how a LlamaGate home is, and wait until it is as expected
description:
  - Reads C(llamagate status) and changes nothing.
  - With O(wait_for) it waits, on the host, until the home is ready on the expected input. It fails, and says what is
    missing, where that does not come in time. So it is the gate behind a ring.
version_added: 0.1.0
author: The llamagate developers (@llamagate)
extends_documentation_fragment: llamagate.llamagate.home
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
options:
  wait_for:
    description:
      - Wait until the home is as its file says, nothing is paused and no watcher failed (V(ready)).
      - Wait until a gateway serves it as well (V(served)).
    type: str
    choices: [ready, served]
  timeout:
    description: How many seconds to wait at most.
    type: int
    default: 60
  file_sha256:
    description: The expected digest of O(file). Another one is an error at once; more waiting does not change it.
    type: str
  lock_sha256:
    description: The expected digest of the lock.
    type: str
  commit:
    description: The commit that a watcher with C(--repo) must have applied, whole.
    type: str
seealso:
  - module: llamagate.llamagate.state
"""

EXAMPLES = r"""
- name: Nobody goes on before this host is ready on the new file
  llamagate.llamagate.info:
    file: /etc/llamagate/llamagate.yaml
    home: /var/lib/llamagate/.llamagate
    wait_for: ready
    file_sha256: "{{ content | hash('sha256') }}"

- name: The watcher has taken the commit
  llamagate.llamagate.info:
    file: /etc/llamagate/llamagate.yaml
    wait_for: ready
    commit: "{{ commit }}"
    timeout: 900
"""

RETURN = r"""
status:
  description: The document of C(llamagate status --json).
  returned: success
  type: dict
file_sha256:
  description: The digest of O(file), null where there is none.
  returned: always
  type: str
lock_sha256:
  description: The digest of the lock, null where there is none.
  returned: always
  type: str
missing:
  description: What is not as expected.
  returned: failure
  type: list
  elements: str
waited:
  description: How many seconds it waited.
  returned: with O(wait_for)
  type: float
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.llamagate.llamagate.plugins.module_utils import program
from ansible_collections.llamagate.llamagate.plugins.module_utils.inputs import described
from ansible_collections.llamagate.llamagate.plugins.module_utils.program import ModuleError, Program

_PAUSE_SECONDS = 0.5

OPTIONS = {
    "wait_for": {"type": "str", "choices": ["ready", "served"]},
    "timeout": {"type": "int", "default": 60},
    "file_sha256": {"type": "str"},
    "lock_sha256": {"type": "str"},
    "commit": {"type": "str"},
}


def status_of(module):
    """The document of the status. ``ModuleError`` where there is none."""
    file = module.params["file"]
    code, status = Program(module).document("status", [], file)
    program.check(code, status)
    return status


def other_inputs(module):
    """Which file is another than the one that is expected."""
    found = described(module.params["file"])
    for key, value in found.items():
        wanted = module.params[key]
        if wanted and wanted != value:
            yield f"{key} is {value} and not {wanted}; something else changed it, or the rollout did not reach it"


def missing(module):
    """What keeps the home from being as expected, and its status."""
    goal, commit = module.params["wait_for"], module.params["commit"]
    found = Program(module).document("wait", ["--for", goal, "--timeout", "0"], module.params["file"])[1]
    if "error" in found:
        return [found["error"]["message"]], None
    return [*_paused(found), *_elsewhere(found["watcher"], commit)], found


def _paused(status):
    if status["hold"]:
        yield "it is paused: {}".format(status["hold"]["reason"])
    for one in status["suspensions"]:
        yield "{} is suspended: {}".format(one["id"] or "everything", one["reason"])


def _why_paused(module):
    """Why nothing changes any more, where that is so."""
    status = Program(module).document("status", [], module.params["file"])[1]
    return [] if "error" in status else list(_paused(status))


def _elsewhere(watcher, commit):
    """Why the watcher is not at the commit yet."""
    applied = (watcher or {}).get("applied") or {}
    if commit and watcher is None:
        yield "no watcher ever ran in this home"
    elif commit and applied.get("commit") != commit:
        yield "the watcher has applied commit {} and not {}".format(applied.get("commit") or "none", commit)


def waited(module):
    """The status, once all is as expected. ``ModuleError`` with what is missing where it does not come in time."""
    begin = time.monotonic()
    while True:
        other = list(other_inputs(module))
        lacks, status = (other, None) if other else missing(module)
        seconds = round(time.monotonic() - begin, 1)
        if not lacks:
            return {"status": status, "waited": seconds}
        if other or seconds >= module.params["timeout"]:
            lacks += _why_paused(module)
            raise ModuleError(
                "not as expected after {} s: {}".format(seconds, "; ".join(lacks)), missing=lacks, waited=seconds
            )
        time.sleep(_PAUSE_SECONDS)


def main():
    """Run by Ansible on the host."""
    needs = {one: ["wait_for"] for one in ("file_sha256", "lock_sha256", "commit")}
    module = AnsibleModule(argument_spec=dict(program.COMMON, **OPTIONS), supports_check_mode=True, required_by=needs)
    try:
        result = waited(module) if module.params["wait_for"] else {"status": status_of(module)}
    except ModuleError as error:
        module.fail_json(**dict(described(module.params["file"]), **error.facts))
    module.exit_json(changed=False, **dict(described(module.params["file"]), **result))


if __name__ == "__main__":
    main()

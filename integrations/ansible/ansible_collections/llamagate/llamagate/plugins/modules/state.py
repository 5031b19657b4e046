#!/usr/bin/python
# Copyright: The llamagate developers
# MIT License (see LICENSE)

"""The module llamagate.llamagate.state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state
short_description: Make a LlamaGate home match its file
description:
  - Writes the desired state and its lock on the host, if they are given, and runs C(llamagate apply).
  - Where the change is refused or fails, file and lock are put back as they were, and the home is as before.
  - In check mode it runs C(llamagate plan) and changes nothing.
  - With C(--diff) it shows how file and lock change, and the text of the plan. Values of variables are hidden there.
version_added: 0.1.0
author: The llamagate developers (@llamagate)
extends_documentation_fragment:
  - llamagate.llamagate.home
  - llamagate.llamagate.home.changing
attributes:
  check_mode:
    description: Says whether something would change, as the plan has it.
    support: full
  diff_mode:
    description: Shows the file, the lock and the plan.
    support: full
options:
  content:
    description:
      - What O(file) must say. Left out, the file on the host is used as it is.
      - C(--diff) and C(-vvv) show it. So it names secrets by C({env}) or C({file}), and does not hold them.
      - Its folder must be there.
    type: str
  lock:
    description: What the lock must say, as C(llamagate lock) wrote it beside the file. Left out, it is used as it is.
    type: str
  locked:
    description:
      - Install what the lock pins, and nothing else. A lock that does not fit the file is an error.
      - Without it llamagate writes the pins of new items into the lock on the host.
    type: bool
    default: true
  only:
    description: Only these items, and what they depend on.
    type: list
    elements: str
    default: []
  allow_prune:
    description: Permit more removals than C(policy.max_prune).
    type: bool
    default: false
  take_over:
    description: Replace these items, even if llamagate did not install them.
    type: list
    elements: str
    default: []
  expect:
    description: Do it only if the plan has this digest.
    type: str
seealso:
  - module: llamagate.llamagate.info
  - module: llamagate.llamagate.rollback
"""

EXAMPLES = r"""
- name: Bring the home to the file of this repository
  llamagate.llamagate.state:
    file: /etc/llamagate/llamagate.yaml
    home: /var/lib/llamagate/.llamagate
    content: "{{ lookup('ansible.builtin.file', 'llamagate.yaml', rstrip=false) | string }}"
    lock: "{{ lookup('ansible.builtin.file', 'llamagate.lock.yaml', rstrip=false) | string }}"
    reason: "{{ release }}"
"""

RETURN = r"""
generation:
  description: The generation after the change. In check mode the current one, 0 where there is none.
  returned: success
  type: int
digest:
  description: The digest of the plan.
  returned: success
  type: str
actions:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: dict
drift:
  description: What was changed by hand.
  returned: success
  type: list
  elements: dict
notes:
  description: The warnings of llamagate, each with its code.
  returned: success
  type: list
  elements: dict
outcome:
  description: C(applied), C(applied-not-served) or C(rolled-back).
  returned: when something was applied
  type: str
file_sha256:
  description: The digest of O(file) as it is now.
  returned: always
  type: str
lock_sha256:
  description: The digest of the lock as it is now.
  returned: always
  type: str
restored:
  description: The files that were put back, since the change failed.
  returned: failure
  type: list
  elements: str
refusals:
  description: Why the plan is refused.
  returned: when it is refused
  type: list
  elements: dict
error:
  description: The error of llamagate, with its code and its faults.
  returned: when llamagate fails
  type: dict
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.llamagate.llamagate.plugins.module_utils import program
from ansible_collections.llamagate.llamagate.plugins.module_utils.inputs import Inputs, described, lock_of, turn
from ansible_collections.llamagate.llamagate.plugins.module_utils.program import ModuleError, Program

OPTIONS = {
    **program.CHANGING,
    "content": {"type": "str"},
    "lock": {"type": "str"},
    "locked": {"type": "bool", "default": True},
    "only": {"type": "list", "elements": "str", "default": []},
    "allow_prune": {"type": "bool", "default": False},
    "take_over": {"type": "list", "elements": "str", "default": []},
    "expect": {"type": "str"},
}


def planned(module, inputs):
    """The plan, and its text where that is wanted. Nothing is changed: new content is looked at in copies."""
    if not inputs.changed:
        return _plan(module, inputs.file, [])
    with inputs.aside() as (copy, copy_of_lock):
        place = ["--lock-file", copy_of_lock]
        found, text = _plan(module, copy, place)
        if found.get("refusals") and all(_is_of_the_copy(one, inputs.file) for one in found["refusals"]):
            found, text = _plan(module, copy, [*place, "--take-over-all"])
    return _named({copy: inputs.file, copy_of_lock: lock_of(inputs.file)}, [found, text])


def _plan(module, file, place):
    command = Program(module)
    flags = [*_flags(module), *place]
    found = command.document("plan", [*flags, "--no-diff"], file)[1]
    return found, command.text("plan", flags, file) if module._diff else ""


def _is_of_the_copy(refusal, file):
    """Whether it only says that the copy is another file than the one whose items it would remove."""
    return refusal["code"] == "other-file" and f"{file} installed it" in refusal["message"]


def _named(names, value):
    """``value``, in which the copies have the names of what they are copies of."""
    text = json.dumps(value)
    for copy, name in names.items():
        text = text.replace(copy, name)
    return json.loads(text)


def checked(module, inputs, found):
    """The result of check mode. ``ModuleError`` where an apply would fail."""
    program.check(0, found)
    wanted = module.params["expect"]
    if wanted not in (None, found["digest"]):
        raise ModuleError("this is another plan than expected: its digest is {}".format(found["digest"]), rc=9)
    pins = bool(found["lock"]["stale"])
    return dict(program.changes(found), changed=bool(inputs.changed or found["changes"] or pins))


def applied(module, inputs):
    """The result of an apply. ``ModuleError`` where it fails; file and lock are as before then, as the home is."""
    pins = described(inputs.file)["lock_sha256"]
    inputs.write()
    code, document = Program(module).document("apply", [*_flags(module), *_apply_flags(module)], inputs.file)
    if code != 0 and code not in program.STANDS:
        inputs.put_back()
        program.check(code, document, restored=inputs.changed)
    program.check(code, document, changed=True, outcome=document.get("outcome"))
    inputs.check_kept()
    new_pins = described(inputs.file)["lock_sha256"] != pins
    changed = bool(inputs.changed or document["changes"] or new_pins)
    return dict(program.changes(document), changed=changed, outcome=document["outcome"])


def _flags(module):
    """The flags that a plan has too."""
    options = module.params
    flags = ["--" + name.replace("_", "-") for name in ("locked", "allow_prune", "overwrite") if options[name]]
    for item in options["only"]:
        flags += ["--only", item]
    for item in options["take_over"]:
        flags += ["--take-over", item]
    return flags


def _apply_flags(module):
    return ["--no-diff", *program.changing_flags(module.params, ("--expect", "expect"))]


def made(module):
    """The result of the module. ``ModuleError`` with what may be said of a failure."""
    folder = os.path.dirname(module.params["file"])
    if not os.path.isdir(folder):
        raise ModuleError(f"the folder {folder} is not there; make it before this task")
    with turn(folder, module.params["wait"]):
        inputs = Inputs(module)
        text = ""
        if module.check_mode or module._diff:
            found, text = planned(module, inputs)
        result = checked(module, inputs, found) if module.check_mode else applied(module, inputs)
    if module._diff:
        result["diff"] = [*inputs.diffs(), {"prepared": text}]
    return result


def main():
    """Run by Ansible on the host."""
    module = AnsibleModule(argument_spec=dict(program.COMMON, **OPTIONS), supports_check_mode=True)
    try:
        result = made(module)
    except ModuleError as error:
        module.fail_json(**dict(described(module.params["file"]), **error.facts))
    module.exit_json(**dict(described(module.params["file"]), **result))


if __name__ == "__main__":
    main()

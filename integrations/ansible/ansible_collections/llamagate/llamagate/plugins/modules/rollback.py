#!/usr/bin/python
# Copyright: The llamagate developers
# MIT License (see LICENSE)

"""The module llamagate.llamagate.rollback."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Go back to an earlier generation of a LlamaGate home
description:
  - Runs C(llamagate rollback). Its packages come from the cache of the host; no source is needed.
  - It sets a hold, so that a watcher does not undo it. An apply, or a new file, ends that.
  - The file on the host stays as it is. Roll out the content of before, too, or the next apply undoes the rollback.
version_added: 0.1.0
author: The llamagate developers (@llamagate)
extends_documentation_fragment:
  - llamagate.llamagate.home
  - llamagate.llamagate.home.changing
attributes:
  check_mode:
    description: Says whether something would change.
    support: full
  diff_mode:
    description: Shows the plan.
    support: full
options:
  to:
    description:
      - The generation whose items should be there again.
      - Left out, it is the one before the current one, so that each run of the task goes one further back.
    type: int
seealso:
  - module: llamagate.llamagate.state
"""

EXAMPLES = r"""
- name: Back to what was there this morning
  llamagate.llamagate.rollback:
    file: /etc/llamagate/llamagate.yaml
    home: /var/lib/llamagate/.llamagate
    to: 12
    reason: The new rules call too many people at night
"""

RETURN = r"""
generation:
  description: The generation after the change. In check mode the current one.
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
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.llamagate.llamagate.plugins.module_utils import program
from ansible_collections.llamagate.llamagate.plugins.module_utils.program import ModuleError, Program

OPTIONS = dict(program.CHANGING, to={"type": "int"})


def made(module):
    """The result of the module."""
    options, file = module.params, module.params["file"]
    flags = program.changing_flags(options, ("--to", "to")) + (["--overwrite"] if options["overwrite"] else [])
    command = Program(module)
    text = command.text("rollback", [*flags, "--dry-run"], file) if module._diff else ""
    code, document = command.document(
        "rollback", [*flags, "--no-diff", *(["--dry-run"] if module.check_mode else [])], file
    )
    program.check(code, document, changed=code in program.STANDS)
    result = dict(program.changes(document), changed=document["changes"])
    return dict(result, diff=[{"prepared": text}]) if module._diff else result


def main():
    """Run by Ansible on the host."""
    module = AnsibleModule(argument_spec=dict(program.COMMON, **OPTIONS), supports_check_mode=True)
    try:
        result = made(module)
    except ModuleError as error:
        module.fail_json(**error.facts)
    module.exit_json(**result)


if __name__ == "__main__":
    main()

"""The options that all modules of this collection have."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc and ansible-test."""

    DOCUMENTATION = r"""
options:
  file:
    description:
      - The desired state on the host, usually C(/etc/llamagate/llamagate.yaml).
      - Its lock is beside it, C(llamagate.lock.yaml).
    type: path
    required: true
  home:
    description:
      - The LlamaGate home on the host.
      - Left out, it is what C(llamagate) takes by itself, E(LLAMAGATE_HOME) or C(~/.llamagate).
    type: path
  executable:
    description: The command C(llamagate) on the host, by its path or by its name.
    type: path
    default: llamagate
"""

    CHANGING = r"""
options:
  overwrite:
    description: Where a file was changed by hand and by the package too, take the package's.
    type: bool
    default: false
  reason:
    description: Why, for C(llamagate history).
    type: str
  wait:
    description: How many seconds to wait for another command at work in this home.
    type: int
    default: 300
"""

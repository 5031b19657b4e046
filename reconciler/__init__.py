"""Declarative reconciler for LlamaGate extensions and agentic modules.

``docs/architecture.md`` names the rooms of this package and the one pass that runs through them.
"""

__version__ = "0.1.0"

"""The file system, made safe: durable writes, trees, the lock between processes, atomic exchange.

Every platform call of the project sits here, with a fallback.
"""

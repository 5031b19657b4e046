"""What the laws of planning are tried on: small worlds in which everything collides with everything."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.planning.world import World, world

ids = st.sampled_from(["a", "b", "module m"])
needs = st.lists(st.sampled_from(["a", "b", "m"]), max_size=2, unique=True)
versions = st.sampled_from(["1.0.0", "1.1.0"])
letters = st.sampled_from(["a", "b", "c"])
layouts = st.sampled_from([(), ("f",), ("f", "var/s"), ("f", "d"), ("f", "d/x", "d/e/y"), ("var/s", "d/e")])
packages = layouts.flatmap(lambda paths: st.fixed_dictionaries(dict.fromkeys(paths, letters)))
mine = st.dictionaries(st.sampled_from(["mine", "f", "d", "var/mine"]), letters | st.just("->"), max_size=2)
folders = st.builds(lambda files, more: files | more, packages, mine).filter(lambda files: is_tree(files))


def is_tree(files: dict[str, str]) -> bool:
    """Whether no path is a file and a folder at once."""
    return not any(path.startswith(f"{other}/") for path in files for other in files)


def items(*, recorded: bool) -> st.SearchStrategy[dict[str, Any]]:
    facts: dict[str, st.SearchStrategy[Any]] = {
        "files": packages,
        "package": packages,
        "version": versions,
        "config": st.sampled_from([{}, {"k": 1}, {"k": True}]),
        "depends_on": needs,
        "enabled": st.booleans(),
        "requires": needs,
    }
    if recorded:
        facts["owner"] = st.sampled_from(["default", "team", None])
    return st.fixed_dictionaries({}, optional=facts)


rules = st.sampled_from(["report", "heal", "ignore"])
policies = st.fixed_dictionaries(
    {"drift": st.fixed_dictionaries({"edited": rules, "missing": rules})},
    optional={"prune": st.just("never"), "mutable": st.just([])},
)
allowances = st.fixed_dictionaries(
    {"prune": st.just(True)},
    optional={"overwrite": st.booleans(), "take_over": st.sampled_from(["all", ["a"]])},
)
entries = st.none() | st.fixed_dictionaries({}, optional={"version": versions, "enabled": st.booleans()})
intents: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "file": st.dictionaries(ids, items(recorded=False), max_size=3),
        "policy": policies,
        "allow": allowances,
    }
)
homes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "record": st.dictionaries(ids, items(recorded=True), max_size=3),
        "disk": st.dictionaries(ids, folders | st.sampled_from(["missing", "link"]), max_size=3),
        "registry": st.dictionaries(ids, entries, max_size=2),
    },
    optional={"corrupt": st.just("it is cut off"), "hold": st.just("pause")},
)
worlds: st.SearchStrategy[World] = st.builds(lambda intent, home: world(intent | home), intents, homes)
"""Most plans of these hold a refusal."""


def _permitted(intent: dict[str, Any], home: dict[str, Any], *, overwrite: bool) -> World:
    """Dependencies on what comes earlier alone, and everything is taken over."""
    names = sorted(intent["file"])
    for place, name in enumerate(names):
        earlier = {other.rpartition(" ")[2] for other in names[:place]}
        item = intent["file"][name]
        item["depends_on"] = [need for need in item.get("depends_on", []) if need in earlier]
        item["requires"] = [need for need in item.get("requires", []) if need in earlier]
    return world(intent | home | {"allow": {"prune": True, "take_over": "all", "overwrite": overwrite}})


allowed = st.builds(_permitted, intents, homes, overwrite=st.booleans()).filter(lambda found: not found.plan().refusals)
"""No plan of these holds a refusal."""

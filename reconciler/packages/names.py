"""The names in one package, taken together: each must be good, and no two may become one file anywhere."""

from __future__ import annotations

from reconciler.model.ids import folded, path_problem
from reconciler.packages.content import refusal, shown


class Names:
    """Collects the names of the package that messages call ``name`` and refuses the first that does not fit."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._added: set[str] = set()
        self._taken: dict[str, str] = {}

    def add(self, path: str, *, folder: bool = False) -> None:
        """Add a file or folder that the package lists. ``InputError`` where it cannot stand beside the others.

        The folders above it count as well, so that ``a`` beside ``a/b`` and ``A/b`` beside ``a/c`` are noticed.
        """
        if problem := path_problem(path):
            raise refusal(self._name, problem, entry=path, advice="rename it")
        spelled = f"{path}/" if folder else path
        if spelled in self._added:
            raise refusal(self._name, "is there twice", entry=spelled, advice="keep one of the two")
        self._added.add(spelled)
        while path:
            key = folded(path)
            if key in self._taken:
                self._check_same(spelled, self._taken[key])
                return
            self._taken[key] = spelled
            path = path.rpartition("/")[0]
            spelled = f"{path}/"

    def _check_same(self, spelled: str, other: str) -> None:
        if spelled == other:
            return
        if spelled.rstrip("/") == other.rstrip("/"):
            rule = "is a file and a folder at once"
        else:
            rule = f"is the same as {shown(other)} where case or Unicode form do not count"
        raise refusal(self._name, rule, entry=spelled, advice="rename one of the two")

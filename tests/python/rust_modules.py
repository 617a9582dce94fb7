"""Who imports whom inside a Rust crate: its modules, the edges between them, and the circles of these.

A path is followed through re-exports (``use super::Rows`` where the parent says ``pub use rows::Rows``) to the module that holds
the item, so that a parent which only declares and hands on is in no circle. Calls of methods are no imports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

Module = tuple[str, ...]
_PROSE = re.compile(r"""//[^\n]*|'\\?"'|r(\#*)".*?"\1|"(?:\\.|[^"\\])*["]""", re.DOTALL)
_USE = re.compile(r"\buse\s+([^;]+);")
_PATH = re.compile(r"(?<![\w:.])((?:crate|super|self)(?:::\w+)+|\w+(?:::\w+)+)")


def code(text: str) -> str:
    """Rust without comments and strings, and without tests: words in prose import nothing."""
    text = re.sub(r"pub\(in [\w:]+\)", "pub", _PROSE.sub("", text))
    return re.sub(r"#\[cfg\(test\)\]\s*mod \w+ \{.*", "", text, flags=re.DOTALL)


def leaves(tree: str) -> list[tuple[Module, str]]:
    """``a::{b, c::D as E}`` as ``a::b`` named b, ``a::c::D`` named E."""
    head, brace, rest = tree.strip().partition("{")
    if not brace:
        path, _, name = (part.strip() for part in head.partition(" as "))
        parts = tuple(part.strip() for part in path.split("::"))
        if parts[-1] == "self":
            parts = parts[:-1] or parts
        return [(parts, name or parts[-1])]
    prefix = tuple(part.strip() for part in head.split("::") if part.strip())
    branches, depth = [""], 0
    for letter in rest[: rest.rindex("}")]:
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            branches.append("")
        else:
            branches[-1] += letter
    return [((*prefix, *path), name) for branch in branches if branch.strip() for path, name in leaves(branch)]


@dataclass
class Crate:
    """The modules of one crate, each with its code."""

    modules: dict[Module, str]
    # What a module calls by a short name, by importing or by handing it on.
    names: dict[Module, dict[str, Module]] = field(init=False)

    def __post_init__(self) -> None:
        self.modules = {module: code(text) for module, text in self.modules.items()}
        self.names = {
            module: {name: path for tree in _USE.findall(text) for path, name in leaves(tree) if path[0] != name}
            for module, text in self.modules.items()
        }

    @classmethod
    def of(cls, home: Path) -> Crate:
        found = {}
        for path in home.rglob("*.rs"):
            parts = path.relative_to(home).with_suffix("").parts
            module = parts[:-1] if parts[-1] in {"mod", "lib"} else parts
            if module[-1:] != ("tests",):
                found[module] = path.read_text()
        return cls(found)

    def home_of(self, path: Module, at: Module, seen: frozenset[tuple[Module, Module]] = frozenset()) -> Module | None:
        """The module that holds what ``path`` names in the module ``at``; none where that is another crate's."""
        if (path, at) in seen:
            return None
        seen |= {(path, at)}
        first, rest = path[0], path[1:]
        if first in {"crate", "self", "super"}:
            here = {"crate": (), "self": at, "super": at[:-1]}[first]
        elif (*at, first) in self.modules:
            here = (*at, first)
        elif first in self.names[at]:
            return self.home_of(self.names[at][first] + rest, at, seen)
        else:
            return None
        while rest and rest[0] == "super":
            here, rest = here[:-1], rest[1:]
        while rest and (*here, rest[0]) in self.modules:
            here, rest = (*here, rest[0]), rest[1:]
        if rest and rest[0] in self.names[here]:
            return self.home_of(self.names[here][rest[0]] + rest[1:], here, seen) or here
        return here

    def edges(self) -> dict[Module, set[Module]]:
        found = {}
        for module, text in self.modules.items():
            paths = [path for tree in _USE.findall(text) for path, _ in leaves(tree)]
            paths += [tuple(path.split("::")) for path in _PATH.findall(_USE.sub("", text))]
            homes = {self.home_of(path, module) for path in paths}
            found[module] = {home for home in homes if home is not None} - {module}
        return found

    def circles(self) -> set[frozenset[str]]:
        """The sets of modules, of two or more, in which each reaches each."""
        edges = self.edges()
        reached = {module: _from(module, edges) for module in edges}
        rings = {frozenset(other for other in reached[module] if module in reached[other]) for module in edges}
        return {frozenset("::".join(module) or "lib" for module in ring) for ring in rings if len(ring) > 1}


def _from(start: Module, edges: dict[Module, set[Module]]) -> set[Module]:
    """What can be reached in one step or more."""
    reached: set[Module] = set()
    ahead = [start]
    while ahead:
        for module in edges[ahead.pop()] - reached:
            reached.add(module)
            ahead.append(module)
    return reached

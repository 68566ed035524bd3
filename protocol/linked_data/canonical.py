"""One name for each blank node, whoever computes it: RDF Dataset Canonicalization.

Implements RDF Dataset Canonicalization (RDFC-1.0), section "Canonicalization
Algorithm", over quads whose terms are already written as N-Quads, with a budget. Most
documents need only one hash per blank node. Where several nodes look alike, their
neighbourhoods are compared, and the work grows with the factorial of how much they
resemble: a few hundred octets can keep a processor busy for hours, so whoever does not
count loses.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from protocol.errors import WorkLimitError

BUDGET = 8_000
"""Steps of comparing neighbourhoods, at most a few microseconds each."""
PER_QUAD = 32
"""Further steps for each quad: a presentation of many diplomas may take longer."""

_HASHES: Mapping[str, Callable[[bytes], Any]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
}


Statement: TypeAlias = tuple[str, str, str, str]
"""A `Quad` without names for its terms: there are hundreds in a document."""


class Quad(NamedTuple):
    """A statement, each term as N-Quads writes it; a blank node begins with `_:`."""

    subject: str
    predicate: str
    object: str
    graph: str = ""
    """Empty for the default graph."""


class Canonical(NamedTuple):
    """A dataset in its canonical form."""

    lines: tuple[str, ...]
    """N-Quads in code point order, each with its line end."""
    labels: Mapping[str, str]
    """The blank nodes as they came in, to their canonical names (`_:c14n0` etc.)."""

    @property
    def text(self) -> str:
        """The canonical form."""
        return "".join(self.lines)


def canonicalize(
    quads: Iterable[Statement], *, algorithm: str = "sha256", budget: int | None = None
) -> Canonical:
    """Return the canonical form of a dataset; `algorithm` names the hash function.

    Without `budget` it is `BUDGET` and `PER_QUAD` for each quad.

    Raises:
        WorkLimitError: its blank nodes resemble each other too much for the budget.
    """
    distinct = dict.fromkeys(quads)
    if budget is None:
        budget = BUDGET + PER_QUAD * len(distinct)
    work = _Work(_HASHES[algorithm], budget)
    for quad in distinct:
        subject, _, object_, graph = quad
        if subject[0] == "_":
            work.mentions[subject].append(quad)
        if object_[0] == "_" and object_ != subject:
            work.mentions[object_].append(quad)
        if graph and graph[0] == "_" and graph not in (subject, object_):
            work.mentions[graph].append(quad)
    labels = work.labels()
    return Canonical(tuple(sorted(line(quad, labels) for quad in distinct)), labels)


def line(quad: Statement, labels: Mapping[str, str]) -> str:
    """Return a statement as a line of N-Quads, its blank nodes named by `labels`."""
    subject, predicate, object_, graph = quad
    if subject[0] == "_":
        subject = labels[subject]
    if object_[0] == "_":
        object_ = labels[object_]
    if graph:
        return f"{subject} {predicate} {object_} {labels.get(graph, graph)} .\n"
    return f"{subject} {predicate} {object_} .\n"


@dataclass(slots=True)
class _Issuer:
    """Gives out names in the order they are asked for."""

    prefix: str
    issued: dict[str, str] = field(default_factory=dict)

    def issue(self, node: str) -> str:
        name = self.issued.get(node)
        if name is None:
            name = self.issued[node] = f"{self.prefix}{len(self.issued)}"
        return name

    def copy(self) -> "_Issuer":
        return _Issuer(self.prefix, dict(self.issued))


@dataclass(slots=True)
class _Work:
    """The canonicalization state, and what may still be spent."""

    hash: Callable[[bytes], Any]
    budget: int
    mentions: defaultdict[str, list[Statement]] = field(
        default_factory=lambda: defaultdict(list)
    )
    first: dict[str, str] = field(default_factory=dict)
    """The first-degree hash of each blank node."""
    canonical: _Issuer = field(default_factory=lambda: _Issuer("_:c14n"))

    def labels(self) -> dict[str, str]:
        """Return the canonical name of every blank node."""
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for node in self.mentions:
            self.first[node] = digest = self._first_degree(node)
            alike[digest].append(node)
        waiting = []
        for digest in sorted(alike):
            nodes = alike[digest]
            if len(nodes) == 1:
                self.canonical.issue(nodes[0])
            else:
                waiting.append(nodes)
        for nodes in waiting:
            self._tell_apart(nodes)
        return self.canonical.issued

    def _tell_apart(self, nodes: list[str]) -> None:
        """Name nodes whose own statements are the same."""
        paths = []
        for node in nodes:
            if node not in self.canonical.issued:
                issuer = _Issuer("_:b")
                issuer.issue(node)
                paths.append(self._n_degree(node, issuer))
        for _, issuer in sorted(paths, key=lambda path: path[0]):
            for node in issuer.issued:
                self.canonical.issue(node)

    def _first_degree(self, node: str) -> str:
        lines = []
        for subject, predicate, object_, graph in self.mentions[node]:
            s = subject if subject[0] != "_" else "_:a" if subject == node else "_:z"
            o = object_ if object_[0] != "_" else "_:a" if object_ == node else "_:z"
            if not graph:
                lines.append(f"{s} {predicate} {o} .\n")
                continue
            g = graph if graph[0] != "_" else "_:a" if graph == node else "_:z"
            lines.append(f"{s} {predicate} {o} {g} .\n")
        lines.sort()
        return self._digest("".join(lines))

    def _n_degree(self, node: str, issuer: _Issuer) -> tuple[str, _Issuer]:
        """Hash a node with its neighbours: section "Hash N-Degree Quads"."""
        parts = []
        for digest, related in sorted(self._related(node, issuer).items()):
            path, issuer = self._best_path(related, issuer)
            parts.append(digest + path)
        return self._digest("".join(parts)), issuer

    def _related(self, node: str, issuer: _Issuer) -> Mapping[str, list[str]]:
        """Return the neighbours of a node by how they look from it."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for subject, predicate, object_, graph in self.mentions[node]:
            self._spend()
            for place, other in (("s", subject), ("o", object_), ("g", graph)):
                if other and other[0] == "_" and other != node:
                    named = (
                        self.canonical.issued.get(other)
                        or issuer.issued.get(other)
                        or self.first[other]
                    )
                    by = "" if place == "g" else predicate
                    found[self._digest(place + by + named)].append(other)
        return found

    def _best_path(self, related: list[str], issuer: _Issuer) -> tuple[str, _Issuer]:
        """Return the least of the paths through neighbours that look alike."""
        best: tuple[str, _Issuer] | None = None
        for order in itertools.permutations(related):
            found = self._path(order, issuer.copy(), best[0] if best else "")
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        assert best is not None  # noqa: S101 - the first order is never given up
        return best

    def _path(
        self, order: tuple[str, ...], issuer: _Issuer, best: str
    ) -> tuple[str, _Issuer] | None:
        """Return the path through neighbours in that order; None if not the least."""
        path, unnamed = "", []
        for node in order:
            self._spend()
            name = self.canonical.issued.get(node)
            if name is None:
                if node not in issuer.issued:
                    unnamed.append(node)
                name = issuer.issue(node)
            path += name
            if _is_beyond(path, best):
                return None
        for node in unnamed:
            digest, after = self._n_degree(node, issuer)
            path += f"{issuer.issue(node)}<{digest}>"
            issuer = after
            if _is_beyond(path, best):
                return None
        return path, issuer

    def _spend(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise WorkLimitError(
                "blank nodes that resemble each other so much that telling them apart "
                "exceeds the work limit"
            )

    def _digest(self, text: str) -> str:
        digest: str = self.hash(text.encode()).hexdigest()
        return digest


def _is_beyond(path: str, best: str) -> bool:
    return bool(best) and len(path) >= len(best) and path > best

"""A document as the graph it states: quads, and their canonical form."""

from collections.abc import Mapping, Sequence
from typing import Any

from protocol.errors import LinkedDataError
from protocol.linked_data import general, walk
from protocol.linked_data.canonical import Canonical, Statement, canonicalize
from protocol.linked_data.contexts import check_order
from protocol.linked_data.named import Namer
from protocol.linked_data.terms import OutsideSubsetError, Vocabulary


def quads_of(
    document: Mapping[str, Any], vocabulary: Vocabulary, namer: Namer | None = None
) -> Sequence[Statement]:
    """Return the statements a document makes, and refuse whatever they would lose.

    With `namer` the blank node of a JSON object has the name it gives that object; see
    `protocol.linked_data.named`.

    Raises:
        UnknownContextError: it names a context that is not at hand.
        LinkedDataError: it is not JSON-LD, or says what its graph would not.
    """
    check_order(document.get("@context"))
    quads: Sequence[Statement]
    try:
        quads = walk.quads_of(document, vocabulary, namer)
    except OutsideSubsetError:
        quads = general.quads_of(document, vocabulary.contexts, namer)
    if not quads:
        raise LinkedDataError("a document that states nothing a proof could cover")
    return quads


def canonical_form(
    document: Mapping[str, Any],
    vocabulary: Vocabulary,
    *,
    algorithm: str = "sha256",
    budget: int | None = None,
) -> Canonical:
    """Return the canonical form of the graph a document states (RDFC-1.0).

    Raises:
        LinkedDataError: as `quads_of`.
        WorkLimitError: its blank nodes resemble each other too much for the budget.
    """
    quads = quads_of(document, vocabulary)
    return canonicalize(quads, algorithm=algorithm, budget=budget)

"""A document as the graph it states: quads, and their canonical form."""

from collections.abc import Mapping, Sequence
from typing import Any

from protocol.errors import LinkedDataError, UnknownContextError, WorkLimitError
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
        WorkLimitError: the general processor is needed, which may not be used.
    """
    check_order(document.get("@context"))
    quads: Sequence[Statement]
    try:
        quads = walk.quads_of(document, vocabulary, namer)
    except OutsideSubsetError as error:
        if not vocabulary.general:
            raise WorkLimitError("only the general processor reads this") from error
        _refuse_disguises(document)
        quads = general.quads_of(document, vocabulary.contexts, namer)
    if not quads:
        raise LinkedDataError("a document that states nothing a proof could cover")
    return quads


_PLAIN = frozenset(
    {"@context", "@id", "@type", "@value", "@language", "@direction", "@list"}
)


def _refuse_disguises(document: Mapping[str, Any]) -> None:
    """Refuse, where terms are not looked at one by one, what could hide a member.

    The graph may be the same when a member stands in `@nest` or under another name, so
    a proof would hold and whoever reads the JSON would not find it.
    """
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for name, inner in value.items():
                if name == "@context":
                    _refuse_own_context(inner)
                elif (name[:1] == "@" and name not in _PLAIN) or ":" in name:
                    raise LinkedDataError(f"{name} could hide what it stands for")
                else:
                    waiting.append(inner)


def _refuse_own_context(stated: Any) -> None:
    for one in stated if isinstance(stated, list) else [stated]:
        if not isinstance(one, str):
            raise UnknownContextError(
                "a context of the document's own that is more than a list of terms"
            )


def canonical_form(
    document: Mapping[str, Any],
    vocabulary: Vocabulary,
    *,
    algorithm: str = "sha256",
) -> Canonical:
    """Return the canonical form of the graph a document states (RDFC-1.0).

    Raises:
        LinkedDataError: as `quads_of`.
        WorkLimitError: it costs more than the vocabulary allows.
    """
    quads = quads_of(document, vocabulary)
    return canonicalize(quads, algorithm=algorithm, budget=vocabulary.budget)

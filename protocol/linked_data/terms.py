"""What the terms of documents mean: the accepted contexts, made ready for use."""

from dataclasses import dataclass

from protocol.linked_data.contexts import Contexts


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """All that is needed to read a document as a graph."""

    contexts: Contexts

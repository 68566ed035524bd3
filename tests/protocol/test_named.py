"""The two ways to read a document name its blank nodes alike."""

import json

import pytest

from protocol.errors import LinkedDataError
from protocol.linked_data import general, walk
from protocol.linked_data.canonical import canonicalize
from protocol.linked_data.terms import OutsideSubsetError
from tests.protocol.selective_world import VOCABULARY, badge

V2 = "https://www.w3.org/ns/credentials/v2"
VOCAB = {"@vocab": "https://terms.example/"}
LISTED = {"@id": "https://terms.example/listed", "@container": "@list"}
GRAPHED = {
    "@id": "https://terms.example/graphed",
    "@type": "@id",
    "@container": "@graph",
}


class Namer:
    def __init__(self):
        self.known = {}

    def __call__(self, source):
        return self.known.setdefault(id(source), f"_:n{len(self.known)}")


DOCUMENTS = {
    "badge": badge("did:example:a"),
    "lists": {
        "@context": [VOCAB, {"listed": LISTED}],
        "listed": [{"a": 1}, "b", None, {"listed": ["c", "c"]}],
        "other": {"listed": []},
    },
    "graphs": {
        "@context": [VOCAB, {"graphed": GRAPHED}],
        "graphed": [{"a": 1}, {"@id": "urn:a", "b": {"c": 2}}],
    },
    "blank nodes with names": {
        "@context": [VOCAB, {"id": "@id", "to": {"@id": "urn:to", "@type": "@id"}}],
        "id": "_:x",
        "knows": [{"id": "_:y", "to": "_:x"}, {"id": "_:y", "more": True}],
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_both_ways_give_a_node_the_name_of_its_object(name):
    document, namer = DOCUMENTS[name], Namer()

    walked = walk.quads_of(document, VOCABULARY, namer)
    general_ = general.quads_of(document, VOCABULARY.contexts, namer)

    assert set(walked) == set(general_)
    plain = canonicalize(general.quads_of(document, VOCABULARY.contexts))
    assert canonicalize(walked).lines == plain.lines


def test_a_list_in_a_list_is_named_too():
    document = {"@context": [VOCAB, {"listed": LISTED}], "listed": [["a"], ["a"]]}

    quads = general.quads_of(document, VOCABULARY.contexts, Namer())

    plain = canonicalize(general.quads_of(document, VOCABULARY.contexts))
    assert canonicalize(quads).lines == plain.lines


def test_what_would_have_one_name_twice_is_left_to_the_general_way():
    same = {"also": LISTED, "listed": LISTED}
    document = {"@context": [VOCAB, same], "listed": ["a"], "also": ["b"]}

    with pytest.raises(OutsideSubsetError):
        walk.quads_of(document, VOCABULARY, Namer())
    assert general.quads_of(document, VOCABULARY.contexts, Namer())


def test_maps_whose_keys_are_ids_are_not_named():
    term = {"@id": "https://terms.example/map", "@container": "@id"}
    document = {"@context": [VOCAB, {"map": term}], "map": {"urn:a": {"b": 1}}}

    assert general.quads_of(document, VOCABULARY.contexts)
    with pytest.raises(LinkedDataError, match="a map by index"):
        general.quads_of(document, VOCABULARY.contexts, Namer())


def test_a_document_is_read_and_not_changed():
    document = badge("did:example:a")
    before = json.dumps(document)

    general.quads_of(document, VOCABULARY.contexts, Namer())

    assert json.dumps(document) == before

import pytest

from protocol.errors import SecuringError
from protocol.linked_data.selection import MAXIMUM_POINTERS, select

DOCUMENT = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "id": "urn:uuid:1",
    "type": ["VerifiableCredential"],
    "a/b": {"m~n": 1, "": 2},
    "subject": {
        "id": "_:b0",
        "type": "Person",
        "name": "A",
        "courses": [{"id": "urn:1", "n": 1}, {"n": 2}, [3, 4]],
    },
}
HEAD = {name: DOCUMENT[name] for name in ("@context", "id", "type")}
SUBJECT = DOCUMENT["subject"]


@pytest.mark.parametrize(
    ("pointers", "expected"),
    [
        (["/subject/name"], {"subject": {"type": "Person", "name": "A"}}),
        (["/subject/id"], {"subject": {"type": "Person", "id": "_:b0"}}),
        (
            ["/subject/courses/1", "/subject/courses/0/n"],
            {"subject": {"type": "Person", "courses": SUBJECT["courses"][:2]}},
        ),
        (
            ["/subject/courses/2/1"],
            {"subject": {"type": "Person", "courses": [[4]]}},
        ),
        (["/a~1b/m~0n"], {"a/b": {"m~n": 1}}),
        (["/a~1b/"], {"a/b": {"": 2}}),
        (["/subject", "/subject/name"], {"subject": SUBJECT}),
        (["/subject/name", "/subject"], {"subject": SUBJECT}),
        (["/type/0"], {}),
        (["/@context"], {}),
    ],
)
def test_a_part_has_what_is_named_and_what_says_which_things_those_are(
    pointers, expected
):
    assert select(DOCUMENT, pointers).document == HEAD | expected


def test_the_empty_pointer_names_everything_and_no_pointer_nothing():
    assert select(DOCUMENT, [""]).document is DOCUMENT
    assert select(DOCUMENT, []) is None


def test_each_object_of_a_part_is_that_of_the_whole_or_known_to_stand_for_it():
    part = select(DOCUMENT, ["/subject/courses/0"])

    subject = part.document["subject"]
    assert part.origins[id(part.document)] is DOCUMENT
    assert part.origins[id(subject)] is SUBJECT
    assert subject["courses"][0] is SUBJECT["courses"][0]


@pytest.mark.parametrize(
    "pointer",
    [
        *("subject", "/subject/~2", "/subject~", 7, None, ["subject"]),
        *("/nobody", "/subject/nobody", "/subject/name/first", "/subject/courses/3"),
        *("/subject/courses/-", "/subject/courses/01", "/subject/courses/n"),
        "/subject/courses/9999999",
    ],
)
def test_what_is_no_pointer_or_points_to_nothing_is_refused(pointer):
    with pytest.raises(SecuringError, match="JSON Pointer"):
        select(DOCUMENT, ["/subject", pointer])


def test_the_number_of_pointers_is_bounded():
    with pytest.raises(SecuringError, match="more than"):
        select(DOCUMENT, ["/subject"] * (MAXIMUM_POINTERS + 1))

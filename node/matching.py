"""What a learner is found by when someone asks about them.

Two things: a student number, or a name with a birth date. Both are brought into one
spelling here and hashed with a key of the node (`node.store.sealed.Vault.match_hash`)
before they reach the store, so that a stolen database cannot be searched by guessing.
"""

import unicodedata
from datetime import date

from adapters import japanese
from node.store.sealed import Vault
from protocol.credentials.learner_record import Person

STUDENT_NUMBER = "student-number"
NAME_AND_BIRTH = "name-birth-date"


def number_value(student_number: str) -> str:
    """Return a student number as it is matched: without case, spaces and dashes."""
    return japanese.code(student_number).replace("-", "").upper()


def name_value(family: str, given: str, birth_date: date) -> str:
    """Return name and birth date as they are matched: without case, accents, spaces."""
    parts = [_plain(family), _plain(given), birth_date.isoformat()]
    return "\n".join(parts)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", japanese.normalise(text))
    # The voicing marks of kana are combining too, and tell names apart: か is not が.
    kept = (
        sign
        for sign in decomposed
        if sign.isalnum() or sign in "ー\u3099\u309a" or sign > "\u2fff"
    )
    return unicodedata.normalize("NFC", "".join(kept)).casefold()


def hashes_of(vault: Vault, person: Person) -> list[tuple[str, bytes]]:
    """Return kind and keyed hash of everything `person` can be found by."""
    number = vault.match_hash(STUDENT_NUMBER, number_value(person.student_number))
    found = {(STUDENT_NUMBER, number)}
    if person.birth_date is not None:
        for name in person.names:
            value = name_value(name.family, name.given, person.birth_date)
            found.add((NAME_AND_BIRTH, vault.match_hash(NAME_AND_BIRTH, value)))
    return sorted(found)

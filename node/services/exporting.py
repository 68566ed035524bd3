"""A transcript that was issued → the same as a Comprehensive Learner Record.

Nothing is stored: it is made from the credential that stands, under the same place in
the status list, and ends with it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from node.context import NodeContext
from node.store.credentials import Credential
from protocol.credentials import comprehensive_record
from protocol.securing import data_integrity


def as_clr(
    transcript: Credential,
    badges: Sequence[Credential],
    *,
    context: NodeContext,
    at: datetime,
) -> dict[str, Any]:
    """Return a transcript, and badges, as a signed `ClrCredential`.

    Raises:
        SecuringError: there is no course in it, or there are too many.
    """
    at = at.replace(microsecond=0)
    record = transcript.vc["credentialSubject"]
    stated: dict[str, Any] = {
        "id_": transcript.vc["id"],
        "issuer": str(context.did),
        "valid_from": at,
        "status": transcript.vc["credentialStatus"],
    }

    def secure(document: dict[str, Any]) -> dict[str, Any]:
        return data_integrity.secure(
            document,
            key=context.identity.eddsa,
            verification_method=context.identity.eddsa_kid,
            at=at,
        )

    courses = comprehensive_record.course_credentials(record, **stated)
    held = [*map(secure, courses), *(badge.vc for badge in badges)]
    return secure(comprehensive_record.as_clr(record, held, **stated))

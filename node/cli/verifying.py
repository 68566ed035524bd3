"""`lrx verify`: is this credential authentic and current, and on whose word?

Exit status 0 valid, 1 invalid, 2 undetermined (the one missing fact is named), 3
unreadable.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters.baked import unwrap
from adapters.source import SourceError
from node import verifying
from node.cli.common import (
    Exit,
    complain,
    language,
    say,
    settings_file,
    show,
)
from node.context import system_clock
from node.fetch import Fetcher, fetcher_for
from node.handle import opened_at
from node.linked_data import LinkedData
from node.registry import Archive, Live, Source
from node.services import verdicts
from node.settings import load
from node.store import peers as peer_store
from node.texts.catalogue import text, text_or
from node.verifying import Presented
from protocol.credentials.findings import Finding
from protocol.errors import ProtocolError
from protocol.identity.dids import Did
from protocol.rules.validation import Verification
from protocol.securing import cose

_EXIT = {
    "valid": Exit.VALID,
    "invalid": Exit.INVALID,
    "undetermined": Exit.UNDETERMINED,
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a verification stands on."""

    source: Source
    accreditations: tuple[bytes, ...]
    anchors: tuple[Did, ...]
    named: str
    """Where it comes from, in words."""


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx verify`."""
    parser.add_argument(
        "file", type=Path, help="JSON, JWT, SD-JWT, COSE, PNG, SVG or ELMO"
    )
    parser.add_argument(
        "--policy",
        choices=["authenticity", "recognition"],
        help="default: recognition where there are trust anchors",
    )
    parser.add_argument(
        "--at",
        type=date.fromisoformat,
        help="the day of the award to judge accreditation on; default: as stated",
    )
    parser.add_argument(
        "--data", type=Path, help="a node's folder: verify from its archive, offline"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=verify)


async def verify(arguments: Namespace) -> int:
    """Print every finding with its evidence, and the overall word."""
    try:
        octets = arguments.file.read_bytes()
        if verdicts.is_elmo(octets):
            return _report_elmo(octets, arguments)
        octets = unwrap(octets)
    except OSError as error:
        complain(f"{arguments.file}: {error.strerror}")
        return Exit.UNREADABLE
    except (SourceError, ProtocolError) as error:
        complain(f"{arguments.file}: {error}")
        return Exit.UNREADABLE
    octets = octets if cose.is_sign1(octets) else octets.strip()
    async with LinkedData() as linked_data, _ground(arguments) as ground:
        policy = arguments.policy or (
            "recognition" if ground.anchors else "authenticity"
        )
        try:
            found = await verifying.verify_any(
                octets,
                media_type=None,
                source=ground.source,
                linked_data=linked_data,
                accreditations=ground.accreditations,
                anchors=ground.anchors,
                at=system_clock(),
                award_date=arguments.at,
            )
        except ProtocolError as error:
            complain(f"{arguments.file} cannot be read as a credential: {error}")
            return Exit.UNREADABLE
    if isinstance(found, Presented):
        return _report_presentation(found, policy, ground, arguments)
    return _report(found, policy, ground, arguments)


@asynccontextmanager
async def _ground(arguments: Namespace) -> AsyncIterator[Ground]:
    async with AsyncExitStack() as stack:
        if arguments.data:
            settings = load(arguments.data / "node.toml")
            node = await stack.enter_async_context(opened_at(settings))
            statements = await node.store.read(peer_store.organisation_credentials)
            yield Ground(
                Archive(
                    node.store,
                    datetime.now(UTC),
                    {str(node.context.did): node.context.identity.log},
                ),
                tuple(statements),
                settings.trust_anchors,
                f"the archive in {arguments.data}",
            )
            return
        file = settings_file(arguments)
        if arguments.config or file.exists():
            settings = load(file)
            node = await stack.enter_async_context(opened_at(settings))
            fetcher = fetcher_for(settings)
            stack.push_async_callback(fetcher.close)
            statements = await node.store.read(peer_store.organisation_credentials)
            yield Ground(
                Live(fetcher, system_clock),
                tuple(statements),
                settings.trust_anchors,
                f"the web, with the anchors of {file}",
            )
            return
        fetcher = Fetcher()
        stack.push_async_callback(fetcher.close)
        yield Ground(Live(fetcher, system_clock), (), (), "the web, no trust anchors")


def _report_elmo(octets: bytes, arguments: Namespace) -> int:
    """Print what the XML signature of an ELMO document is worth."""
    policy: verdicts.Policy = (
        "recognition" if arguments.policy == "recognition" else "authenticity"
    )
    page = verdicts.of_elmo(
        octets,
        name=arguments.file.name,
        policy=policy,
        digest=f"SHA-256 {sha256(octets).hexdigest()}",
        at=system_clock(),
    )
    if arguments.json:
        findings = {
            one.name: {
                "result": one.result,
                "reason": one.reason,
                "evidence": list(one.evidence),
            }
            for one in page.findings
        }
        show({"overall": page.overall, "policy": policy, "findings": findings})
        return _EXIT[page.overall]
    for one in page.findings:
        _say_finding(one.name, one.result, one.reason, one.evidence)
    word = _word(page.overall)
    say(f"{word} (policy {policy}; an ELMO document judged by its XML signature)")
    if page.overall == "undetermined":
        say("anyone can make such a certificate: ask the issuer whether it is theirs")
    return _EXIT[page.overall]


def _report(
    verification: Verification, policy: str, ground: Ground, arguments: Namespace
) -> int:
    overall = str(verification.overall(policy))
    findings = verification.findings
    if arguments.json:
        show(
            {
                "overall": overall,
                "policy": policy,
                "from": ground.named,
                "findings": _as_json(findings),
            }
        )
        return _EXIT[overall]
    _say_findings(findings)
    word = _word(overall)
    say(f"{word} (policy {policy}; from {ground.named})")
    if overall == "undetermined":
        say(*(f"missing: {missing}" for missing in verification.missing(policy)))
        say(
            "supply it with --data DIR (a node's folder) or --config node.toml"
            if arguments.data is None
            else "it is not in this archive: let that node verify the credential once"
        )
    return _EXIT[overall]


def _report_presentation(
    presented: Presented, policy: str, ground: Ground, arguments: Namespace
) -> int:
    """Print the findings about a presentation, then those about what is in it."""
    overall = presented.overall(policy)
    if arguments.json:
        show(
            {
                "overall": overall,
                "policy": policy,
                "from": ground.named,
                "presentation": _as_json(presented.shown.findings),
                "credentials": [
                    {"overall": "invalid", "unreadable": one}
                    if isinstance(one, str)
                    else {
                        "overall": one.overall(policy),
                        "findings": _as_json(one.findings),
                    }
                    for one in presented.credentials
                ],
            }
        )
        return _EXIT[overall]
    lang = language()
    say(f"{text(lang, 'verified.presentation')}: {_word(presented.shown.overall)}")
    _say_findings(presented.shown.findings, called=verdicts.in_presentation)
    for number, one in enumerate(presented.credentials, 1):
        heading = text(lang, "verified.in-presentation", number=number)
        if isinstance(one, str):
            say(f"{heading}: {_word('invalid')}", f"    {one}")
        else:
            say(f"{heading}: {_word(one.overall(policy))}")
            _say_findings(one.findings)
    say(f"{_word(overall)} (policy {policy}; from {ground.named})")
    return _EXIT[overall]


def _as_json(findings: Mapping[str, Finding]) -> dict[str, Any]:
    return {
        name: {
            "result": str(finding.result),
            "reason": finding.reason,
            "evidence": finding.evidence,
        }
        for name, finding in findings.items()
    }


def _say_findings(
    findings: Mapping[str, Finding], *, called: Callable[[str], str] = str
) -> None:
    for name, finding in findings.items():
        evidence = [f"{what}: {value}" for what, value in finding.evidence.items()]
        _say_finding(called(name), str(finding.result), finding.reason, evidence)


def _say_finding(
    name: str, result: str, reason: str | None, evidence: Iterable[str]
) -> None:
    said = text_or(language(), f"finding.{name}.{result}", result)
    say(f"{name}: {result}", f"    {said}", f"    {reason}")
    say(*(f"      {line}" for line in evidence))


def _word(overall: str) -> str:
    return text_or(language(), f"verdict-word.{overall}", overall)

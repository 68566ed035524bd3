"""What this node resolves, as fixtures of the DID Core suite; then the suite itself.

That suite asks no server: it reads what an implementation wrote down. The fixtures are
written anew in each run, from the code that answers `/1.0/identifiers/`.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from node.registry import read_history
from node.services.resolving import resolve
from protocol.errors import DidError
from protocol.exchange import did_log
from protocol.identity import peer_dids
from protocol.identity.dids import Did, DidHistory, resolve_offline
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.identity.multibase import as_base64url
from protocol.linked_data.jcs import canonical

PACKAGE = Path("did-test-suite/packages/did-core-test-server")
MEDIA_TYPES = ("application/did+json", "application/did+ld+json")
LIMIT = 600
_SUITES = ("did-identifier", "did-core-properties", "did-production", "did-consumption")
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


class Written:
    """Finds the logs and documents made for this run, and nothing on the web."""

    def __init__(self, found: dict[str, bytes]) -> None:
        self.found = found

    async def history(self, did: Did, *, fresh: bool = False) -> DidHistory:
        document = resolve_offline(did)
        if document:
            return DidHistory.of_document(document, _FIRST)
        if did not in self.found:
            raise DidError(f"{did} cannot be reached")
        return read_history(did, self.found[did], datetime.now(UTC))


def run(folder: Path) -> dict[str, int | str]:
    """Write the fixtures, run the suite and count; `not_run` says why it could not."""
    package = folder / PACKAGE
    if not package.is_dir():
        return {
            "not_run": f"{package} is not there: it is w3c/did-test-suite on GitHub"
        }
    if not (package / "node_modules").is_dir():
        return {
            "not_run": f"its dependencies are not installed: npm install in {package}"
        }
    own = package / "suites-lrx"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(package / "suites", own)
    try:
        asyncio.run(_write(own))
        with tempfile.TemporaryDirectory() as scratch:
            told = Path(scratch) / "jest.json"
            command = ["npx", "--no-install", "jest", "suites-lrx"]
            command += ["--json", f"--outputFile={told}"]
            subprocess.run(
                command,
                cwd=package,
                env=os.environ | {"CI": "true"},
                capture_output=True,
                timeout=LIMIT,
                check=False,
            )
            if not told.exists():
                return {"not_run": "jest did not start"}
            result = json.loads(told.read_text())
    finally:
        shutil.rmtree(own, ignore_errors=True)
    failures = [
        f"{test['fullName']}: {' '.join(test['failureMessages'])[:300]}"
        for file in result["testResults"]
        for test in file["assertionResults"]
        if test["status"] == "failed"
    ]
    failures += [
        f"{file['name']}: {file['message'][:300]}"
        for file in result["testResults"]
        if not file["assertionResults"]
    ]
    return {
        "passed": result["numPassedTests"],
        "failed": result["numFailedTests"],
        "pending": result["numPendingTests"] + result["numTodoTests"],
        "hooks": result["numRuntimeErrorTestSuites"],
        "failures": failures,
    }


async def _write(own: Path) -> None:
    dids, source = _made()
    by_method: dict[str, list[str]] = {}
    for did in dids:
        by_method.setdefault(did.split(":")[1], []).append(did)
    methods = [await _method(name, of, source) for name, of in by_method.items()]
    for suite in _SUITES:
        _default(own / suite, {"name": suite, "didMethods": methods})
    resolvers = [await _resolver(name, of, source) for name, of in by_method.items()]
    _default(own / "did-resolution", {"name": "r", "resolvers": resolvers})
    dereferencer = await _dereferencer(dids, source)
    _default(
        own / "did-url-dereferencing", {"name": "d", "dereferencers": [dereferencer]}
    )


def _default(folder: Path, value: dict) -> None:
    (folder / "default.js").write_text("module.exports = " + json.dumps(value))


def _made() -> tuple[list[str], Written]:
    """Make DIDs of every method there is."""
    keys = [
        LocalSigningKey.generate(kind).verification_key
        for kind in ("EdDSA", "ES256", "ES384")
    ]
    agreed = DecryptionKey.generate().encryption_key.multikey()
    signing = keys[0].multikey()
    service = {
        "id": "#files",
        "type": "LinkedDomains",
        "serviceEndpoint": "https://uni.example/a/",
    }
    document = {
        "@context": peer_dids.CONTEXTS,
        "verificationMethod": [
            {"id": "#k1", "type": "Multikey", "publicKeyMultibase": signing}
        ],
        "authentication": ["#k1"],
        "assertionMethod": ["#k1"],
        "service": [service],
    }
    web = "did:web:uni.example"
    found = {web: json.dumps(_owned(document, web)).encode()}
    template = "did:webvh:{SCID}:uni.example"
    update, following = (LocalSigningKey.generate("EdDSA") for _ in range(2))
    logged, log = did_log.create(
        _owned(document, template),
        update_key=update,
        next_key_hashes=[did_log.next_key_hash(following.verification_key.multikey())],
        at=_FIRST,
    )
    found[logged] = log
    dids = [f"did:key:{key.multikey()}" for key in keys]
    dids += [f"did:jwk:{as_base64url(canonical(key.jwk()))}" for key in keys]
    dids += [
        peer_dids.string(
            [("authentication", signing), ("keyAgreement", agreed)], [service]
        ),
        peer_dids.hashed(document),
        *found,
    ]
    return dids, Written(found)


def _owned(document: dict, did: str) -> dict:
    methods = [{"controller": did, **one} for one in document["verificationMethod"]]
    return {"id": did, **document, "verificationMethod": methods}


async def _method(name: str, dids: list[str], source: Written) -> dict:
    told: dict = {
        "didMethod": f"did:{name}",
        "implementation": "LRX",
        "implementer": "LRX",
        "supportedContentTypes": list(MEDIA_TYPES),
        "dids": dids,
        "didParameters": {
            "service": f"{dids[0]}?service=files",
            "relativeRef": f"{dids[0]}?service=files&relativeRef=%2Fa%2Fb",
            "versionId": f"{dids[0]}?versionId=1",
            "versionTime": f"{dids[0]}?versionTime=2026-01-01T00:00:00Z",
        },
    }
    for did in dids:
        found = (await resolve(did, source=source)).as_dict()
        document = found["didDocument"]
        context = {"@context": document["@context"]}
        told[did] = {"didDocumentDataModel": {"properties": document}}
        for media_type in MEDIA_TYPES:
            entries = context if media_type == MEDIA_TYPES[1] else {}
            told[did][media_type] = {
                "didDocumentDataModel": {"representationSpecificEntries": entries},
                "representation": json.dumps(document),
                "didDocumentMetadata": found["didDocumentMetadata"],
                "didResolutionMetadata": {"contentType": media_type},
            }
    return told


async def _resolver(name: str, dids: list[str], source: Written) -> dict:
    """Write down resolutions that succeed, and those that fail in each way."""
    executions: list[dict] = []
    outcomes: dict[str, list[int]] = {
        "defaultOutcome": [],
        "invalidDidErrorOutcome": [],
        "notFoundErrorOutcome": [],
    }
    asked = [(did, "defaultOutcome") for did in dids]
    asked.append((f"did:{name}:@", "invalidDidErrorOutcome"))
    if name == "web":
        asked.append(("did:web:gone.example", "notFoundErrorOutcome"))
    for did, outcome in asked:
        found = (await resolve(did, source=source)).as_dict()
        about = dict(found["didResolutionMetadata"])
        media_type = about.pop("contentType", None)
        for function in ("resolve", "resolveRepresentation"):
            output = {
                "didResolutionMetadata": about,
                "didDocumentMetadata": found["didDocumentMetadata"],
            }
            options = {}
            if function == "resolve":
                output["didDocument"] = found["didDocument"]
            else:
                text = json.dumps(found["didDocument"]) if media_type else ""
                output["didDocumentStream"] = text
                options = {"accept": MEDIA_TYPES[1]}
                if media_type is None:
                    continue
                output["didResolutionMetadata"] = about | {"contentType": media_type}
            outcomes[outcome].append(len(executions))
            executions.append(
                {
                    "function": function,
                    "input": {"did": did, "resolutionOptions": options},
                    "output": output,
                }
            )
    return {
        "didMethod": f"did:{name}",
        "implementation": "LRX",
        "implementer": "LRX",
        "expectedOutcomes": outcomes,
        "executions": executions,
    }


async def _dereferencer(dids: list[str], source: Written) -> dict:
    web = next(did for did in dids if did.startswith("did:web:"))
    outcomes: dict[str, list[int]] = {
        "defaultOutcome": [],
        "invalidDidUrlErrorOutcome": [],
        "notFoundErrorOutcome": [],
    }
    asked = [(did, "defaultOutcome") for did in dids]
    asked += [(f"{web}{rest}", "defaultOutcome") for rest in ("#k1", "?service=files")]
    asked.append((f"{web}/^", "invalidDidUrlErrorOutcome"))
    asked.append((f"{web}#nothing", "notFoundErrorOutcome"))
    executions = []
    for number, (url, outcome) in enumerate(asked):
        found = await resolve(url, source=source)
        told = found.as_dict()
        about = told.get("dereferencingMetadata") or told["didResolutionMetadata"]
        content = found.content.value if found.content else ""
        text = content if isinstance(content, str) else json.dumps(content)
        outcomes[outcome].append(number)
        executions.append(
            {
                "function": "dereference",
                "input": {"didUrl": url, "dereferenceOptions": {}},
                "output": {
                    "dereferencingMetadata": about,
                    "contentStream": text,
                    "contentMetadata": dict(found.metadata),
                },
            }
        )
    return {
        "implementation": "LRX",
        "implementer": "LRX",
        "didMethod": "did:web",
        "expectedOutcomes": outcomes,
        "executions": executions,
    }


if __name__ == "__main__":
    import sys

    print(json.dumps(run(Path(sys.argv[1])), indent=1))

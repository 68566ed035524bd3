"""Runs other people's conformance suites against a throw-away node; prints a table.

`make test-interop SUITES=DIR`: DIR holds the checked-out suites, each in a folder of
the name its repository has, with its dependencies installed (`npm install`). A suite
that is not there, or cannot start, is named with the reason: it does not count as
passed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import did_core

LRX = Path(sys.executable).with_name("lrx")
LIMIT = 900
"""Seconds for one suite."""
NAME = "LRX"
LICENCE_CONTEXT = Path(
    "vc-di-bbs-test-suite/node_modules/@digitalbazaar/vdl-context",
    "contexts/vdl-v1.jsonld",
)
"""The context of the licences that one suite has secured; it brings it along."""


@dataclass(frozen=True)
class Suite:
    folder: str
    total: int
    """Tests it had when its result was last published or counted."""
    source: str = "w3c"
    interop: bool = False


SUITES = (
    Suite("vc-data-model-2.0-test-suite", 65),
    Suite("vc-di-eddsa-test-suite", 57, interop=True),
    Suite("vc-di-ecdsa-test-suite", 133, interop=True),
    Suite("vc-bitstring-status-list-test-suite", 19),
    Suite("vc-di-bbs-test-suite", 81, interop=True),
    Suite("vc-di-ed25519signature2020-test-suite", 30),
    Suite("vc-api-issuer-test-suite", 13, "w3c-ccg"),
    Suite("vc-api-verifier-test-suite", 18, "w3c-ccg"),
    Suite("did-key-test-suite", 15, "w3c-ccg"),
)


@dataclass
class Outcome:
    suite: Suite
    passed: int = 0
    failed: int = 0
    pending: int = 0
    hooks: list[str] = field(default_factory=list)
    """Hooks that failed: each hides the tests under it."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    not_run: str = ""

    @property
    def good(self) -> bool:
        return not (self.failed or self.hooks or self.not_run)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", type=Path, nargs="?", help="the folder of suites")
    parser.add_argument("--port", type=int, default=20599)
    parser.add_argument("--only", default="", help="part of a suite's name")
    parser.add_argument("--failures", action="store_true", help="say what failed")
    arguments = parser.parse_args()
    suites = [one for one in SUITES if arguments.only in one.folder]
    if arguments.suites is None or not arguments.suites.is_dir():
        reason = "no folder of suites: make test-interop SUITES=DIR"
        return report([Outcome(one, not_run=reason) for one in suites], failures=False)
    command = [str(LRX), "serve", "--conformance", str(arguments.port)]
    licence = arguments.suites / LICENCE_CONTEXT
    if licence.exists():
        command += ["--context", f"https://w3id.org/vdl/v1={licence}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        try:
            assert node.stdout is not None
            dids = json.loads(node.stdout.readline())
            found = [
                run(suite, arguments.suites / suite.folder, dids, arguments.port)
                for suite in suites
            ]
        finally:
            node.terminate()
    core = Suite("did-test-suite", 639)
    if arguments.only in core.folder:
        counts = did_core.run(arguments.suites)
        found.append(
            Outcome(
                core,
                **{
                    name: counts.get(name, 0)
                    for name in ("passed", "failed", "pending")
                },
                failures=[(text, "") for text in counts.get("failures", [])],
                not_run=counts.get("not_run", ""),
            )
        )
    return report(found, failures=arguments.failures)


def run(suite: Suite, folder: Path, dids: dict[str, str], port: int) -> Outcome:
    """Run one suite in its folder and count."""
    reason = lacking(suite, folder)
    if reason:
        return Outcome(suite, not_run=reason)
    (folder / "localConfig.cjs").write_text(
        "module.exports = " + json.dumps(configuration(suite, dids, port), indent=1)
    )
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "mocha.json"
        command = ["npx", "--no-install", "mocha", "tests/", "--exit"]
        command += ["--reporter", "json", "--reporter-options", f"output={told}"]
        command += ["--timeout", "30000", "--preserve-symlinks"]
        environment = os.environ | {"ISSUER_NAME": NAME, "ISSUER_NAME_JWT": NAME}
        environment["ISSUER_NAME_JCS"] = NAME
        log = Path(scratch) / "log"
        with log.open("w") as output:
            try:
                subprocess.run(
                    command,
                    cwd=folder,
                    env=environment,
                    stdout=output,
                    stderr=output,
                    timeout=LIMIT,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Outcome(suite, not_run=f"no end within {LIMIT} s")
        if not told.exists():
            last = log.read_text(errors="replace").strip().splitlines()[-8:]
            return Outcome(suite, not_run="mocha did not start: " + " / ".join(last))
        return counted(suite, json.loads(told.read_text()))


def lacking(suite: Suite, folder: Path) -> str:
    """Say what is missing before a suite could run; nothing, if nothing is."""
    if not folder.is_dir():
        return f"{folder} is not there: it is {suite.source}/{suite.folder} on GitHub"
    if not (folder / "node_modules").is_dir():
        return f"its dependencies are not installed: npm install in {folder}"
    return "" if shutil.which("npx") else "there is no npx"


def counted(suite: Suite, told: dict) -> Outcome:
    outcome = Outcome(suite)
    for test in told["tests"]:
        title, error = test["fullTitle"], test.get("err") or {}
        if re.match(r'"(before|after)( all| each)" hook', test["title"]):
            outcome.hooks.append(title)
            outcome.failures.append((title, error.get("message", "")))
        elif error:
            outcome.failed += 1
            outcome.failures.append((title, error.get("message", "")))
    # A hook that failed is in `failures` alone.
    for test in told["failures"]:
        if re.match(r'"(before|after)( all| each)" hook', test["title"]):
            title = test["fullTitle"]
            if title not in outcome.hooks:
                outcome.hooks.append(title)
                outcome.failures.append((title, test["err"].get("message", "")))
    outcome.passed = told["stats"]["passes"]
    outcome.pending = told["stats"]["pending"]
    return outcome


def configuration(suite: Suite, dids: dict[str, str], port: int) -> dict:
    """Tell a suite which endpoints this node has, in the form suites share.

    None has `options`: suites write a challenge or pointers of one test into those they
    are given, and leave them there for the others.
    """
    base = f"https://127.0.0.1:{port}/vc-api"
    both = {"vc": ["1.1", "2.0"]}

    def issuer(name: str, key: str, *tags: str, **more: object) -> dict:
        endpoint = f"{base}/issuers/{name}/credentials/issue"
        return {
            "id": dids[key],
            "endpoint": endpoint,
            "supports": both,
            "tags": [*tags, "localhost"],
        } | more

    p256, p384 = (
        {"supportedEcdsaKeyTypes": ["P-256"]},
        {"supportedEcdsaKeyTypes": ["P-384"]},
    )
    verifier_tags = ["vc2.0", "EnvelopingProof", "eddsa-rdfc-2022", "eddsa-jcs-2022"]
    verifier_tags += ["ecdsa-rdfc-2019", "ecdsa-jcs-2019", "ecdsa-sd-2023", "bbs-2023"]
    verifier_tags += ["Ed25519Signature2020", "vc-api", "BitstringStatusList"]
    everywhere = {
        "id": dids["ed25519"],
        "supports": both,
        "supportedEcdsaKeyTypes": ["P-256", "P-384"],
        "tags": [*verifier_tags, "localhost"],
    }
    return {
        "settings": {
            "enableInteropTests": suite.interop,
            "testAllImplementations": False,
        },
        "implementations": [
            {
                "name": NAME,
                "implementation": NAME,
                "issuers": [
                    issuer(
                        "eddsa-rdfc-2022",
                        "ed25519",
                        "vc2.0",
                        "eddsa-rdfc-2022",
                        "vc-api",
                    ),
                    issuer("eddsa-jcs-2022", "ed25519", "eddsa-jcs-2022"),
                    issuer("vc-jwt", "ed25519", "EnvelopingProof"),
                    issuer("ecdsa-rdfc-2019/p256", "p256", "ecdsa-rdfc-2019", **p256),
                    issuer("ecdsa-rdfc-2019/p384", "p384", "ecdsa-rdfc-2019", **p384),
                    issuer("ecdsa-jcs-2019/p256", "p256", "ecdsa-jcs-2019", **p256),
                    issuer("ecdsa-jcs-2019/p384", "p384", "ecdsa-jcs-2019", **p384),
                    issuer("ecdsa-sd-2023/p256", "p256", "ecdsa-sd-2023", **p256),
                    *(
                        [issuer("bbs-2023/bls", "bls", "bbs-2023")]
                        if "bls" in dids
                        else []
                    ),
                    issuer(
                        "Ed25519Signature2020",
                        "ed25519",
                        "Ed25519Signature2020",
                    ),
                    issuer("status", "ed25519", "BitstringStatusList"),
                ],
                "verifiers": [{**everywhere, "endpoint": f"{base}/credentials/verify"}],
                "vpVerifiers": [
                    {**everywhere, "endpoint": f"{base}/presentations/verify"}
                ],
                "didResolvers": [
                    {
                        "id": dids["ed25519"],
                        "endpoint": f"{base}/1.0/identifiers",
                        "tags": ["did-key"],
                    }
                ],
            },
            {
                # Suites look for the holder that derives under this name.
                "name": "Digital Bazaar",
                "implementation": NAME,
                "vcHolders": [
                    {
                        **everywhere,
                        "endpoint": f"{base}/credentials/derive",
                        "tags": ["vcHolder", "ecdsa-sd-2023", "bbs-2023"],
                    }
                ],
            },
        ],
    }


def report(outcomes: list[Outcome], *, failures: bool) -> int:
    """Print the table; return the exit status."""
    width = max(len(one.suite.folder) for one in outcomes)
    print(f"{'suite':{width}}  passed  failed  pending  hooks  expected")
    for one in outcomes:
        counts = f"{one.passed:6}  {one.failed:6}  {one.pending:7}  {len(one.hooks):5}"
        if one.not_run:
            counts = "     -       -        -      -"
        print(f"{one.suite.folder:{width}}  {counts}  {one.suite.total:8}")
    for one in outcomes:
        if one.not_run:
            print(f"NOT RUN {one.suite.folder}: {one.not_run}")
        if failures:
            for title, message in one.failures:
                print(f"FAILED {one.suite.folder}: {title}\n       {message[:400]}")
    return 0 if all(one.good for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())

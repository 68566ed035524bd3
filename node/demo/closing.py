"""The last part of the story: change, prove."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

from node.config import config_folder
from node.demo.data import DemoData, generate
from node.demo.exchange import verdicts_of
from node.demo.processes import Processes, lrx
from node.demo.stage import Stage, expect

COURSE = "INF101"
"""The course whose grade was entered wrongly."""


async def change(stage: Stage) -> None:
    """A corrects a grade; whoever holds the old transcript is told, and looks."""
    credentials = stage.out / "credentials"
    for suffix in ("json", "sd-jwt"):
        shutil.copy(
            credentials / f"transcript.{suffix}",
            stage.out / f"transcript-old.{suffix}",
        )
        stage.artefacts[f"old transcript ({suffix})"] = f"transcript-old.{suffix}"
    made = generate()
    file = stage.keep("corrected grade", corrected(made), "exports/correction.csv")
    mapping = config_folder() / "demo" / "seiseki.toml"
    report = json.loads(
        await stage.lrx(
            "university-a", "import", str(file), "--mapping", str(mapping), "--json"
        )
    )
    expect(
        report["changed"] == 1, f"the correction changed {report['changed']} learners"
    )
    out = json.loads(
        await stage.lrx(
            *("university-a", "reissue", "--learner", stage.facts["cast"]["graduate"]),
            *("--kind", "transcript", "--reason", "grade corrected", "--json"),
            *("--output", str(credentials)),
        )
    )
    expect(out["told"] >= 1, f"nobody was told: {out}")
    stage.narrator.say(
        f"A corrected a grade, issued anew, told {out['told']} recipients"
    )
    delivery = stage.facts["delivery"]

    async def noticed() -> dict[str, str] | None:
        found = await verdicts_of(stage, "authority", delivery)
        words = {item: v["overall"] for item, v in found.items()}
        amended = [item for item in found if item.startswith("transcript~")]
        return words if words["transcript"] == "invalid" and amended else None

    await stage.until("the authority to notice", noticed)
    found = await verdicts_of(stage, "authority", delivery)
    reason = found["transcript"]["findings"]["status_now"]["reason"]
    expect("revoked" in reason, f"the reason is {reason}")
    stage.narrator.say(f"the authority's verdict on the old one: invalid: {reason}")
    new = next(v for item, v in found.items() if item.startswith("transcript~"))
    expect(new["overall"] == "valid", f"the corrected transcript: {new}")
    stage.narrator.say("the corrected transcript came under the same consent: valid")
    stage.narrator.note("record/changed", "university-a", "authority", "revoked")
    stage.narrator.note("record/amend", "university-a", "authority", "valid")


def corrected(made: DemoData) -> bytes:
    """Return an export with one row of the graduate, its grade corrected."""
    lines = made.files["seiseki.csv"].split(b"\r\n")
    number = made.graduate.number.encode()
    row = next(
        line
        for line in lines
        if line.startswith(number) and b"," + COURSE.encode() + b"," in line
    )
    cells = row.decode("cp932").split(",")
    heading = lines[1].decode("cp932").split(",")
    cells[heading.index("評点")] = "100"
    cells[heading.index("評価")] = "S"
    first = lines[0].decode("cp932")
    count = first.rpartition(":")[0] + ":" + "1".zfill(len(first.rpartition(":")[2]))
    trailer = next(line for line in reversed(lines) if line.startswith(b"#END"))
    tail = trailer.split(b",")
    if len(tail) > 1:
        tail[1] = b"1".zfill(len(tail[1]))
    text = [count.encode("cp932"), lines[1], ",".join(cells).encode("cp932")]
    return b"\r\n".join([*text, b",".join(tail), b""])


async def prove(stage: Stage, processes: Processes | None) -> None:
    """With every node stopped and no network, the pack still proves the delivery."""
    pack = stage.out / "pack.zip"
    await stage.lrx(
        "authority",
        "evidence",
        "export",
        stage.facts["delivery"],
        "--output",
        str(pack),
    )
    stage.artefacts["evidence pack"] = "pack.zip"
    if processes is not None:
        await processes.stop()
        stage.narrator.say("every node is stopped")
    status, said = await offline("evidence", "verify", str(pack))
    expect(status == 0, f"the pack does not verify: {said}")
    stage.narrator.say(f"the evidence pack verifies offline: {said.splitlines()[-1]}")
    broken = stage.out / "pack-broken.zip"
    octets = bytearray(pack.read_bytes())
    octets[len(octets) // 2] ^= 1
    broken.write_bytes(octets)
    status, said = await offline("evidence", "verify", str(broken))
    expect(status == 1, f"one flipped byte gave {status}: {said}")
    broken.unlink()
    stage.narrator.say("with one byte flipped it does not")
    old = stage.out / "transcript-old.json"
    data = stage.world.home("authority")
    status, said = await offline("verify", str(old), "--data", str(data))
    expect(
        status == 1 and "revoked" in said, f"the old transcript gave {status}: {said}"
    )
    stage.narrator.say(
        "the old transcript, from the authority's archive: invalid, revoked"
    )
    status, said = await offline("verify", str(old))
    expect(status == 2, f"without the archive it gave {status}: {said}")  # noqa: PLR2004
    stage.narrator.say(
        "without that archive: undetermined, and it says what is missing"
    )


async def offline(*words: str) -> tuple[int, str]:
    """Run `lrx` where there is no network, if the kernel lets us make such a place."""
    command = lrx(None, *words)
    if sys.platform == "linux" and shutil.which("unshare") and os.geteuid() == 0:
        command = ["unshare", "-n", *command]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=Path("/"),
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode().strip()

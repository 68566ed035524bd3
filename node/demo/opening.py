"""The first part of the story: import, issue, introduce."""

import json
from datetime import timedelta
from typing import Any

from adapters.catalogue import read_catalogue
from node.config import config_folder
from node.context import system_clock
from node.demo import data as demo_data
from node.demo import elmo as demo_elmo
from node.demo.stage import Stage, expect
from node.demo.world import EFFECTIVE

KINDS = (
    "diploma-supplement",
    "transcript",
    "micro-credential",
    "graduation-certificate",
    "grade-certificate",
    "credit-certificate",
)
"""What the graduate is issued."""


async def import_(stage: Stage) -> None:
    """University A reads its student system's exports; B reads a signed ELMO."""
    made = demo_data.generate()
    stage.facts["seed"] = demo_data.SEED
    folder = config_folder() / "demo"
    files = [
        stage.keep(f"export {name}", octets, f"exports/{name}")
        for name, octets in made.files.items()
    ]
    words = ["import", *map(str, files), "--json"]
    for file in files:
        words += ["--mapping", str(folder / f"{file.stem}.toml")]
    words += ["--catalogue", str(folder / "catalogue-a.toml")]
    report = json.loads(await stage.lrx("university-a", *words))
    stage.narrator.say(
        f"A read {report['rows']:,} rows of {made.students:,} students in "
        f"{report['milliseconds'] / 1000:.1f} s; {len(report['quarantined'])} set aside"
    )
    _check_quarantine(made, report)
    again = json.loads(await stage.lrx("university-a", *words))
    expect(
        (again["kept"], again["changed"]) == (0, 0),
        f"the same import again changed {again['kept']} + {again['changed']} learners",
    )
    stage.narrator.say("the same import again changed nothing")
    await _import_b(stage)
    stage.facts["people"] = {
        "graduate": {
            "at": "university-a",
            "student_number": made.graduate.number,
            "name": made.graduate.latin,
        }
    }
    stage.facts["cast"] = {
        name: getattr(made, name).number
        for name in (
            *("graduate", "short_of_credits", "too_much_media"),
            *("incomplete_programme", "expected", "enrolled"),
        )
    }


def _check_quarantine(made: demo_data.DemoData, report: dict[str, Any]) -> None:
    found = {
        (q["file"], q["line"], q["column"]): q["reason"] for q in report["quarantined"]
    }
    for planted in made.planted:
        reason = found.get((planted.file, planted.line, planted.column), "")
        expect(
            planted.says in reason,
            f"{planted.file} line {planted.line} column {planted.column}: "
            f"expected a reason with {planted.says!r}, found {reason!r}",
        )


async def _import_b(stage: Stage) -> None:
    catalogue = config_folder() / "demo" / "catalogue-b.csv"
    await stage.lrx("university-b", "import", "--catalogue", str(catalogue))
    signed = demo_elmo.make(
        read_catalogue(catalogue.read_bytes(), file=catalogue.name), at=system_clock()
    )
    file = stage.keep("ELMO of B", signed.octets, f"exports/{signed.name}")
    out = await stage.lrx(
        "university-b", "import", str(file), "--signer", signed.signer.hex()
    )
    stage.narrator.say(f"B read a signed ELMO document: {out.strip().splitlines()[0]}")
    expect(" 1 learners new" in out, f"B took no learner from its ELMO: {out}")


async def issue(stage: Stage) -> None:
    """A issues to the graduate, and says who gets nothing and why."""
    cast = stage.facts["cast"]
    words = ["issue", "--learner", cast["graduate"], "--json"]
    for kind in KINDS:
        words += ["--kind", kind]
    words += ["--output", str(stage.out / "credentials")]
    issued = json.loads(await stage.lrx("university-a", *words))
    expect(
        {one["kind"] for one in issued["issued"]} == set(KINDS),
        f"not everything was issued: {issued}",
    )
    for one in issued["issued"]:
        for file in one["files"]:
            stage.artefacts[file] = f"credentials/{file}"
        stage.narrator.note(one["kind"], "university-a", "graduate", "issued")
    stage.narrator.say(f"the graduate holds {len(issued['issued'])} credentials")
    await _certificates(stage)
    await _cohort(stage)
    await award_dates(stage)
    for file in ("diploma-supplement.json", "diploma-supplement.sd-jwt"):
        path = stage.out / "credentials" / file
        await stage.lrx("university-a", "verify", str(path), "--policy", "authenticity")
    stage.narrator.say("both forms of the diploma verify")


async def _certificates(stage: Stage) -> None:
    for who, kind in (
        ("enrolled", "enrolment-certificate"),
        ("expected", "expected-graduation-certificate"),
    ):
        number = stage.facts["cast"][who]
        out = json.loads(
            await stage.lrx(
                *("university-a", "issue", "--learner", number, "--kind", kind),
                "--json",
            )
        )
        expect(out["issued"], f"{kind} was not issued: {out}")
    stage.narrator.say("在学証明書 and 卒業見込証明書 issued; both expire")


async def _cohort(stage: Stage) -> None:
    cast = stage.facts["cast"]
    for who, says in (
        ("short_of_credits", "124"),
        ("too_much_media", "60"),
        ("incomplete_programme", "item"),
    ):
        out = await stage.lrx(
            *("university-a", "issue", "--learner", cast[who]),
            *("--kind", "diploma-supplement"),
            expected=(1,),
        )
        line = out.strip().splitlines()[-1]
        expect(says in out, f"expected a reason with {says} for {who}: {out}")
        stage.narrator.say(f"no diploma for {cast[who]}: {line}")


async def award_dates(stage: Stage) -> None:
    """Two more diplomas: of the first accredited day, and of the day before.

    The second is made by correcting the register: a graduate of the same day turns out
    to have been awarded the degree one day earlier.
    """
    made = demo_data.generate()
    day, before = EFFECTIVE[0], EFFECTIVE[0] - timedelta(days=1)
    graduates = iter(made.awarded_on(day))
    mapping = config_folder() / "demo" / "gakuseki.toml"
    for who, awarded in (("first_day", day), ("day_before", before)):
        for student in graduates:
            octets = made.corrected_award(student, awarded)
            file = stage.keep(f"register, {who}", octets, f"exports/{who}.csv")
            await stage.lrx(
                "university-a", "import", str(file), "--mapping", str(mapping)
            )
            folder = stage.out / "credentials" / who
            out = await stage.lrx(
                *("university-a", "issue", "--learner", student.number, "--json"),
                *("--kind", "diploma-supplement", "--output", str(folder)),
                expected=(0, 1),
            )
            if json.loads(out)["issued"]:
                break
        else:
            expect(False, f"no graduate of {day} fulfils art. 32")  # noqa: FBT003
        name = f"credentials/{who}/diploma-supplement.json"
        stage.artefacts[f"diploma awarded {who}"] = name


async def introduce(stage: Stage) -> None:
    """Everybody meets; each side walks the other's chain up to the council."""
    did = {key: str(settings.did) for key, settings in stage.world.settings.items()}
    for key, target, purpose in (
        ("authority", "university-a", "recognition-assessment"),
        ("authority", "university-b", "recognition-assessment"),
        ("university-b", "university-a", "admission"),
        ("university-a", "university-b", "admission"),
    ):
        await stage.lrx(
            key,
            *("peers", "introduce", did[target], "--purpose", purpose, "--wait", "20"),
        )
        stage.narrator.say(f"{target} and {key} accepted each other for {purpose}")
        stage.narrator.note("peer/introduce", key, target, "accepted, chain complete")
    await stage.lrx(
        "employer",
        *("peers", "introduce", did["university-a"], "--purpose", "employment"),
    )

    async def waiting() -> bool:
        rows = json.loads(await stage.lrx("university-a", "peers", "list", "--json"))
        return any(
            row["did"] == did["employer"] and row["state"] == "pending" for row in rows
        )

    await stage.until("the employer's introduction at A", waiting)
    await stage.lrx(
        *("university-a", "peers", "decide", did["employer"], "accepted"),
        *("--purpose", "employment", "--reason", "known to our careers office"),
    )
    await stage.lrx("employer", "peers", "trust", did["university-a"], "--wait", "20")
    stage.narrator.say("the employer has no chain: A's operator accepted it by hand")
    stage.narrator.note(
        "peer/introduce", "employer", "university-a", "accepted by hand"
    )

"""Makes the exports of a student system that never was: every trap, nobody real.

From a seed come a student register and a file of grades as a Japanese university's
system writes them, with rows planted in them that must be set aside. The same seed
makes the same bytes; `config/demo` holds the mapping of each file and the fixed parts.
"""

from dataclasses import dataclass, field
from datetime import date
from random import Random

from node.demo.exports import GRADES, REGISTER, Grades, Planted, Register
from node.demo.people import LAST_LEVEL, Student, courses, people, story

SEED = 20260324
STUDENTS = 2_050


@dataclass(slots=True)
class DemoData:
    """The two files, the students who matter to the story, and what is planted."""

    files: dict[str, bytes]
    """Name → bytes; `config/demo` holds a mapping of the same stem for each."""
    graduate: Student
    """Fulfils University Establishment Standards art. 32."""
    short_of_credits: Student
    """Marked as graduated with 122 credits."""
    too_much_media: Student
    """Marked as graduated with more than 60 credits by advanced media."""
    incomplete_programme: Student
    """Graduated from a programme whose catalogue entry lacks an item."""
    expected: Student
    """In the last year: 卒業見込."""
    enrolled: Student
    students: int = 0
    grades: int = 0
    planted: list[Planted] = field(default_factory=list)
    others: list[Student] = field(default_factory=list)
    """Everybody the story does not name."""

    def awarded_on(self, day: date) -> list[Student]:
        """Return the graduates of that day in the graduate's programme."""
        return [
            one
            for one in self.others
            if one.graduated
            and one.admitted + LAST_LEVEL == day.year
            and one.programme == self.graduate.programme
        ]

    def corrected_award(self, student: Student, awarded: date) -> bytes:
        """Return a register of one student, with another day of graduation."""
        register = Register(Random(SEED))  # noqa: S311 - data for a demonstration
        register.correct_award(student, awarded)
        return register.octets()


def generate(seed: int = SEED, *, students: int = STUDENTS) -> DemoData:
    """Make the exports of University A; the same seed makes the same bytes."""
    random = Random(seed)  # noqa: S311 - data for a demonstration, not a secret
    others = list(people(random, students))
    told = story()
    offered = courses()
    register = Register(random)
    for person in [*told.values(), *others]:
        register.add(person)
    grades = Grades(random, offered)
    for name, person in told.items():
        grades.add_story(name, person)
    for person in others:
        grades.add(person)
    planted = [*register.plant(told["graduate"]), *grades.plant(told["graduate"])]
    return DemoData(
        files={REGISTER: register.octets(), GRADES: grades.octets()},
        students=len(told) + len(others),
        grades=len(grades.rows),
        planted=sorted(planted, key=lambda p: (p.file, p.line, p.column or 0)),
        others=others,
        **told,
    )

from node.bench import selective


def test_each_suite_is_measured_on_each_document_and_the_diploma_has_targets():
    tasks = list(selective.tasks())
    for task in tasks:
        task.seconds = 1.0

    figures = [selective.figure(task) for task in tasks]

    assert len({one.figure for one in figures}) == 2 * 3 * 3
    assert {one.figure for one in figures if one.target} == {
        f"{suite}, {action}, diploma"
        for suite in ("ecdsa-sd-2023", "bbs-2023")
        for action in ("issue", "derive", "verify")
    }
    assert all(task.do() for task in tasks if task.action == "verify")

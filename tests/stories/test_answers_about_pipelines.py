"""What commands about pipelines answer to a person: what was made, what went, what feeds what."""

import re

import pytest

from tests.stories.program import Command


def test_a_run_without_a_branch_names_the_one_that_it_makes_and_how_to_read_it(counted: Command) -> None:
    told = counted("pipeline", "run", "words", "--at", "reviews=reviews@main")

    [output] = re.findall(r"^writes +(words@run-\w{8})$", told.out, re.MULTILINE)
    counted("job", "wait", "words")
    assert f"`headwater ls {output}`" in told.err
    assert f"{output}: `headwater job wait {re.findall('^id +(.{12})', told.out)[0]}`" in told.err
    assert "/1.txt" in counted("ls", output).out


def test_a_deleted_pipeline_is_told_as_deleted_with_what_went_and_what_stayed(counted: Command) -> None:
    counted("pipeline", "rerun", "total")
    gone = counted("pipeline", "delete", "total", "--json").document
    told = counted("pipeline", "delete", "words", "--keep-repo").out

    assert gone["state"] == "deleted"
    assert gone["removal"]["repos"] == ["total"]
    assert gone["removal"]["kept"] is None
    assert (gone["removal"]["jobs"], gone["removal"]["cancelled"]) in ((2, 1), (2, 0))
    assert "'words' was deleted" in told
    assert re.search(r"^deleted +1 job$", told, re.MULTILINE)
    assert re.search(r"^kept +the repo words: as was asked for$", told, re.MULTILINE)


def test_the_repo_of_a_pipeline_that_others_read_stays_and_the_answer_names_them(counted: Command) -> None:
    removal = counted("pipeline", "delete", "words", "--force", "--json").document["removal"]

    assert (removal["repos"], removal["kept"], removal["because"]) == ([], "words", "total reads it")


def test_a_job_that_has_ended_is_not_cancelled_and_says_so(asked: Command) -> None:
    [ended, *_] = asked("job", "list", "--json").document["items"]

    refused = asked("job", "cancel", ended["id"], "--json", status=1)

    assert refused.error["kind"] == "job-ended"
    assert "succeeded" in refused.error["message"]
    assert "job show" in refused.error["hint"]


def test_a_training_request_that_has_ended_is_not_cancelled_and_says_so(workspace: Command) -> None:
    [request] = workspace("request", "list", "--json").document["items"]

    refused = workspace("request", "cancel", request["id"], "--json", status=1)

    assert refused.error["kind"] == "job-ended"
    assert refused.error["message"].startswith(f"The training request {request['id']} has ended already")
    assert "request show" in refused.error["hint"]


@pytest.mark.parametrize("verb", ["show", "cancel"])
def test_a_job_of_a_pipeline_is_no_training_request(asked: Command, verb: str) -> None:
    [job, *_] = asked("job", "list", "--json").document["items"]

    refused = asked("request", verb, job["id"], "--json", status=1)

    assert (refused.error["kind"], refused.error["message"]) == (
        "job-not-found",
        f"There is no training request '{job['id']}'.",
    )
    assert "request list" in refused.error["hint"]


def test_several_things_are_waited_for_together_and_answered_as_one(counted: Command) -> None:
    counted("put", "reviews@main:/4.txt", "-", stdin=b"Great.")

    told = counted("job", "wait", "reviews@main", "words", "total", "--json").document
    read = counted("job", "wait", "words", "total").out

    assert [(job["pipeline"], job["state"]) for job in told["items"]] == [
        ("words", "succeeded"),
        ("total", "succeeded"),
    ]
    assert re.search(r"^\w{12} +total +succeeded", read, re.MULTILINE)


def test_of_several_things_one_that_fails_fails_the_wait(counted: Command) -> None:
    counted("put", "reviews@main:/4.txt", "-", stdin=b"caf\xe9")

    refused = counted("job", "wait", "total", "words", "--json", status=1)

    assert "4.txt" in refused.error["message"]


def test_a_tree_shows_what_feeds_what(asked: Command) -> None:
    told = asked("pipeline", "list", "--tree").out

    assert told.splitlines() == ["reviews@main", "└── words  succeeded", "    └── total  succeeded"]
    assert len(asked("pipeline", "list", "--tree", "--json").document["items"]) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("job", "cancel", "one", "two"), "`headwater job cancel` has no use for 'two'."),
        (("job", "wait"), "WHAT"),
        (("pipeline", "create", "words.py"), "--file"),
        (("pipeline", "lst"), "list"),
    ],
)
def test_a_line_that_is_not_understood_is_answered_with_where_its_help_is(
    asked: Command, words: tuple[str, ...], says: str
) -> None:
    told = asked(*words, status=2).err

    assert says in told
    assert f"`headwater {words[0]}" in told
    assert "--help` shows what it takes" in told

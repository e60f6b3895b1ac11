"""Python functions over datums: binding, batches, setup, and the process that stays up."""

import json
from typing import Any

import pytest

from tests.pipelines.runtime.runner import Runner, folder, piece

REVIEWS = [piece(f"{number}.txt", f"text {number}") for number in range(5)]


def test_a_function_sees_each_file_and_writes_by_name(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            for file in reviews.files():
                out.write(file.name + ".len", str(len(file.read_text())))
                out.write("deep/er/" + file.path, file.read_bytes())
    """

    results = runner.function(code, REVIEWS)

    assert results.states == ["succeeded"] * 5
    assert results.files(3) == {"3.txt.len": b"6", "deep/er/3.txt": b"text 3"}
    assert [file.path for file in results.all[3].files] == ["3.txt.len", "deep/er/3.txt"]
    assert results.stats(3) | {"fetch_s": 0, "process_s": 0, "store_s": 0} == {
        "fetch_s": 0,
        "process_s": 0,
        "store_s": 0,
        "files_in": 1,
        "bytes_in": 6,
        "files_out": 2,
        "bytes_out": 7,
    }


def test_the_process_stays_up_between_sets_and_setup_runs_once(runner: Runner) -> None:
    code = """
        import os
        calls = []
        def load():
            calls.append(1)
            return {"loaded": len(calls)}
        def f(reviews, out, state):
            out.write("who", f"{os.getpid()} {state['loaded']} {os.environ['HEADWATER_JOB']}")
    """

    first = runner.function(code, REVIEWS[:2], setup="score:load")
    second = runner.function(code, REVIEWS[:1], setup="score:load", variables={"HEADWATER_JOB": "job-2"})

    pid, loaded, job = first.files()["who"].decode().split()
    assert (loaded, job) == ("1", "job-1")
    assert second.files()["who"].decode().split() == [pid, "1", "job-2"]


@pytest.mark.parametrize(
    ("added", "options"),
    [
        ("# new code", {}),
        ("", {"env": {"A": "1"}}),
        ("", {"secrets": {"KEY": "1"}}),
        ("", {"memory": 2**30}),
    ],
)
def test_a_process_is_replaced_when_what_it_was_started_with_changes(
    runner: Runner, added: str, options: dict[str, Any]
) -> None:
    code = "import os\ndef f(reviews, out): out.write('pid', str(os.getpid()))\n"
    before = runner.function(code, REVIEWS[:1]).files()

    after = runner.function(code + added, REVIEWS[:1], **options).files()

    assert before != after


def test_a_batch_is_one_list_of_datums(runner: Runner) -> None:
    code = """
        def load():
            return "model"
        def f(datums, state):
            for datum in datums:
                datum.out.write(datum.reviews.file.name, f"{len(datums)} {state} {datum.key}")
    """

    results = runner.function(code, REVIEWS, batch=3, setup="score:load")

    sizes = [results.files(number)[f"{number}.txt"].split()[0] for number in range(5)]
    assert sizes == [b"3", b"3", b"3", b"2", b"2"]
    assert results.files(1)["1.txt"].decode().split()[1:] == ["model", (1).to_bytes(32, "big").hex()]


def test_a_batch_that_fails_is_called_again_datum_by_datum(runner: Runner) -> None:
    code = """
        def f(datums):
            for datum in datums:
                if datum.reviews.file.name == "2.txt":
                    raise ValueError("poison")
                datum.out.write("n", str(len(datums)))
    """

    results = runner.function(code, REVIEWS, batch=5)

    assert results.states == ["succeeded", "succeeded", "failed", "succeeded", "succeeded"]
    assert results.error(2) == ("function-failed", "ValueError: poison (score.py:5)")
    assert results.files(0) == {"n": b"1"}


def test_a_group_gives_several_pieces_under_one_name(runner: Runner) -> None:
    pieces = [piece("a/1.txt", "one"), piece("b/1.txt", "two"), piece("t.txt", "t", input="titles")]
    code = """
        def f(reviews, titles, out):
            out.write("all", " ".join(file.read_text() for file in reviews))
            out.write("paths", " ".join(reviews.paths))
            names = sorted(path.name for path in reviews.folder.rglob("*.txt"))
            out.write("folder", " ".join(names))
            out.write("title", titles.file.read_text())
    """

    results = runner.function(code, pieces, seen=[(0, 1, 2)])

    assert results.files() == {
        "all": b"one two",
        "paths": b"a/1.txt b/1.txt",
        "folder": b"1.txt 1.txt",
        "title": b"t",
    }


def test_an_input_that_a_datum_does_not_have_is_none_or_the_default(runner: Runner) -> None:
    code = "def f(reviews, titles, out, more='none'): out.write('x', f'{titles} {more}')"

    results = runner.function(code, REVIEWS[:1], inputs=("reviews", "titles", "more"))

    assert results.files() == {"x": b"None none"}


@pytest.mark.parametrize(
    ("signature", "options", "named"),
    [
        ("reviws, out", {}, "reviws"),
        ("reviews, out, state", {}, "state"),
        ("reviews, /, out", {}, "reviews"),
        ("", {"batch": 2}, "no parameter"),
        ("datums, model", {"batch": 2}, "model"),
    ],
)
def test_a_wrong_signature_names_the_function_and_the_inputs(
    runner: Runner, signature: str, options: dict[str, int], named: str
) -> None:
    results = runner.function(f"def f({signature}): pass", REVIEWS[:2], **options)

    assert results.states == ["failed", "failed"]
    kind, message = results.error()
    error = results.one.error if len(results.all) == 1 else results.all[0].error
    assert kind == "invalid-function"
    assert "'score:f'" in message
    assert named in message
    assert error is not None
    assert "reviews" in error.hint or "datums" in error.hint


@pytest.mark.parametrize(
    ("code", "kind", "said", "scope"),
    [
        ("def g(reviews, out): pass", "invalid-function", "has no 'f'", "job"),
        ("f = 3", "invalid-function", "is no function", "job"),
        ("def f(:", "function-failed", "SyntaxError: invalid syntax (score.py:1)", "job"),
        ("import nosuchthing\ndef f(reviews, out): pass", "function-failed", "nosuchthing", "job"),
        ("import os\nos.abort()", "process-died", "SIGABRT", "job-for-now"),
        ("raise OSError(5, 'x')\ndef f(reviews, out): pass", "machine-unavailable", "(score.py:1)", "datum"),
        ("def f(reviews, out): raise OSError(2, 'x')", "function-failed", "(score.py:1)", "datum"),
    ],
)
def test_code_that_cannot_be_loaded_fails_with_what_is_wrong(
    runner: Runner, code: str, kind: str, said: str, scope: str
) -> None:
    results = runner.function(code, REVIEWS[:1])

    error = results.one.error
    assert error is not None
    assert (error.kind, error.scope) == (kind, scope)
    assert said in error.message


def test_a_missing_module_is_named(runner: Runner) -> None:
    from headwater.pipelines.spec import Transform

    results = runner.run(Transform(function="scores:f"), REVIEWS[:1], code={"score.py": "x = 1"})

    assert results.error()[0] == "invalid-function"
    assert "no module 'scores'" in results.error()[1]


def test_a_setup_that_fails_fails_every_datum_with_its_log(runner: Runner) -> None:
    code = """
        def load():
            print("loading")
            return {}["weights"]
        def f(reviews, out, state): pass
    """

    results = runner.function(code, REVIEWS[:2], setup="score:load")

    assert results.states == ["failed", "failed"]
    assert results.error(1) == ("function-failed", "KeyError: 'weights' (score.py:4)")
    assert results.log(1).startswith("loading\nTraceback")
    error = results.all[1].error
    assert error is not None
    assert (error.scope, "`setup`" in error.hint) == ("job-for-now", True)


@pytest.mark.parametrize(
    "end", ["raise SystemExit(3)", "import sys; sys.exit('enough')", "raise KeyboardInterrupt"]
)
def test_leaving_the_function_in_another_way_is_a_failure_of_that_datum(runner: Runner, end: str) -> None:
    code = f"def f(reviews, out):\n    if reviews.file.name == '1.txt':\n        {end}\n    out.write('x', 'y')\n"

    results = runner.function(code, REVIEWS[:3])

    assert results.states == ["succeeded", "failed", "succeeded"]
    assert results.error(1)[0] == "function-failed"


def test_code_may_consist_of_several_modules_and_data_beside_them(runner: Runner) -> None:
    from headwater.pipelines.spec import Transform

    code = {
        "app/__init__.py": "",
        "app/score.py": "from app.words import good\ndef f(reviews, out): out.write('x', good())\n",
        "app/words.py": "from pathlib import Path\ndef good(): return Path('words.txt').read_text()\n",
        "words.txt": "fine",
    }

    results = runner.run(Transform(function="app.score:f"), REVIEWS[:1], code=code)

    assert results.files() == {"x": b"fine"}


def test_a_wrapped_function_is_called_for_itself(runner: Runner) -> None:
    code = """
        class Spec:
            def __init__(self, function):
                self.__wrapped__ = function
        @Spec
        def f(reviews, out):
            out.write("x", "y")
    """

    results = runner.function(code, REVIEWS[:1])

    assert results.files() == {"x": b"y"}


def test_the_model_of_many_datums_is_loaded_once_by_its_content(runner: Runner) -> None:
    code = """
        import json
        loads = []
        def load(model):
            loads.append(model.file.path)
            return json.loads(model.file.read_text())
        def f(reviews, model, out):
            out.write("x", json.dumps([model.once(load)["w"], len(loads)]))
    """
    pieces = [*REVIEWS, piece("m.json", '{"w": 1}', input="model")]
    seen = [(number, 5) for number in range(5)]

    first = runner.function(code, pieces, seen=seen)
    again = runner.function(code, pieces, seen=seen[:1])
    other = runner.function(code, [*REVIEWS, piece("m.json", '{"w": 2}', input="model")], seen=seen[:1])

    assert [json.loads(first.files(number)["x"]) for number in range(5)] == [[1, 1]] * 5
    assert json.loads(again.files()["x"]) == [1, 1]
    assert json.loads(other.files()["x"]) == [2, 2]


def test_a_function_that_forks_answers_once(runner: Runner) -> None:
    code = "import os\ndef f(reviews, out):\n    os.fork()\n    out.write('x', 'y')\n"

    results = runner.function(code, REVIEWS)

    assert results.states == ["succeeded"] * 5


def test_folders_and_files_have_their_places(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            out.write("path", reviews.path)
            out.write("names", " ".join(sorted(path.name for path in reviews.folder.iterdir())))
            out.write("inner", (reviews.folder / "deep" / "c.txt").read_text())
            out.write("count", str(len(reviews)))
    """

    results = runner.function(code, [folder("2024/may", {"2024/may/a.txt": "a", "2024/may/deep/c.txt": "c"})])

    assert results.files() == {"path": b"2024/may", "names": b"a.txt deep", "inner": b"c", "count": b"2"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("async def f(reviews, out): out.write('x', 'y')", "is `async`"),
        ("def f(reviews, out):\n    yield out.write('x', 'y')", "has a `yield`"),
    ],
)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_function_whose_call_runs_nothing_is_refused(
    runner: Runner, code: str, said: str, batch: int
) -> None:
    code = code.replace("reviews, out", "datums") if batch > 1 else code

    results = runner.function(code, REVIEWS[:1], batch=batch)

    assert results.error()[0] == "invalid-function"
    assert said in results.error()[1]

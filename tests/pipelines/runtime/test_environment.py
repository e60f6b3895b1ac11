"""What users' code is told, and what it is not: no secrets but those the spec names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.pipelines.spec import Transform
from tests.pipelines.runtime.runner import Runner, piece

ONE = [piece("a.txt", "input")]
DUMP = "import json, os\ndef f(reviews, out): out.write('env', json.dumps(dict(os.environ)))\n"
KNOWN = {
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "USER", "LOGNAME"),
    *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("REQUESTS_CA_BUNDLE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("MKL_NUM_THREADS", "HEADWATER_JOB", "HEADWATER_PIPELINE"),
}
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cret-1",
    "HEADWATER_TOKEN": "s3cret-2",
    "HEADWATER_WORKSPACE": "postgresql://me:s3cret-3@host/db",
    "PGPASSWORD": "s3cret-4",
    "HTTPS_PROXY": "http://me:s3cret-5@proxy",
    "CONTAINERS_CONF": "/s3cret-6",
}


@pytest.fixture
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_secrets")
def test_a_function_sees_no_secrets(runner: Runner) -> None:
    results = runner.function(DUMP, ONE, env={"MODE": "fast"}, secrets={"API_KEY": "named"})

    seen = json.loads(results.files()["env"])
    assert set(seen) <= KNOWN | {"MODE", "API_KEY"}
    assert (seen["MODE"], seen["API_KEY"], seen["HEADWATER_JOB"]) == ("fast", "named", "job-1")
    assert "s3cret" not in results.files()["env"].decode()


@pytest.mark.usefixtures("_secrets")
def test_a_command_and_the_processes_around_it_see_no_secrets(runner: Runner) -> None:
    line = "env; tr '\\0' '\\n' < /proc/$PPID/environ"

    results = runner.shell(line, ONE, secrets={"API_KEY": "named"})

    assert "API_KEY=***" in results.log()
    assert "s3cret" not in results.log().replace("CONTAINERS_CONF=/s3cret-6", "", 1)


def test_the_value_of_a_secret_is_neither_in_the_log_nor_in_the_error(runner: Runner) -> None:
    told = {"API_KEY": "a-long-key", "CERTIFICATE": "first line\nsecond line\n", "SHORT": "no"}
    code = "def f(reviews, out): print('it is a-long-key'); raise KeyError('no a-long-key')\n"

    command = runner.shell('echo "$CERTIFICATE"; echo "no $API_KEY" >&2; exit 3', ONE, secrets=told)
    function = runner.function(code, ONE, secrets=told)

    assert command.log() == "***\n\nno ***\n"
    assert command.error()[1].endswith("Its last line: no ***")
    assert "***" in function.error()[1]
    assert all("a-long-key" not in str(found.one) for found in (command, function))


def test_variables_of_one_job_do_not_reach_the_next(runner: Runner) -> None:
    first = runner.function(DUMP, ONE, variables={"titles_COMMIT": "c1"})
    second = runner.function(DUMP, ONE, variables={"HEADWATER_JOB": "job-2"})

    assert json.loads(first.files()["env"])["titles_COMMIT"] == "c1"
    assert "titles_COMMIT" not in json.loads(second.files()["env"])
    assert json.loads(second.files()["env"])["HEADWATER_JOB"] == "job-2"


def test_temporary_files_are_the_datums_own_and_go_with_it(runner: Runner) -> None:
    results = runner.shell("mktemp; echo $TMPDIR", ONE)

    made, folder = results.log().split()
    assert made.startswith(folder)
    assert not Path(folder).exists()


def test_names_that_pachyderm_gives_are_there_too(runner: Runner) -> None:
    results = runner.run(
        Transform(command=("sh", "-c", "echo $PACH_JOB_ID $PACH_OUTPUT_COMMIT_ID $PACH_DATUM_ID")),
        ONE,
        variables={"HEADWATER_OUTPUT_COMMIT": "c9"},
    )

    assert results.log().split() == ["job-1", "c9", bytes(32).hex()]


_HIDDEN = """
import os, sys
from headwater.pipelines.runtime.launch.processes import hide_this_process
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
import ctypes
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a process is that this user has started
hide_this_process()
trusted = os.getpid()
if os.fork() == 0:
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    try:
        open(f"/proc/{trusted}/environ").read()
    except PermissionError:
        os.write(1, b"hidden")
    os._exit(0)
os.wait()
"""


def test_a_process_with_credentials_hides_its_variables_from_other_processes_of_its_user() -> None:
    done = subprocess.run([sys.executable, "-c", _HIDDEN], capture_output=True, text=True, check=True)

    assert done.stdout == "hidden"

"""Where the workspace is, and what its settings say."""

from pathlib import Path

import pytest

from headwater.errors import InvalidInput, NotFound, Unavailable
from headwater.settings import (
    FOLDER,
    CatalogPlace,
    Config,
    FolderPlace,
    MonitoringSettings,
    WorkerSettings,
    locate,
    make_folder,
    objects_url,
    place_of,
    read_config,
    read_environment,
    redacted,
    state_folder,
    store_environment,
    workspace_environment,
    write_config,
)
from headwater.workspace.setting_rows import config_from, config_rows

CONFIG = Config(workspace="w1", objects="s3://bucket/p", workers=WorkerSettings(processes=3))


def test_the_nearest_workspace_upward_is_found(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    make_folder(folder)
    write_config(folder, Config(workspace="w1"))
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert locate(None, start=below) == FolderPlace(folder)


def test_a_path_its_settings_folder_and_a_file_url_are_one_workspace(tmp_path: Path) -> None:
    expected = tmp_path.resolve() / ".headwater"

    urls = [str(tmp_path), str(expected), f"file://{tmp_path}", f"file:{tmp_path}"]
    assert {place_of(url) for url in urls} == {FolderPlace(expected)}


def test_without_a_workspace_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="headwater init"):
        read_config(tmp_path / ".headwater")


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(InvalidInput, match="ftp://"):
        place_of("ftp://somewhere")


def test_an_unknown_setting_is_named_with_its_file(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    make_folder(folder)
    (folder / "headwater.toml").write_text("[serving]\nspeed = 3\n")

    with pytest.raises(InvalidInput, match="speed") as caught:
        read_config(folder)

    assert str(folder / "headwater.toml") in caught.value.message


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Unavailable, match="file"):
        make_folder(tmp_path / "file" / ".headwater")


def test_an_empty_variable_counts_as_absent() -> None:
    found = read_environment({"HEADWATER_WORKSPACE": "", "HEADWATER_SECRET_KEY_FILE": "k"})

    assert (found.workspace, found.secret_key_file) == (None, "k")


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann@host/db", "postgres:///db", "postgresql://host/db?schema=x", "sqlite:////a/b.db"],
)
def test_a_database_is_a_workspace_without_a_folder(url: str) -> None:
    assert place_of(url) == CatalogPlace(url)


def test_a_sqlite_file_beside_its_settings_is_the_workspace_of_that_folder(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    make_folder(folder)
    write_config(folder, Config(workspace="w1"))

    assert place_of(f"sqlite:///{folder}/catalog.db") == FolderPlace(folder)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:se%40cret@host:5/db?schema=x", "postgresql://ann@host:5/db?schema=x"),
        ("postgresql://host/db?user=ann&password=secret", "postgresql://host/db?user=ann"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        ("s3://key:secret@bucket/p?region=eu&secret_access_key=x", "s3://key@bucket/p?region=eu"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("file:/a/b", "file:/a/b"),
        ("/home/ann/work", "/home/ann/work"),
    ],
)
def test_a_url_is_shown_without_what_must_stay_secret(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_settings_are_the_same_in_a_file_and_in_a_catalog(tmp_path: Path) -> None:
    write_config(tmp_path, CONFIG)

    assert read_config(tmp_path) == CONFIG
    assert config_from(config_rows(CONFIG)) == CONFIG
    assert config_rows(Config("w1")) == {"workspace": '"w1"', "objects": '"objects"'}


def test_an_unknown_setting_in_a_catalog_is_named() -> None:
    with pytest.raises(InvalidInput, match="speed"):
        config_from({"workspace": '"w1"', "serving.speed": "3"})


def test_changed_settings_alone_are_written_down(tmp_path: Path) -> None:
    write_config(tmp_path, Config("w1", monitoring=MonitoringSettings(commit_every_s=5.0)))

    text = (tmp_path / "headwater.toml").read_text("utf-8")

    assert "[monitoring]\ncommit_every_s = 5.0\n" in text
    assert "[serving]" not in text


def test_objects_are_in_the_workspaces_folder_or_at_a_url(tmp_path: Path) -> None:
    assert objects_url(tmp_path, "objects") == f"file:{tmp_path.resolve()}/objects"
    assert objects_url(tmp_path, "/mnt/objects") == "file:/mnt/objects"
    assert objects_url(tmp_path, "s3://bucket/p?region=eu") == "s3://bucket/p?region=eu"


def test_what_is_not_shared_lies_in_the_users_folder_for_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder("w1") == tmp_path / "headwater" / "w1"

    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/ann")
    assert state_folder("w1") == Path("/home/ann/.local/state/headwater/w1")


def test_a_process_that_opens_a_workspace_gets_its_url_and_how_to_reach_the_catalog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "quiet")
    monkeypatch.setenv("HEADWATER_TOKEN", "hush")

    variables = workspace_environment("postgresql://host/db", "file:/objects")

    assert variables["HEADWATER_WORKSPACE"] == "postgresql://host/db"
    assert variables["PGPASSWORD"] == "quiet"
    assert "HEADWATER_TOKEN" not in variables


def test_code_gets_the_credentials_of_the_store_that_it_writes_to_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "quiet")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")
    monkeypatch.setenv("PGPASSWORD", "hush")

    assert "AWS_SECRET_ACCESS_KEY" not in store_environment("file:/objects")
    assert store_environment("s3://bucket/p")["AWS_SECRET_ACCESS_KEY"] == "quiet"
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "PGPASSWORD"} & set(store_environment("s3://bucket/p"))
    assert "GOOGLE_APPLICATION_CREDENTIALS" in store_environment("gs://bucket/p")

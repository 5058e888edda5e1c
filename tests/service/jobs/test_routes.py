from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.settings import JobSettings, ServiceSettings, Settings
from service.jobs.places import allowed
from tests.service.conftest import Standing


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", jobs=JobSettings(roots=(str(tmp_path / "documents"),)))


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_job_is_accepted_shown_refused_a_second_time_and_cancelled(standing: Standing) -> None:
    client = standing.client
    accepted = client.post("/admin/reindex", json={"paths": ["/handbook/it"], "full": True})
    assert accepted.status_code == 202
    job_id = accepted.json()["job_id"]
    second = client.post("/admin/reindex", json={})
    assert code(second) == (409, "job_running")
    assert job_id in second.json()["error"]["message"]
    (row,) = client.get("/admin/jobs").json()["jobs"]
    assert row["arguments"] == {"paths": ["/handbook/it"], "full": True}
    assert row.keys() >= {"id", "kind", "state", "progress", "result", "error", "created", "started", "ended"}
    assert client.get(f"/admin/jobs/{job_id}").json() == {**row, "lines": []}
    assert client.delete(f"/admin/jobs/{job_id}").json()["state"] == "cancelled"
    assert client.post("/admin/reindex", json={}).status_code == 202
    assert code(client.get("/admin/jobs/nope")) == (404, "unknown_job")
    assert code(client.delete("/admin/jobs/nope")) == (404, "unknown_job")
    assert client.get("/admin/jobs?limit=0").status_code == 422


def test_only_folders_that_are_indexed_or_below_the_roots_can_be_indexed_over_http(
    standing: Standing, tmp_path: Path
) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "link").symlink_to("/etc")
    for path in ("/etc", "/handbook/../etc", "/", str(documents / "link"), str(tmp_path), "/no/such/place"):
        refused = standing.client.post("/admin/reindex", json={"paths": [path]})
        assert code(refused) == (403, "path_not_allowed"), path
    for path in ("handbook", "sqlite:////etc/x.db?table=t", "/a\0b", "/" + "a/" * 5000 + "x" * 500):
        assert standing.client.post("/admin/reindex", json={"paths": [path]}).status_code in (403, 422), path
    assert allowed(str(documents / "new"), [], [str(documents)]) == documents / "new"


def test_without_an_indexed_folder_one_must_be_named(standing: Standing) -> None:
    standing.inhouse.index.folders = []
    assert standing.client.post("/admin/reindex", json={}).status_code == 422


def test_a_retrain_names_no_file_outside_the_data_folder(standing: Standing, settings: Settings) -> None:
    post = standing.client.post
    assert code(post("/admin/retrain", json={"base": "/etc"})) == (404, "unknown_model")
    assert post("/admin/retrain", json={"dataset": "../../etc/passwd"}).status_code == 422
    assert post("/admin/retrain", json={"kind": "diffusion"}).status_code == 422
    settings.datasets_dir.mkdir(parents=True)
    (settings.datasets_dir / "mine.jsonl").write_text("{}\n")
    assert post("/admin/retrain", json={"dataset": "mine.jsonl"}).status_code == 202


def test_a_queue_that_is_away_is_a_clear_503_and_leaves_no_job(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    away = settings.model_copy(update={"service": ServiceSettings(redis_url="redis://127.0.0.1:1/0")})
    standing = stand(away)
    assert code(standing.client.post("/admin/reindex", json={})) == (503, "queue_unavailable")
    assert standing.client.get("/admin/jobs").json() == {"jobs": []}


def test_a_database_that_is_away_is_a_clear_503(
    stand: Callable[..., Standing], settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    standing = stand(settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/file/x.db"}))
    assert code(standing.client.get("/admin/jobs")) == (503, "database_unavailable")


def test_jobs_need_an_admin_key(stand: Callable[..., Standing], settings: Settings) -> None:
    keys = ServiceSettings(api_keys=("chat",), admin_keys=("admin",))
    client = stand(settings.model_copy(update={"service": keys})).client
    chat, admin = {"Authorization": "Bearer chat"}, {"Authorization": "Bearer admin"}
    assert client.post("/admin/reindex", json={}, headers=chat).status_code == 403
    assert client.get("/admin/jobs", headers=chat).status_code == 403
    assert client.get("/admin/jobs", headers=admin).status_code == 200

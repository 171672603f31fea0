"""`GET /v1/prompts/<label>`: the content of a label, with an ETag, for those who have the token."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from flywheel_pipeline.adapters.registry import Canary, Move
from flywheel_pipeline.web.deploy import prompt_route
from flywheel_pipeline_tests.builders import a_prompt
from flywheel_pipeline_tests.homes import Place, a_home

COVERS = ("web/deploy/__init__.py",)
OLD, NEW = a_prompt("Be kind."), a_prompt("Be brief.")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = a_home(tmp_path / "home")
    for prompt in (OLD, NEW):
        place.bench.registry.add(prompt)
    place.bench.registry.promote(OLD.version)
    return place


def client(place: Place, token: str | None = None) -> TestClient:
    return TestClient(Starlette(routes=[prompt_route(place.bench, token)]), base_url="http://127.0.0.1:4318")


def test_a_label_is_answered_with_its_version_and_a_canary(place: Place) -> None:
    place.bench.registry.move(Move("production", OLD.version, canary=Canary("c1", NEW.version, 0.1)))
    found = client(place).get("/v1/prompts/production").json()
    assert (found["name"], found["version"], found["text"]) == ("fern", OLD.version, "Be kind.")
    assert (found["canary"]["version"], found["canary"]["share"]) == (NEW.version, 0.1)


def test_the_same_content_is_not_sent_twice(place: Place) -> None:
    app = client(place)
    etag = app.get("/v1/prompts/production").headers["ETag"]
    again = app.get("/v1/prompts/production", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    place.bench.registry.promote(NEW.version)
    assert app.get("/v1/prompts/production", headers={"If-None-Match": etag}).json()["text"] == "Be brief."


def test_a_label_that_is_not_there_and_a_damaged_registry_have_their_own_status(place: Place) -> None:
    assert client(place).get("/v1/prompts/staging").status_code == 404
    assert client(place).get("/v1/prompts/..%2f..%2fetc").status_code == 404
    (place.root / "prompts" / f"{OLD.version}.md").write_text("nothing", "utf-8")
    assert client(place).get("/v1/prompts/production").status_code == 503


@pytest.mark.parametrize(("given", "status"), [("", 401), ("Bearer no", 401), ("bearer s3", 200), ("Bearer s3", 200)])
def test_with_a_token_only_those_who_have_it_get_the_prompt(place: Place, given: str, status: int) -> None:
    answer = client(place, "s3").get("/v1/prompts/production", headers={"Authorization": given} if given else {})
    assert answer.status_code == status


@pytest.mark.parametrize(("token", "status"), [(None, 421), ("s3", 200)])
def test_a_site_that_claims_this_machine_under_its_own_name_reads_no_prompt(
    place: Place, token: str | None, status: int
) -> None:
    headers = {"Host": "evil.example", "Authorization": "Bearer s3"}
    assert client(place, token).get("/v1/prompts/production", headers=headers).status_code == status


def test_a_message_that_is_no_text_is_kept_as_far_as_it_is_one(place: Place) -> None:
    place.bench.registry.promote(NEW.version, by="An\ud800n", message="\udcff")
    assert place.bench.registry.labels().now()["production"].by == "An?n"
    assert client(place).get("/v1/prompts/production").json()["version"] == NEW.version

"""What is kept of a number: completed as more is known, exported, and erased except for its opt-out."""

import json

import httpx

from tests.support import http
from tests.support.outside import cli, post_call
from tests.support.up import State, conversation_of, eventually_sync, write


def test_a_number_is_exported_and_erased_and_its_opt_out_kept(up: State) -> None:
    number = "+573138540011"
    post_call(up, "conv_erase", number)
    write(up, number, "mi secreto", "SM9" + "0" * 31)
    conversation_of(up, number, 3)
    write(up, number, "BAJA", "SM9" + "1" * 31)
    conversation_of(up, number, 5)
    exported = cli(up, "export", number)
    assert exported.returncode == 0, exported.stderr
    assert "mi secreto" in exported.stdout
    erased = cli(up, "erase", number, "--yes")
    assert erased.returncode == 0, erased.stdout + erased.stderr
    assert "What remains" in erased.stdout
    answer = http.get(up["web_url"] + f"/api/conversations/{number}", headers=up["headers"])
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert post_call(up, "conv_erase_2", number).status_code == httpx.codes.CONFLICT
    kept = json.loads(cli(up, "export", number).stdout)
    assert (kept["conversation"], kept["messages"], bool(kept["suppression"])) == (None, [], True)
    view = f"{up['stats_url']}/conversations/{number}"
    eventually_sync(lambda: http.get(view, headers=up["headers"]).status_code == httpx.codes.NOT_FOUND)


def test_elevenlabs_tells_later_what_it_did_not_know_at_first(up: State) -> None:
    number, sim = "+573138540013", f"{up['elevenlabs_url']}/_sim"
    unfinished = {
        "conversation_id": "conv_late",
        "processing_seconds": 3600,
        "summary": "Quiere cambiar de plan",
    }
    assert http.post(f"{sim}/calls", json=unfinished).is_success
    post_call(up, "conv_late", number)
    assert json.loads(cli(up, "export", number).stdout)["conversation"]["call_summary"] is None
    assert http.post(f"{sim}/calls", json=unfinished | {"processing_seconds": 0}).is_success
    url = f"{up['web_url']}/webhook/elevenlabs/post-call"
    told = {"conversation_id": "conv_late", "url": url, "secret": "wsec"}
    assert http.post(f"{sim}/post-call", json=told).json() == {"status": 200}
    assert http.post(f"{sim}/post-call", json=told | {"secret": "wrong"}).json() == {"status": 403}
    kept = json.loads(cli(up, "export", number).stdout)["conversation"]
    assert (kept["call_summary"], kept["call_duration_secs"]) == ("Quiere cambiar de plan", 74)

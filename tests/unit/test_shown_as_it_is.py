"""What others name and write stands on the terminal as it is, whatever rich would make of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import backfill_output, dead_letters, doctor, stats
from cli.console import plain_console
from cli.doctor_checks import Finding
from clients.elevenlabs.batches import ListedBatch
from schemas.settings import Settings, load_settings
from streams.stats.check import Comparison, Difference
from web.backfill import Findings
from web.backfill_calls import CallFindings

CLI = Path(__file__).parent.parent.parent / "cli"
AT = datetime(2025, 10, 28, 12, tzinfo=UTC)
Printed = pytest.CaptureFixture[str]

texts = pytest.mark.parametrize(
    "text", ["Promo [/fin]", "[octubre]", "[bold]x", "[link=a]", ":car:", r"\[a]"]
)


@texts
def test_of_a_batch_that_nobody_told_of(text: str, capsys: Printed) -> None:
    calls = CallFindings(others=[ListedBatch(batch_id="btcal_1", name=text, updated=0)])
    backfill_output.show(Findings(since=AT, until=AT), calls, None, dry_run=False)
    assert f"Batch btcal_1 ({text}) had calls" in capsys.readouterr().out


@texts
def test_of_a_vendors_refusal(text: str, capsys: Printed) -> None:
    backfill_output.show(Findings(since=AT, until=AT), None, text, dry_run=False)
    assert f"ElevenLabs was not compared: {text}." in capsys.readouterr().out


@texts
def test_of_a_dead_letter(text: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("id", "at", "state", "topic", "phone_number", "reason")
    letter = dict.fromkeys(names, "") | {"details": text, "tries": 1}
    monkeypatch.setattr(dead_letters, "_with_letters", lambda *_: {"dead_letters": [letter]})
    assert dead_letters.run_list(load_settings({}), {}, as_json=False) == 0
    assert text in capsys.readouterr().out


@texts
def test_of_a_finding(text: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(_: Settings) -> list[Finding]:
        return [Finding("agent", text)]

    monkeypatch.setattr(doctor, "examine", found)
    assert doctor.run_doctor(load_settings({}), as_json=False) == 0
    assert text in capsys.readouterr().out


@texts
def test_of_figures_and_their_differences(text: str, capsys: Printed) -> None:
    stats._print_figures({"agent": text}, as_json=False)
    assert text in capsys.readouterr().out
    stats._print_comparison(Comparison(1, 0, [Difference("+57…", "agent", text, "")]), None, as_json=False)
    assert text in capsys.readouterr().out


@texts
def test_of_any_line(text: str, capsys: Printed) -> None:
    plain_console(stderr=True).print(text)
    assert capsys.readouterr().err == f"{text}\n"


def test_no_command_has_a_terminal_of_its_own() -> None:
    assert [file.name for file in CLI.glob("*.py") if "Console(" in file.read_text()] == ["console.py"]

"""Pages for a browser: everything is shown as text."""

from streams.html import page


def test_what_people_wrote_is_text() -> None:
    record = {"client_name": "<script>alert(1)</script>", "calls": [{"day": "2025-10-28"}], "none": None}
    shown = page("Conversation", record)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<th>client name</th>" in shown
    assert "2025-10-28" in shown


def test_the_next_page_is_a_link() -> None:
    assert '<a href="?after=50&amp;limit=50">next</a>' in page(
        "Conversations", [{"id": 1}], "?after=50&limit=50"
    )
    assert "next" not in page("Conversations", [])

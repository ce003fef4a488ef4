"""Every text of the operators' pages exists in Spanish."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from jinja2.ext import babel_extract

import rules.commands
import web.ops
from schemas.commands import OperatorCommand
from web.ops.actions import _SAID
from web.ops.language import translations

FOLDER = Path(web.ops.__file__).parent
COMMANDS = Path(rules.commands.__file__)
_TITLE = re.compile(r'Page\("\w+\.html", "([^"]+)"')


def test_every_action_says_what_it_has_done() -> None:
    assert set(_SAID) == set(get_args(OperatorCommand))


def _texts() -> Iterator[str]:
    for path in (FOLDER / "templates").glob("*.html"):
        with path.open("rb") as file:
            for _, _, found, _ in babel_extract(file, ("_", "ngettext"), [], {}):
                # A text that is only known when the page is made has no words here.
                yield from [found] if isinstance(found, str) else [text for text in found or () if text][:1]
    for path in FOLDER.glob("*.py"):
        yield from _TITLE.findall(path.read_text())
        yield from _sentences(ast.parse(path.read_text()))


def _sentences(tree: ast.Module) -> Iterator[str]:
    """Return what the code says to operators: whole sentences that are not docstrings."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
        )
        if is_text and re.fullmatch(r"[A-Z%].* .*\.", node.value):  # type: ignore[attr-defined]
            yield node.value  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", sorted(set(_texts())))
def test_it_is_translated(text: str) -> None:
    assert _is_known(text)


def test_why_a_command_is_refused_is_translated() -> None:
    texts = set(_refusals(ast.parse(COMMANDS.read_text())))
    assert len(texts) > 5
    # What carries a number or a name of its own has a sentence of the page's.
    assert {text for text in texts if not _is_known(text)} == {
        "no conversation with ",
        "Somebody else was faster",
        "look at the conversation, and tell it again if it still fits",
    }


def _refusals(tree: ast.Module) -> Iterator[str]:
    """Yield the words of refused commands: arguments of `_because`, and details that first get a name."""
    for node in ast.walk(tree):
        said: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_because":
            said = node.args
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "details":
            said = [node.value]
        for each in said:
            words = each.values[0] if isinstance(each, ast.JoinedStr) else each
            if isinstance(words, ast.Constant) and isinstance(words.value, str):
                yield words.value


def _is_known(text: str) -> bool:
    known = translations("es")._catalog  # type: ignore[attr-defined]  # gettext offers no question for it
    return text in known or (text, 0) in known

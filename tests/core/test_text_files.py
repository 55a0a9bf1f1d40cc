"""Text files are UTF-8 in every locale, Windows' code pages included."""

import ast
from pathlib import Path

import livefan


def test_every_text_file_is_read_and_written_with_a_named_encoding():
    found = []
    for module in Path(livefan.__file__).parent.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        if "_text(" not in text:  # a syntax tree takes longer
            continue
        for call in ast.walk(ast.parse(text)):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr not in ("read_text", "write_text"):
                continue
            if "encoding" not in {keyword.arg for keyword in call.keywords}:
                found.append(f"{module}:{call.lineno}: {ast.unparse(call)}")
    assert not found

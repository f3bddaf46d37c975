# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties files: what both readings accept, what is refused by name, and what an edit leaves alone."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import DatomicError, InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import file
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import MASK, Properties


def parse(text: str) -> Properties:
    return Properties.parse(text.encode(), "x.properties")


def refused(raw: str | bytes) -> list[tuple[str, int]]:
    """Rule and line of each finding."""
    with pytest.raises(InputError) as caught:
        Properties.parse(raw if isinstance(raw, bytes) else raw.encode(), "x.properties")
    return [(finding.rule, finding.line) for finding in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# c\n\n  \t\n", {}),
        ("a=1\nb=2", {"a": "1", "b": "2"}),
        ("a=1\r\nb=2\r\n", {"a": "1", "b": "2"}),
        ("a=b=c:d # e ! f", {"a": "b=c:d # e ! f"}),
        ("a=\nb=   \nc=\t\f", {"a": "", "b": "", "c": ""}),
        ("a=x \\\ny\\\r\nz\nb=1", {"a": "x yz", "b": "1"}),
        ("a=\\\n  \nb=1", {"a": "", "b": "1"}),
        ("a=x\\\n\nb=1", {"a": "x", "b": "1"}),
        ("a=\\\nx", {"a": "x"}),
        ("a=C:\\\\dir\\\\file", {"a": "C:\\dir\\file"}),
        ("a=x\\\\\\\ny", {"a": "x\\y"}),
        ("note=Zürich ☃ 😀", {"note": "Zürich ☃ 😀"}),
        ("a=x ", {"a": "x "}),
        ("a=x\ty\fz", {"a": "x\ty\fz"}),
        ("! bang comment\n  # indented\n\t! both\na=1", {"a": "1"}),
        ("# ends in a backslash \\\na=1", {"a": "1"}),
        ("# mac\\\r# comment\\\na=1", {"a": "1"}),
        ("a=line\u2028separator\x85", {"a": "line\u2028separator\x85"}),
    ],
)
def test_text_that_means_the_same_to_both_readers_is_accepted(text: str, values: dict[str, str]) -> None:
    assert parse(text).as_dict() == values
    file.verify(parse(text))


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (
            "a=1\nkey: value\nkey value\nnokey\nkey",
            [("separator", 2), ("separator", 3), ("separator", 4), ("separator", 5)],
        ),
        ("a:b=c", [("separator", 1)]),
        ("a b=c", [("separator", 1)]),
        ("a\u2003b=c", [("white-space-in-key", 1)]),
        ("ke\\\ny=1", [("separator", 1)]),
        ("\x0b\n", [("separator", 1)]),
        (" a=1", [("blank-before-key", 1)]),
        ("\fa=1", [("blank-before-key", 1)]),
        ("host = x", [("blank-around-separator", 1)]),
        ("a =1", [("blank-around-separator", 1)]),
        ("y= leading", [("blank-around-separator", 1)]),
        ("y=\u2003", [("blank-around-separator", 1)]),
        ("y=\\\n  next", [("blank-around-separator", 1)]),
        ("y=\\\n\\\n  next", [("blank-around-separator", 1)]),
        ("a=x\\\n   y\\\n\tz\nb=1", [("blank-in-continuation", 1)]),
        ("a=x\\\n  ", [("blank-in-continuation", 1)]),
        ("=1", [("empty-key", 1)]),
        (" =1", [("empty-key", 1)]),
        ("a=\\u00fc\nb=\\t\nc=x\\:y\nd=\\\\\\n", [("escape", n) for n in (1, 2, 3, 4)]),
        ("a\\=b=4", [("escape", 1)]),
        ("a=1\nb=2\na=3\na=4", [("duplicate-key", 3), ("duplicate-key", 4)]),
        ("! a=1\n  # b=2", [("comment-with-equals-sign", 1), ("comment-with-equals-sign", 2)]),
        ("! x \\\ny=1", [("comment-with-equals-sign", 1)]),
        ("a=1\rb=2\n", [("lone-carriage-return", 1)]),
        ("# c\rb=2\n", [("lone-carriage-return", 1)]),
        ("a=1\r", [("lone-carriage-return", 1)]),
        ("! note\\\r", [("lone-carriage-return", 1)]),
        ("! one\r  # two\\\n", [("lone-carriage-return", 1)]),
        ("a=x\\\ny\rz=1", [("lone-carriage-return", 2)]),
        ("a=x\\\n\r", [("lone-carriage-return", 2)]),
        ("a=x\\\\\nb=1", [("backslash-at-line-end", 1)]),
        ("a=x\\", [("continued-at-end", 1)]),
        ("a=x\\\n", [("continued-at-end", 1)]),
        ("a=1\n! note\\\n", [("continued-at-end", 2)]),
        ("! one \\\n  # two\\", [("continued-at-end", 2)]),
        ("a=x\\\n# comment\n", [("continued-comment", 2)]),
        ("\ufeffa=1", [("byte-order-mark", 1)]),
        (b"a=1\nb=\0\n", [("nul", 2)]),
        (b"a=1\nb=Z\xfcrich\n", [("not-utf-8", 2)]),
        ("a=1\n".encode("utf-16"), [("not-utf-8", 1)]),
        (b"a=\xed\xa0\x80\n", [("not-utf-8", 1)]),
    ],
)
def test_what_the_readers_understand_differently_is_refused_by_rule_and_line(
    text: str | bytes, findings: list[tuple[str, int]]
) -> None:
    assert refused(text) == findings


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("host = x\nport=1", {"port": "1"}),
        ("host= x\nport=1", {"host": "", "port": "1"}),
        (" host=x\nport: 1\nname x", {}),
        ("a:b=c\n=1\na\\=b=4\nb=2", {"b": "2"}),
        ("a=1\na=2\na=", {"a": ""}),
        ("dir=C:\\\\\nhost=x\nport=1", {"dir": "C:\\", "port": "1"}),
        ("a=x\\\ny\\\\\nhost=x\nport=1", {"a": "xy\\", "port": "1"}),
        ("! a=1\\\nhost=x\nport=1", {"port": "1"}),
        ("a=x\\\n  y", {"a": "x  y"}),
        ("a=\\u00fc", {"a": "\\u00fc"}),
        ("a=x\\", {"a": "x"}),
        ("a=x\\\n# s3cr3t\\\ny", {"a": "xy"}),
        ("a=x\\\n# s3cr3t", {"a": "x"}),
        ("a=1\rb=2\r# c\nc=3", {"a": "1", "b": "2", "c": "3"}),
        ("\ufeffhost=x\nport=1", {"port": "1"}),
        (b"a=Z\xfcrich\nb=1", {"a": "Z\ufffdrich", "b": "1"}),
        (b"a=1\nb=2\0\n c=3", {"a": "1", "b": "2\0"}),
        ("a=1\n".encode("utf-16"), {}),
    ],
)
def test_an_unsound_file_holds_what_the_tool_reads_and_is_neither_edited_nor_shown_nor_written(
    text: str | bytes, values: dict[str, str]
) -> None:
    raw = text if isinstance(text, bytes) else text.encode()
    p = Properties.scan(raw, "x.properties")
    assert p.as_dict() == values
    assert p.findings
    assert p.shown(lambda key, value: value) == f"({len(raw)} bytes that are no sound properties file)\n"
    for refusing in (lambda: p.edit({}), lambda: file.verify(p)):
        with pytest.raises(InputError) as caught:
            refusing()
        assert caught.value.findings == p.findings


def test_lines_are_counted_as_editors_do() -> None:
    p = Properties.scan(b"a=1\rb=2\nc=3\r\nd=4\n", "x")
    assert [p.line(key) for key in p] == [1, 1, 2, 3]


def test_what_is_no_text_lacks_no_key() -> None:
    assert not Properties.scan("a=1\n".encode("utf-16"), "x").legible
    assert not file.inspect("/nonexistent/x").legible
    assert Properties.scan(b"a = 1\n\0", "x").legible


def test_all_findings_come_in_one_message() -> None:
    with pytest.raises(InputError) as caught:
        parse("protocol: ddb\nhost = x\nport=1\nport=2\n")
    message = str(caught.value)
    assert message.startswith("3 errors:\nx.properties:1: ")
    assert "x.properties:2: host: white space before the = (write key=value" in message
    assert "x.properties:4: port: the key is already in line 3" in message


def test_a_refused_line_shows_no_value() -> None:
    for text in (
        "p= s3cr3t",
        "p: s3cr3t",
        "p s3cr3t",
        "p=\\u0041s3cr3t",
        "p s3cr3t=x",
        "s3cr3t",
        "p=x\\\ns3cr3t\\",
        " s3cr3t",
    ):
        with pytest.raises(InputError) as caught:
            parse(text)
        assert "s3cr3t" not in str(caught.value), text
        assert "s3cr3t" not in str(caught.value.details), text


def test_a_file_s_representation_shows_no_value() -> None:
    assert repr(parse("sql-password=s3cr3t")) == "Properties(path='x.properties')"


def test_lookups() -> None:
    p = parse("# top\nb=2\na=  \n\nc=3")
    assert list(p) == ["b", "a", "c"]
    assert ("a" in p, "z" in p) == (True, False)
    assert (p.get("a"), p.get("b"), p.get("z")) == ("", "2", "")
    assert (p.has_value("a"), p.has_value("b"), p.has_value("z")) == (False, True, False)
    assert (p.line("b"), p.line("a"), p.line("c"), p.line("z")) == (2, 3, 5, 0)
    assert p.at("y").path == "y"
    assert p.at("y").raw == p.raw


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ("a=1\n# c\nb=\n", {"b": "x"}, "a=1\n# c\nb=x\n"),
        ("a=1\r\nb=2\r\n", {"a": "9", "n": "3"}, "a=9\r\nb=2\r\nn=3\r\n"),
        ("a=1\nb=2", {"b": "9"}, "a=1\nb=9"),
        ("a=1\nb=2", {"n": "", "m": "4"}, "a=1\nb=2\nn=\nm=4"),
        ("a=1\r\nb=2", {"n": "3"}, "a=1\r\nb=2\r\nn=3"),
        ("# end", {"n": "3"}, "# end\nn=3"),
        ("", {"n": "3"}, "n=3\n"),
        ("a=x\\\ny\nb=2\n", {"a": "z"}, "a=z\nb=2\n"),
        ("a=x\\\ny\nb=2\n", {"a": "xy"}, "a=x\\\ny\nb=2\n"),
        ("a=   \n", {"a": ""}, "a=   \n"),
        ("a=   \n", {"a": "1"}, "a=1\n"),
        ("a=1\n", {"a": "C:\\dir"}, "a=C:\\\\dir\n"),
        ("a=1\n", {"a": "$(id) `x` \"q\" 'q' Zürich ☃"}, "a=$(id) `x` \"q\" 'q' Zürich ☃\n"),
    ],
)
def test_an_edit_changes_only_what_it_names(before: str, changes: dict[str, str], after: str) -> None:
    edited = parse(before).edit(changes)
    assert edited.raw == after.encode()
    assert edited.as_dict() == {**parse(before).as_dict(), **changes}


def test_an_edit_without_a_change_is_the_same_object() -> None:
    p = parse("a=1\n")
    assert p.edit({"a": "1"}) is p


@pytest.mark.parametrize("value", [" x", "\tx", "  ", "x\ny", "x\ry", "x\0y", "x\\", "\u2003x", "\ud800"])
def test_a_value_that_both_readings_cannot_give_back_is_refused(value: str) -> None:
    with pytest.raises(InputError) as caught:
        parse("a=1\n").edit({"a": value})
    assert [(one.rule, one.line, one.key) for one in caught.value.findings] == [("unwritable-value", 1, "a")]


@pytest.mark.parametrize("key", ["", " k", "k ", "a b", "a=b", "a:b", "a\\b", "#a", "!a", "a\nb", "\ufeffa", "\ud800"])
def test_a_key_that_both_readings_cannot_give_back_is_refused(key: str) -> None:
    with pytest.raises(InputError) as caught:
        parse("a=1\n").edit({key: "x"})
    assert [one.rule for one in caught.value.findings] == ["unwritable-key"]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(file, "jproperties", None)
    with pytest.raises(DatomicError, match="pip install jproperties"):
        file.write(parse("a=1\n").at(str(tmp_path / "x")), was=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["#:\n", "#: k=v\n!:\n  #: x\na=1\n", "#:=\\\na=1\\\n!:x\n", "# a\r#:\n"])
def test_comments_to_which_jproperties_gives_a_meaning_are_fine(text: str) -> None:
    file.verify(parse(text))


def test_the_diff_masks_secrets_also_in_comments() -> None:
    before = parse("a=1\nsql-password=\n#### sql-password: s3cr3t\r\n# b=2\n")
    after = before.edit({"a": "2", "sql-password": "s3cr3t\\x"}).edit({"new-password": "s3cr3t"})
    shown = file.diff(before, after, lambda key, value: MASK if value and key.endswith("password") else value)
    assert shown == {
        "before_header": "x.properties",
        "after_header": "x.properties",
        "before": f"a=1\nsql-password=\n#### sql-password: {MASK}\r\n# b=2\n",
        "after": f"a=2\nsql-password={MASK}\n#### sql-password: {MASK}\r\n# b=2\nnew-password={MASK}\n",
    }
    assert file.diff(None, after, lambda key, value: value)["before"] == ""

# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One message has everything that is wrong: with the lines, keys and values of the files, options, and what AWS has."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.emulator import Emulator
from tests.modules import CREDENTIALS, run_module

TRANSACTOR = (
    "protocol=ddb\nhost=localhost\nport=4334\naws-dynamodb-table=orders\naws-dynamodb-region=us-east-1\n"
    "aws-transactor-role=\naws-peer-role=\n"
)
CF = (
    "aws-instance-type=m3.large\naws-region=us-east-1\naws-instance-monitoring=true\naws-autoscaling-group-size=1\n"
    "java-xmx=2g\njava-opts=\naws-security-group=datomic\ndatomic-version=1.0.7277\ndatomic-deploy-s3-bucket=deploy\n"
)
BOB = "aws-dynamodb-user=bob\naws-dynamodb-access-key-id=AKIA0123456789ABCDEF\naws-dynamodb-secret-key=x\n"
NO_SUCH_RULE = [{"rule": "nonsense", "reason": "x"}]


class Bench:
    """A directory with files, and modules run on them."""

    def __init__(self, aws: Emulator, directory: pathlib.Path) -> None:
        self.aws = aws
        self.directory = directory

    def file(self, name: str, text: str) -> str:
        path = self.directory / name
        path.write_bytes(text.encode())
        return str(path)

    def fails(self, module: str, **options: Any) -> str:
        """The error's text without the directory; nothing was written, in AWS or here."""
        files, calls = self.contents(), len(self.aws.calls())
        params = {**CREDENTIALS, "endpoint_url": self.aws.url, **options}
        if module == "validate_properties":
            params = options
        result = run_module(module, params)
        assert result["failed"]
        assert [call.operation for call in self.aws.calls()[calls:] if call.kind != "read"] == []
        assert self.contents() == files
        return str(result["msg"]).replace(f"{self.directory}/", "")

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}


@pytest.fixture
def bench(aws: Emulator, tmp_path: pathlib.Path) -> Bench:
    return Bench(aws, tmp_path)


def told(message: str, *parts: str) -> None:
    """The message has these parts, each of which is one error."""
    assert [part for part in parts if part not in message] == [], message
    assert message.startswith(f"{len(parts)} errors:\n"), message


def test_a_line_s_layout_does_not_hide_what_is_missing(bench: Bench) -> None:
    text = TRANSACTOR.replace("host=localhost", "host = x").replace("port=4334", "port=")
    parts = "t:2: host: white space before the = (write", "t: host: Missing property: host", "Missing property: port"
    told(bench.fails("ensure_transactor", src=bench.file("t", text)), *parts)


@pytest.mark.parametrize(
    ("line", "layout"),
    [
        ("  host=localhost", "t:2: host: white space before the key"),
        ("host: localhost", "t:2: no = between key and value"),
        ("host localhost", "t:2: no = between key and value"),
        ("host= localhost", "t:2: host: white space between = and the value"),
        ("note=x\\\\\nhost=localhost", "t:2: note: a doubled backslash ends the line"),
    ],
)
def test_a_key_that_the_tool_does_not_see_is_missing(bench: Bench, line: str, layout: str) -> None:
    src = bench.file("t", TRANSACTOR.replace("host=localhost", line))
    told(bench.fails("ensure_transactor", src=src), layout, "host: Missing property: host")


def test_an_optional_key_is_not_called_missing(bench: Bench) -> None:
    src = bench.file("t", TRANSACTOR + "object-cache-max = 1g\njava-opts= -Xss1m\na = b\n")
    message = bench.fails("ensure_transactor", src=src)
    assert "Missing property" not in message
    told(message, "t:8: object-cache-max: white", "t:9: java-opts: white", "t:10: a: white")


def test_the_cf_file_s_keys_in_the_words_of_the_tool(bench: Bench) -> None:
    text = CF.replace("size=1", "size = 1").replace("group=datomic", "group= datomic")
    src = bench.file("c", text.replace("datomic-deploy-s3-bucket=deploy\n", ""))
    told(
        bench.fails("ensure_cf", src=src),
        "c:4: aws-autoscaling-group-size: white space before the =",
        "c:7: aws-security-group: white space between = and the value",
        "Invalid value for aws-autoscaling-group-size: ",
        "Missing property: aws-security-group",
        "Missing property: datomic-deploy-s3-bucket",
    )


def test_aws_is_asked_although_the_file_has_errors(bench: Bench) -> None:
    """In the words of bin/datomic, which goes on as well."""
    bench.aws.client("dynamodb", region="us-east-1").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    text = TRANSACTOR.replace("host=localhost\n", "").replace("aws-transactor-role=\n", BOB)
    told(
        bench.fails("ensure_transactor", src=bench.file("t", text)),
        "t: host: Missing property: host",
        "t:3: aws-dynamodb-table: the table orders has the key pk (S, HASH)",
        "t:5: aws-dynamodb-user: The user with name bob cannot be found.",
    )


def test_an_identity_that_is_missing_does_not_hide_the_other_s_user(bench: Bench) -> None:
    text = TRANSACTOR.replace("aws-transactor-role=\naws-peer-role=\n", BOB)
    message = bench.fails("ensure_transactor", src=bench.file("t", text))
    told(message, "The user with name bob cannot be found.", "Cannot use aws-peer-role property")


def test_a_table_s_name_is_refused_in_aws_s_own_words(bench: Bench) -> None:
    text = TRANSACTOR.replace("host=localhost\n", "").replace("=orders", "=my table")
    told(
        bench.fails("ensure_transactor", src=bench.file("t", text)),
        "Missing property: host",
        "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only "
        "the characters a-z, A-Z, 0-9, '_', '-', and '.'",
    )


def test_where_aws_cannot_be_asked_the_file_s_errors_are_told(bench: Bench) -> None:
    src = bench.file("t", TRANSACTOR.replace("host=localhost\n", ""))
    bench.aws.fault(match="dynamodb:DescribeTable", code="AccessDeniedException")
    assert bench.fails("ensure_transactor", src=src) == "t: host: Missing property: host (write host=… with a value)"
    bench.aws.fault(match="sts:GetCallerIdentity", code="InvalidClientTokenId")
    assert "Missing property: host" in bench.fails("ensure_transactor", src=src, account_id="123456789012")


def test_what_aws_finds_is_told_of_src(bench: Bench) -> None:
    """dest does not exist."""
    src = bench.file("t", TRANSACTOR.replace("aws-transactor-role=\n", BOB))
    message = bench.fails("ensure_transactor", src=src, dest=str(bench.directory / "new"))
    assert message.startswith("t:6: aws-dynamodb-user: The user with name bob cannot be found.")


@pytest.mark.parametrize("module", ["ensure_transactor", "ensure_cf", "validate_properties"])
def test_a_wrong_acceptance_hides_nothing(bench: Bench, module: str) -> None:
    transactor = bench.file("t", TRANSACTOR.replace("host=localhost\n", ""))
    cf = bench.file("c", CF.replace("size=1", "size=0"))
    options = {
        "ensure_transactor": {"src": transactor},
        "ensure_cf": {"src": cf},
        "validate_properties": {"transactor_src": transactor, "cf_src": cf},
    }[module]
    message = bench.fails(module, accept=NO_SUCH_RULE, **options)
    assert "accept: the rule 'nonsense' cannot be accepted" in message
    assert "Missing property: host" in message or module == "ensure_cf"
    assert "Invalid value for aws-autoscaling-group-size: 0" in message or module == "ensure_transactor"


def test_validation_tells_a_line_s_layout_and_what_is_missing(bench: Bench) -> None:
    text = TRANSACTOR.replace("host=localhost\n", "").replace("port=4334", "port = 4334")
    message = bench.fails("validate_properties", transactor_src=bench.file("t", text), stack_name="orders_eu")
    named = "'orders_eu' is not a valid stack name"
    for part in ("t:2: port: white space", "Missing property: port", "Missing property: host", named):
        assert part in message


def test_the_transactor_s_file_does_not_hide_the_cf_file_s_errors(bench: Bench) -> None:
    src = bench.file("c", CF.replace("size=1", "size=0"))
    size = "c:4: aws-autoscaling-group-size: Invalid value for aws-autoscaling-group-size: 0"
    told(bench.fails("ensure_cf", src=src, transactor_src="/nonexistent/t"), "/nonexistent/t: cannot be read", size)
    unsound = bench.file("t", "port = 4334\n")
    told(
        bench.fails("ensure_cf", src=src, transactor_src=unsound),
        "t:1: port: white space before the =",
        "t: port: Missing property: port",
        size,
    )
    told(
        bench.fails("ensure_cf", src="/nonexistent/c", transactor_src=unsound),
        "/nonexistent/c: cannot be read",
        "t:1: port: white space before the =",
        "t: port: Missing property: port",
    )


@pytest.mark.parametrize("flavor", ["legacy", "modern"])
def test_a_template_s_two_files_hide_nothing_of_each_other(bench: Bench, flavor: str) -> None:
    transactor = bench.file("t", TRANSACTOR.replace("port=4334", "port: 4334") + "a = b\n")
    cf = bench.file("c", CF.replace("size=1", "size = 1"))
    there: dict[str, Any] = {"cf_src": cf, "dest": str(bench.directory / "x.json"), "flavor": flavor}
    message = bench.fails("create_cf_template", transactor_src=transactor, **there)
    for part in (
        "t:3: no = between key and value",
        "t: port: Missing property: port",
        "t:8: a: white space before the =",
        "c:4: aws-autoscaling-group-size: white space before the =",
        "c: aws-autoscaling-group-size: Invalid value for aws-autoscaling-group-size: ",
    ):
        assert part in message
    message = bench.fails("create_cf_template", transactor_src="/nonexistent/t", **there)
    assert "/nonexistent/t: cannot be read" in message
    assert "c:4: aws-autoscaling-group-size: white space before the =" in message
    assert "/nonexistent/t: port" not in message


@pytest.mark.parametrize("module", ["ensure_transactor", "ensure_cf", "create_cf_template"])
def test_a_directory_that_is_missing_is_told_before_aws_is_asked(bench: Bench, module: str) -> None:
    transactor = bench.file("t", TRANSACTOR.replace("port=4334", "port=0"))
    cf = bench.file("c", CF.replace("size=1", "size=0"))
    dest = f"{bench.directory}/none/new"
    options = {
        "ensure_transactor": {"src": transactor},
        "ensure_cf": {"src": cf},
        "create_cf_template": {"transactor_src": transactor, "cf_src": cf},
    }[module]
    message = bench.fails(module, dest=dest, **options)
    assert "Could not write none/new: there is no directory none. Create it first." in message
    assert "Invalid value for" in message
    assert bench.aws.calls() == []


def test_what_stands_in_dest_is_no_concern_of_ensure_cf(bench: Bench) -> None:
    src, dest = bench.file("c", CF.replace("java-xmx=2g", "java-xmx=")), bench.file("old", "sql-password = s3cr3t\n")
    params = {**CREDENTIALS, "endpoint_url": bench.aws.url, "src": src, "dest": dest}
    result = run_module("ensure_cf", params)
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["diff"][0]["before"] == "(22 bytes that are no sound properties file)\n"
    assert "java-xmx=5250m" in pathlib.Path(dest).read_text()


def test_what_stands_in_dest_concerns_ensure_transactor_only_while_a_name_may_stand_there(bench: Bench) -> None:
    dest, given = bench.file("old", "sql-password = s3cr3t\n"), TRANSACTOR.replace("-role=", "-role=ours")
    assert "old:1: sql-password" in bench.fails("ensure_transactor", src=bench.file("t", TRANSACTOR), dest=dest)
    params = {**CREDENTIALS, "endpoint_url": bench.aws.url, "src": bench.file("t", given), "dest": dest}
    result = run_module("ensure_transactor", params)
    assert not result["failed"], result["msg"]
    assert "s3cr3t" not in str(result)
    assert pathlib.Path(dest).read_text() == given


def test_the_values_of_a_template_are_texts(bench: Bench) -> None:
    files = {"transactor_src": bench.file("t", TRANSACTOR), "cf_src": bench.file("c", CF)}
    values = {"note": None, "list": [1], "table": {"a": 1}, "aws-transactor-role": "tx", "port": 5000}
    message = bench.fails(
        "create_cf_template", **files, dest=f"{bench.directory}/x", transactor_values=values, cf_values={"x": []}
    )
    for name in ("transactor_values.note", "transactor_values.list", "transactor_values.table", "cf_values.x"):
        assert f"{name}: is no value of a property (give a text" in message


@pytest.mark.parametrize("flavor", ["legacy", "modern"])
def test_a_template_of_a_transactor_that_would_not_start(bench: Bench, flavor: str) -> None:
    files = {"transactor_src": bench.file("t", ""), "cf_src": bench.file("c", CF)}
    message = bench.fails("create_cf_template", **files, dest=f"{bench.directory}/x", flavor=flavor)
    assert "t: protocol: Missing property: protocol" in message
    assert "t: port: Missing property: port" in message
    assert "Missing property: host" not in message


def test_the_heap_is_judged_whoever_knows_the_memory(bench: Bench) -> None:
    memory = "port=4334\nobject-cache-max=90g\nmemory-index-max=512m\n"
    transactor = bench.file("t", memory)
    for kind in ("m3.large", "m5.large"):
        src = bench.file("c", CF.replace("m3.large", kind).replace("java-xmx=2g", "java-xmx=100g"))
        told(
            bench.fails("ensure_cf", src=src, transactor_src=transactor),
            "t:2: object-cache-max: object-cache-max and memory-index-max together are",
            f"c:5: java-xmx: a heap of 102400m on {kind}",
        )

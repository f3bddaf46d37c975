# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The legacy template: its content, and that the instance's shell and Java give every value back."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
from typing import Any

import jproperties
import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import legacy, user_data
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import redact
from hypothesis import given, settings
from hypothesis import strategies as st

TRANSACTOR = (
    "protocol=ddb\nhost=localhost\nalt-host=1.2.3.4\nport=4334\naws-dynamodb-table=orders\naws-transactor-role=tx\n"
)
CF = (
    "aws-instance-type=m3.large\naws-region=us-east-1\naws-instance-monitoring=true\naws-autoscaling-group-size=2\n"
    "java-xmx=2g\njava-opts=\naws-security-group=datomic\ndatomic-version=1.0.7277\ndatomic-deploy-s3-bucket=deploy\n"
)
HOSTILE = [
    "$(id)",
    "`id`",
    "'",
    '"',
    "\\",
    "\\\\",
    "$HOME",
    "${HOME}",
    "EOF",
    "=",
    "#",
    "!",
    " ",
    "ü",
    "\\u00fc",
    "$",
    "a b",
]

CURL = "curl() { case $1 in *local-ipv4) echo 10.0.0.1;; *public-ipv4) echo 203.0.113.1;; esac; }\n"


def _template(transactor: str = TRANSACTOR, cf: str = CF, unmapped: str = "") -> dict[str, Any]:
    return legacy.template(_parsed(transactor, "tx"), _parsed(cf, "cf"), unmapped)


def _parsed(text: str, path: str) -> Properties:
    return Properties.parse(text.encode(), path)


def _on_instance(user_data: str, shell: str = "sh") -> tuple[dict[str, str], str]:
    """What aws.properties holds, and JAVA_OPTS, when the shell has run the user data up to the here-document's end."""
    lines = user_data.split("\n")
    fragment = "\n".join(lines[1 : lines.index("EOF") + 1])
    with tempfile.TemporaryDirectory() as directory:
        script = CURL + fragment.replace("cd /datomic", f"cd {directory}") + '\nprintf %s "$JAVA_OPTS" >opts\n'
        done = subprocess.run([shell, "-eu"], input=script.encode(), cwd=directory, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        parser = jproperties.Properties()
        with open(pathlib.Path(directory, "aws.properties"), "rb") as file:
            parser.load(file, "iso-8859-1")
        return dict(parser.properties), pathlib.Path(directory, "opts").read_text(encoding="utf-8")


def test_structure_is_in_a_stable_order() -> None:
    template = _template()
    assert list(template) == ["Description", "Mappings", "Parameters", "Resources"]
    assert json.dumps(template) == json.dumps(_template())


def test_properties_keep_the_files_order_without_host_and_alt_host() -> None:
    lines = user_data.rendered(_template()).split("\n")
    start = lines.index("cat <<EOF >aws.properties")
    assert lines[start + 3 : lines.index("EOF")] == [
        "protocol=ddb",
        "port=4334",
        "aws-dynamodb-table=orders",
        "aws-transactor-role=tx",
    ]


def test_without_a_role_there_is_no_instance_profile() -> None:
    template = json.dumps(_template("protocol=ddb\nport=4334\n"))
    assert "InstanceProfile" not in template


def test_an_unmapped_type_joins_the_mapping() -> None:
    mapped = _template(unmapped="m7i.large")["Mappings"]["AWSInstanceType2Arch"]
    assert mapped["m7i.large"] == {"Arch": "64h"}
    assert len(mapped) == len(legacy.INSTANCE_TYPES) + 1


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_host_comes_from_the_instance_and_the_rest_from_the_file(shell: str) -> None:
    properties, _environment = _on_instance(user_data.rendered(_template()), shell)
    assert properties == {
        "host": "10.0.0.1",
        "alt-host": "203.0.113.1",
        "protocol": "ddb",
        "port": "4334",
        "aws-dynamodb-table": "orders",
        "aws-transactor-role": "tx",
    }


def test_a_file_with_hostile_values_arrives_as_it_is() -> None:
    hostile = (
        "a=$(id)\nb=`id`\nc='single' \"double\"\nd=back\\\\slash\ne=$HOME ${HOME}\nf=EOF\ng=EOF $(cat /etc/passwd)\n"
    )
    properties, _environment = _on_instance(user_data.rendered(_template(TRANSACTOR + hostile)))
    assert {key: properties[key] for key in "abcdefg"} == {
        "a": "$(id)",
        "b": "`id`",
        "c": "'single' \"double\"",
        "d": "back\\slash",
        "e": "$HOME ${HOME}",
        "f": "EOF",
        "g": "EOF $(cat /etc/passwd)",
    }


def _through_shell_and_java(values: dict[str, str], shell: str) -> dict[str, str]:
    """What Java reads, when the shell has run the here-document of these values."""
    script = "\n".join(["cat <<EOF", *legacy.property_lines(values), "EOF", ""])
    done = subprocess.run([shell, "-eu"], input=script.encode(), capture_output=True, check=True)
    parser = jproperties.Properties()
    parser.load(done.stdout, "iso-8859-1")
    return dict(parser.properties)


# jproperties does not join the two escapes of a character beyond the basic plane, as Java does.
characters = st.characters(codec="utf-8", max_codepoint=0xFFFF)
texts = st.lists(st.sampled_from(HOSTILE) | st.text(characters, max_size=4), max_size=6).map("".join)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@given(values=st.dictionaries(texts.filter(lambda key: key and key not in legacy.FROM_METADATA), texts, max_size=8))
@settings(max_examples=60, deadline=None)
def test_shell_and_java_give_back_every_value(shell: str, values: dict[str, str]) -> None:
    assert _through_shell_and_java(values, shell) == values


def test_a_character_beyond_the_basic_plane_is_a_pair_of_escapes() -> None:
    assert user_data.java_value("\U0001f600") == "\\ud83d\\ude00"


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("", ""),
        ("-XX:+UseG1GC", "-XX:+UseG1GC"),
        ("'-XX:+UseG1GC -XX:MaxGCPauseMillis=50'", "-XX:+UseG1GC -XX:MaxGCPauseMillis=50"),
        ('"-XX:+UseG1GC -XX:MaxGCPauseMillis=50"', "-XX:+UseG1GC -XX:MaxGCPauseMillis=50"),
        ("-XX:+UseG1GC -XX:MaxGCPauseMillis=50", "-XX:+UseG1GC -XX:MaxGCPauseMillis=50"),
        ('"-Dx=$(id) -Dy=`id`"', "-Dx=$(id) -Dy=`id`"),
        ("-Dx=$HOME", "-Dx=$HOME"),
        ("-Dx='a' -Dy", "-Dx='a' -Dy"),
    ],
)
def test_java_opts_arrive_as_one_value_without_their_own_quotes(value: str, arrives: str) -> None:
    template = _template(cf=CF.replace("java-opts=", f"java-opts={value}"))
    assert _on_instance(user_data.rendered(template))[1] == arrives


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("'-XX:+UseG1GC -XX:MaxGCPauseMillis=50'", "-XX:+UseG1GC -XX:MaxGCPauseMillis=50"),
        ('-Dfoo="a b"', "-Dfoo=a b"),
        ("-Dfoo='/a/b'", "-Dfoo=/a/b"),
        ('-XX:OnOutOfMemoryError="kill -9 %p"', "-XX:OnOutOfMemoryError=kill -9 %p"),
        ("'-Da=$HOME'\" -Db='c'\"", "-Da=$HOME -Db='c'"),
        ('-Da=""', "-Da="),
    ],
)
def test_java_opts_that_are_one_word_already_are_what_they_are_with_the_tool(
    value: str, arrives: str, shell: str
) -> None:
    """The tool writes the value behind JAVA_OPTS= unchanged."""
    template = _template(cf=CF.replace("java-opts=", f"java-opts={value}"))
    assert template["Parameters"]["JavaOpts"]["Default"] == value
    assert _on_instance(user_data.rendered(template), shell)[1] == arrives


@given(value=st.text("ab=-:/'\"$`~*;& ", max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_java_opts_are_executed_or_split(value: str) -> None:
    """Whatever the value: one word, and no command, file name or variable in it."""
    word = legacy.shell_word(value)
    script = f'set -- {word} end\nprintf "%s|%s" "$#" "$1"\n'
    done = subprocess.run(["sh", "-eu"], input=script, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    number, arrived = done.stdout.split("|", 1)
    assert number == ("2" if word else "1")
    assert arrived.replace("'", "").replace('"', "") == (value.replace("'", "").replace('"', "") if word else "end")


@pytest.mark.parametrize(
    ("transactor", "cf", "keys"),
    [
        (TRANSACTOR, CF, []),
        (TRANSACTOR, CF.replace("java-xmx=2g", "java-xmx="), ["java-xmx"]),
        (TRANSACTOR.replace("role=tx", "role="), CF, ["aws-transactor-role"]),
        (TRANSACTOR.replace("aws-transactor-role=tx\n", ""), CF, []),
        (TRANSACTOR, CF.replace("=1.0.7277", "=1.0 $(id)"), ["datomic-version"]),
        (TRANSACTOR, CF.replace("bucket=deploy", "bucket=a;b"), ["datomic-deploy-s3-bucket"]),
        (TRANSACTOR, CF.replace("us-east-1", "me-south-1"), ["aws-region"]),
        (
            TRANSACTOR.replace("role=tx", "role="),
            "aws-region=xx-1\n",
            ["java-xmx", "aws-transactor-role", "aws-region"],
        ),
    ],
)
def test_what_the_template_cannot_do_without(transactor: str, cf: str, keys: list[str]) -> None:
    findings = legacy.required(_parsed(transactor, "tx"), _parsed(cf, "cf"), Options())
    assert [finding.key for finding in findings] == keys


def test_user_data_over_ec2s_limit_is_an_error() -> None:
    room = user_data.LIMIT - len(user_data.rendered(_template()).encode())
    for extra, errors in ((room, 0), (room + 1, 1)):
        transactor = TRANSACTOR + "a=" + "x" * (extra - len("\na=")) + "\n"
        assert len(user_data.too_long(_template(transactor), "tx")) == errors


@pytest.mark.parametrize(
    ("key", "written"),
    [("#a#b!c", "\\#a#b!c"), ("!a!b#c", "\\!a!b#c"), ("a#b!c", "a#b!c"), ("a:b=c d", "a\\:b\\=c\\ d")],
)
def test_only_a_first_character_makes_a_comment_of_a_key(key: str, written: str) -> None:
    assert user_data.java_key(key) == written


def test_secrets_are_masked_in_a_string_of_lines_only() -> None:
    shown = redact.properties({"a": ["x=1\nsql-password=p\nlicense-key=", {"b": True, "c": "password"}]})
    assert shown == {"a": ["x=1\nsql-password=********\nlicense-key=", {"b": True, "c": "password"}]}


def test_a_password_among_the_jvm_s_options_is_masked_in_the_parameter() -> None:
    options = "'-Xss1m -Djavax.net.ssl.keyStorePassword=hunter2 -Dx=y'"
    made = _template(cf=CF.replace("java-opts=", f"java-opts={options}"))
    assert made["Parameters"]["JavaOpts"]["Default"] == options
    shown = redact.properties(made)["Parameters"]["JavaOpts"]["Default"]
    assert shown == "'-Xss1m -Djavax.net.ssl.keyStorePassword=******** -Dx=y'"


@pytest.mark.parametrize("value", ["${TOKEN}", "$(cat token)"])
def test_what_the_shell_fills_in_is_shown_but_for_a_secret_property(value: str) -> None:
    assert redact.properties(f"AWS_SECRET_ACCESS_KEY={value}") == f"AWS_SECRET_ACCESS_KEY={value}"
    assert redact.properties(f"sql-password={value}") == "sql-password=********"

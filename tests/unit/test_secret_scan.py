# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lines of a file count as a secret in clear text, and that a masked text has none of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.secret_scan import masked, secrets
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import legacy, modern
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import redact
from hypothesis import given
from hypothesis import strategies as st

from tests.template_combinations import MACHINE, cf, transactor

VALUE = "hunter2,with'all=sorts"


@pytest.mark.parametrize(
    ("content", "line", "key"),
    [
        (f"host=a\nsql-password={VALUE}\n", 2, "sql-password"),
        (f"license-key: {VALUE}", 1, "license-key"),
        (f"  license-key {VALUE}", 1, "license-key"),
        (f"aws-s3-log-secret-key = {VALUE}\r\n", 1, "aws-s3-log-secret-key"),
        (f"aws-s3-log-access-key-id={VALUE}", 1, "aws-s3-log-access-key-id"),
        (f"sql\\u002dpassword={VALUE}", 1, "sql-password"),
        ("sql-url=jdbc:postgresql://h/d?user=u&password=hunter2,with'all=sorts", 1, "sql-url"),
        (json.dumps({"x": ["", f"host=a\nlicense-key={VALUE}\nport=1"]}, indent=1), 4, "license-key"),
        (json.dumps(f"license-key={VALUE}\n").replace("=", "\\u003d"), 1, "license-key"),
        (json.dumps({"sql-password": VALUE}), 1, "sql-password"),
        (f"sql-pasword={VALUE}", 1, "sql-pasword"),
        (f"aws_secret_access_key={VALUE}", 1, "aws_secret_access_key"),
        (f"java-opts=-Djavax.net.ssl.keyStorePassword={VALUE}", 1, "java-opts"),
        (json.dumps({"Default": f"'-Xss1m -Dmy.password={VALUE}"}), 1, "my.password"),
    ],
)
def test_found_and_masked(content: str, line: int, key: str) -> None:
    assert [(secret.line, secret.key) for secret in secrets(content.encode())] == [(line, key)]
    assert VALUE not in masked(content.encode())
    assert "********" in masked(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "license-key=\nhost=a\n",
        "# memcached-password=datomic\n",
        "sql-password=ENC[AES256_GCM,data:x]\n",
        "sql-url=jdbc:postgresql://localhost:5432/datomic\n",
        json.dumps({"x": "host=a\nlicense-key=\nport=1"}),
        json.dumps({"x": "sql-password={{resolve:secretsmanager:datomic}}"}),
        json.dumps({"license-key": ""}),
        "java-opts=-XX:+UseG1GC -XX:MaxGCPauseMillis=50\n",
        json.dumps({"Action": ["secretsmanager:GetSecretValue"], "HttpTokens": "required"}),
        "curl -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' -H \"X-aws-ec2-metadata-token: $token\"\n",
        "\x00GITCRYPT\x00\x8a\x01",
    ],
)
def test_no_secret(content: str) -> None:
    assert secrets(content.encode()) == []
    assert masked(content.encode()) == content.replace("\0", "")


def test_value_over_several_lines() -> None:
    content = b"sql-password=hunter\\\n  two\\\n  three\nhost=a\n"
    assert [secret.line for secret in secrets(content)] == [1, 2, 3]
    assert masked(content).endswith("host=a\n")
    assert not any(part in masked(content) for part in ("hunter", "two", "three"))


def test_other_encoding() -> None:
    assert secrets("sql-password=hunter2\n".encode("utf-16"))


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), min_size=1), st.booleans())
def test_no_value_survives_masking(value: str, in_json: bool) -> None:
    line = f"aws-s3-log-secret-key=begin{value}end"
    content = (json.dumps({"x": f"host=a\n{line}\nport=1"}) if in_json else f"{line}\n").encode()
    if not value.endswith("\\"):
        assert f"begin{value}" not in masked(content)
    assert "begin" not in masked(content)
    assert "end" not in masked(content)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    masked(content)


@pytest.mark.parametrize(
    "template",
    [
        legacy.template(transactor(), cf()),
        modern.template(transactor(), cf(), Options(), MACHINE),
        modern.template(
            transactor(),
            cf(),
            Options(secrets=("sql-password",), secrets_path="/prod", alarm_email="oncall@example.com"),
            MACHINE,
        ),
    ],
    ids=["legacy", "modern", "secrets"],
)
def test_a_template_of_ours_holds_no_secret_and_is_shown_as_it_is(template: Any) -> None:
    assert secrets((json.dumps(template, indent=2) + "\n").encode()) == []
    assert redact.properties(template) == template

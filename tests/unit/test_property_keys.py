# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each key means: memory strings, bounds, suggestions, secrets."""

from __future__ import annotations

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import keys
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import MASK, Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.keys import FileKind
from hypothesis import given
from hypothesis import strategies as st

# What datomic.config/parse-memory-string of com.datomic:peer 1.0.7277 makes of each text: bytes, None for no value.
READ_BY_DATOMIC = [
    *(("1g", 1073741824), ("1G", 1073741824), ("512m", 536870912), ("32M", 33554432), ("1024k", 1048576)),
    *(("1K", 1024), ("100", 100), ("9223372036854775807", 9223372036854775807)),
]
# It reads these as something else, as nothing, or fails.
MISREAD_BY_DATOMIC = [
    *("00012", "1.5g", " ", "1g ", "1 g", "1gb", "0x10", "-1m", "1t", "1T", "g", "1e3", "1_000"),
    *("9223372036854775808", "99999999999g", "1mm", "\uff11g", "true", '"1g"', "1N", "2M ;x", "010", "", "1\n"),
]


def check(text: str, kind: FileKind = "transactor") -> list[Finding]:
    """The findings without those of missing keys."""
    return keys.check(Properties.parse(text.encode(), "x.properties"), kind, keys.SETTINGS[kind])


@pytest.mark.parametrize(("text", "size"), READ_BY_DATOMIC)
def test_memory_that_datomic_reads_as_written(text: str, size: int) -> None:
    assert keys.parse_memory(text) == size


@pytest.mark.parametrize("text", MISREAD_BY_DATOMIC)
def test_memory_that_datomic_misreads_is_none(text: str) -> None:
    assert keys.parse_memory(text) is None


def test_numbers_of_thousands_of_digits_are_none() -> None:
    assert keys.parse_memory("1" * 5000 + "m") is None
    assert keys.parse_integer("1" * 5000) is None


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,5000}[kmgKMG]?", fullmatch=True))
def test_any_text_is_memory_or_none(text: str) -> None:
    size = keys.parse_memory(text)
    assert size is None or 0 <= size < 2**63
    number = keys.parse_integer(text)
    assert number is None or str(number) == text


A_FUNCTION = "write the name of a function, such as my.namespace/handler, or of a static method, my.pkg.Class.handler"
SERVERS = "write host:port, several with commas between, or remove the line to have none"
COMMENT = "remove the comment behind it, or begin a line of its own with #: it is a part of the value"
NO_KEYS = (
    "remove it: aws-transactor-role and aws-peer-role need no key; the deprecated way has "
    "aws-dynamodb-access-key-id and aws-dynamodb-secret-key"
)


def test_all_missing_keys_in_the_tools_words() -> None:
    empty = Properties.parse(b"# nothing\n", "cf.properties")
    assert [finding.message for finding in keys.check(empty, "cf")] == [
        "Missing property: aws-instance-type",
        "Missing property: aws-region",
        "Missing property: aws-instance-monitoring",
        "Invalid value for aws-autoscaling-group-size: ",
        "Missing property: aws-security-group",
        "Missing property: datomic-version",
        "Missing property: datomic-deploy-s3-bucket",
    ]
    assert {finding.rule for finding in keys.check(empty, "cf")} == {"required-key"}
    assert "datomic-version" not in {finding.key for finding in keys.check(empty, "cf", ["datomic-version"])}


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("memory-index-threshold=7m", "write at least 8m"),
        ("memory-index-max=31m", "write at least 32m"),
        ("object-cache-max=1 g", "write digits and at most one of k, m and g, such as 512m"),
        ("port=0", "write a whole number from 1 to 65535"),
        ("ping-port=65536", "write a whole number from 1 to 65535"),
        ("port=04334", "write a whole number from 1 to 65535"),
        ("port=4334 ", "remove the white space at its end"),
        ("port=0 ", "write a whole number from 1 to 65535"),
        ("object-cache-max=1g\t", "remove the white space at its end"),
        ("encrypt-channel=true ", "remove the white space at its end"),
        ("write-concurrency=1", "write a whole number of at least 2"),
        ("read-concurrency=two", "write a whole number of at least 2"),
        ("index-parallelism=9", "write a whole number from 1 to 8"),
        ("delete-concurrency=129", "write a whole number from 1 to 128"),
        ("heartbeat-interval-msec=999", "write a whole number of at least 1000"),
        ("memcached-expiration-days=31", "write a whole number from 0 to 30"),
        ("local-memcached-expiration-days=-1", "write a whole number from 0 to 30"),
        ("encrypt-channel=yes", "write true or false"),
        ("memcached-auto-discovery=TRUE", "write true or false"),
        ("storage-access=everyone", "write one of local, remote"),
        ("memcached-config-timeout-msec=0", "write a whole number of at least 1"),
        ("metrics-callback=true", A_FUNCTION),
        ("metrics-callback=report", A_FUNCTION),
        ("metrics-callback=:my.ns/report", A_FUNCTION),
        ("cassandra-cluster-callback=com/acme/report", A_FUNCTION),
        ("default-partition=db.part/user", "write a keyword, with a colon before it, such as :db.part/user"),
        ("default-partition=:", "write a keyword, with a colon before it, such as :db.part/user"),
        ("memcached=false", SERVERS),
        ("memcached=cache.example.com", SERVERS),
        ("local-memcached=a:11211,b", SERVERS),
        ("memcached=a:65536", SERVERS),
        ("memcached=http://a:11211", SERVERS),
        ("write-concurrency=4 # two tables", COMMENT),
        ("storage-access=local # dev", COMMENT),
        ("memcached=a:1 # b", COMMENT),
    ],
)
def test_a_wrong_value_is_an_error_with_its_line(line: str, instead: str) -> None:
    key, value = line.split("=", 1)
    (finding,) = check(f"# top\n{line}\n")
    assert (finding.rule, finding.severity, finding.line, finding.key) == ("invalid-value", "error", 2, key)
    assert finding.message == f"Invalid value for {key}: {value}"
    assert finding.suggestion == instead
    assert finding.source.startswith("https://docs.datomic.com/")


@pytest.mark.parametrize(
    "line",
    ["aws-autoscaling-group-size=" + size for size in ("0", "-1", "2 instances", "0x2", "010", "+1", "1.0", "二")],
)
def test_a_group_size_is_a_positive_decimal_number(line: str) -> None:
    assert [finding.rule for finding in check(line, "cf")] == ["invalid-value"]


@pytest.mark.parametrize("xmx", ["2625", "1k", "0g", "4gb", "-4g", "4 g"])
def test_java_xmx_needs_digits_and_a_unit(xmx: str) -> None:
    assert [finding.key for finding in check(f"java-xmx={xmx}", "cf")] == ["java-xmx"]


def test_sound_and_blank_values_have_no_findings() -> None:
    sound = (
        "protocol=ddb\nport=4334\nmemory-index-max=512m\nmemory-index-threshold=8M\nwrite-concurrency=2\nhost=\nh2-port=\n"
        "index-parallelism=8\nencrypt-channel=false\nheartbeat-interval-msec=1000\nlicense-key=\n"
    )
    assert check(sound) == []
    assert check("java-xmx=2625m\naws-autoscaling-group-size=2\naws-instance-monitoring=true\n", "cf") == []


@pytest.mark.parametrize(
    "line",
    [
        "metrics-callback=acme.metrics/report",
        "metrics-callback=com.acme.Metrics.report",
        "metrics-callback=my-ns.core/report!",
        "cassandra-session-callback=my.ns/session",
        "default-partition=:db.part/user",
        "default-partition=:my.part",
        "memcached=a:11211",
        "memcached=a.example.com:11211,10.0.0.1:11212",
        "memcached=a:11211, b:11211 c:1",
        "local-memcached=[::1]:11211",
        "prefetch-concurrency=4",
        "prefetch-probes=true",
        "protocol=free",
        "protocol=free\nh2-web-port=4336",
        "protocol=riak\nriak-host=h\nriak-port=8087\nriak-interface=protobuf\nriak-bucket=b",
        "protocol=couchbase\ncouchbase-host=h\ncouchbase-bucket=b\ncouchbase-password=p",
        "protocol=inf\ninf-host=h\ninf-port=11222",
    ],
)
def test_a_value_of_the_right_form_has_no_finding(line: str) -> None:
    assert check(line) == []


@pytest.mark.parametrize(
    ("key", "kind", "instead"),
    [
        ("storage-data-dir", "transactor", "did you mean data-dir?"),
        ("datomic.objectCacheMax", "transactor", "did you mean object-cache-max?"),
        ("memcached-servers", "transactor", "did you mean memcached?"),
        (
            "h2-web-port",
            "transactor",
            "remove it: only the transactor of Datomic Free and earlier releases had this port; "
            "the embedded storage listens on h2-port alone",
        ),
        ("aws-secret-key", "transactor", NO_KEYS),
        ("aws-access-key-id", "transactor", NO_KEYS),
        (
            "tx-timeout-msec",
            "transactor",
            "remove it: only Java's option -Ddatomic.txTimeoutMsec sets it, a peer's where it is about peers",
        ),
        (
            "peer-connection-ttl-msec",
            "transactor",
            "remove it: only Java's option -Ddatomic.peerConnectionTTLMsec sets it, a peer's where it is about peers",
        ),
        ("aws-region", "transactor", "it belongs into the CloudFormation file"),
        ("riak-host", "transactor", "remove it, or accept this rule with a reason"),
        ("backup-dir", "transactor", "remove it, or accept this rule with a reason"),
        ("memory-index-mx", "transactor", "did you mean memory-index-max?"),
        ("Port", "transactor", "did you mean port?"),
        ("aws-dynamo-db-table", "transactor", "did you mean aws-dynamodb-table?"),
        ("aws-instance-types", "cf", "did you mean aws-instance-type?"),
        ("java-xmx", "transactor", "it belongs into the CloudFormation file"),
        ("memory-index-max", "cf", "it belongs into the transactor file"),
        ("zzz", "transactor", "remove it, or accept this rule with a reason"),
    ],
)
def test_an_unknown_key_is_a_warning_with_a_suggestion(key: str, kind: FileKind, instead: str) -> None:
    (finding,) = check(f"{key}=1", kind)
    assert (finding.rule, finding.severity, finding.line, finding.key) == ("unknown-key", "warning", 1, key)
    assert finding.suggestion == instead


def test_every_default_is_sound() -> None:
    for kind, known in keys.SETTINGS.items():
        for name, setting in known.items():
            assert name == setting.name
            protocol = f"protocol={setting.only[0]}\n" if setting.only else ""
            assert check(f"{protocol}{name}={setting.default}", kind) == []


SECRETS = [
    *("sql-password", "cassandra-password", "memcached-password", "local-memcached-password", "license-key"),
    *("storage-admin-password", "storage-datomic-password", "old-storage-admin-password"),
    *(f"aws-{user}-{part}" for user in ("dynamodb", "dynamodb-peer", "s3-log", "cloudwatch")
      for part in ("secret-key", "access-key-id")),
    *("sql-pasword".replace("pas", "pass"), "my-own-password", "SQL-PASSWORD", "password"),
    *("sql-pasword", "sql-passwd", "memcached-passwrd", "memcached-pwd", "license_key", "licence-key", "LicenseKey"),
    *("aws-secret-access-key", "aws_secret_access_key", "AWS_ACCESS_KEY_ID", "aws-dynamodb-acces-key-id"),
    *("aws-s3-log-secretkey", "aws-session-token", "metrics-token", "storage-admin-pasword"),
]  # fmt: skip


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_is_masked_whole(key: str) -> None:
    p = Properties.parse(f"host=h\n{key}=s3cr3t\n# {key}=s3cr3t\n".encode(), "x")
    assert keys.is_secret(key)
    assert keys.has_secret(key, "s3cr3t")
    assert not keys.has_secret(key, "")
    assert keys.masked(p) == {"host": "h", key: MASK}
    assert "s3cr3t" not in str(keys.masked_diff(None, p))
    assert "s3cr3t" not in str(keys.check(p, "transactor"))


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("sql-url", "jdbc:postgresql://h:5432/datomic", "jdbc:postgresql://h:5432/datomic"),
        (
            "sql-url",
            "jdbc:postgresql://h/d?user=u&password=s3&ssl=1",
            f"jdbc:postgresql://h/d?user=u&password={MASK}&ssl=1",
        ),
        ("sql-url", "jdbc:mysql://u:s3@h:3306/d", f"jdbc:mysql://u:{MASK}@h:3306/d"),
        ("sql-url", "jdbc:mysql://u:s@3/x@h/d", f"jdbc:mysql://u:{MASK}@h/d"),
        ("sql-url", "jdbc:mysql://(host=h,user=u,password=s3)/d", f"jdbc:mysql://(host=h,user=u,password={MASK})/d"),
        ("sql-url", "jdbc:sqlserver://h;user=u;password={s3};x=1", f"jdbc:sqlserver://h;user=u;password={MASK};x=1"),
        ("sql-url", "jdbc:oracle:thin:u/s3@//h:1521/x", f"jdbc:oracle:thin:u/{MASK}@//h:1521/x"),
        ("sql-url", "jdbc:oracle:thin:@//h:1521/x", "jdbc:oracle:thin:@//h:1521/x"),
        ("sql-url", "jdbc:postgresql://h/d?user=u@azure", "jdbc:postgresql://h/d?user=u@azure"),
        (
            "sql-url",
            "jdbc:postgresql://h/d?password=s3@x:y&user=u@azure",
            f"jdbc:postgresql://h/d?password={MASK}&user=u@azure",
        ),
        ("sql-url", "jdbc:mysql://u:s?3#x@h/d?password=s3", f"jdbc:mysql://u:{MASK}@h/d?password={MASK}"),
        ("sql-driver-params", "ssl=true;PASSWORD = s3", f"ssl=true;PASSWORD = {MASK}"),
        ("sql-driver-params", "sslpassword=s3;sslmode=require", f"sslpassword={MASK};sslmode=require"),
        ("sql-driver-params", "sslmode=require", "sslmode=require"),
        ("SQL-URL", "jdbc:mysql://u:s3@h:3306/d", f"jdbc:mysql://u:{MASK}@h:3306/d"),
        ("sql-ulr", "jdbc:mysql://u:s3@h:3306/d", f"jdbc:mysql://u:{MASK}@h:3306/d"),
        ("java-opts", "-XX:+UseG1GC -Xss1m -Dx=y", "-XX:+UseG1GC -Xss1m -Dx=y"),
        ("java-opts", "-Djavax.net.ssl.keyStorePassword=s3", f"-Djavax.net.ssl.keyStorePassword={MASK}"),
        (
            "java-opts",
            "'-Djavax.net.ssl.trustStorePassword=s3,x&y;z -Xss1m'",
            f"'-Djavax.net.ssl.trustStorePassword={MASK} -Xss1m'",
        ),
        (
            "java-opts",
            '-Daws.secretKey="s3 s3" -Daws.accessKeyId=s3',
            f"-Daws.secretKey={MASK} -Daws.accessKeyId={MASK}",
        ),
        ("java-opts", "-Dproxy=http://u:s3@h -Dmail=a@b", f"-Dproxy=http://u:{MASK}@h -Dmail=a@b"),
        ("java-opt", "-Dcassandra.password=s3 -Xss1m", f"-Dcassandra.password={MASK} -Xss1m"),
    ],
)
def test_of_a_url_only_the_password_is_masked(key: str, value: str, shown: str) -> None:
    assert keys.mask(key, value) == shown
    assert keys.is_secret(key)
    assert keys.has_secret(key, value) is (value != shown)
    assert "s3" not in keys.mask(key, value)


def test_the_table_tells_every_known_secret() -> None:
    assert {name for name, setting in keys.TRANSACTOR.items() if setting.secret not in ("", "whole")} == {
        *("sql-url", "sql-driver-params", "java-opts")
    }
    for name, setting in {**keys.TRANSACTOR, **keys.CF}.items():
        assert keys.secrecy(name) == setting.secret, name
        assert keys.is_secret(f"my-own-second-{name}") or setting.secret != "whole", "a misspelt one is as well"


def test_what_is_no_secret_is_shown() -> None:
    for key in ("host", "sql-user", "aws-dynamodb-user", "memcached-username", "aws-transactor-role", "pid-file"):
        assert keys.mask(key, "value") == "value"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sql-url=jdbc:postgresql://h/d?user=u&password=hunter22", ("hunter22",)),
        ("sql-url=jdbc:postgresql://u:hunter22@h/d", ("hunter22",)),
        ("sql-url=jdbc:oracle:thin:u/hunter22@h:1521/d", ("hunter22",)),
        ("sql-url=jdbc:postgresql://h/d?password=hunter%4022", ("hunter%4022", "hunter@22")),
        ('sql-driver-params=password="hunter 22";ssl=true', ('"hunter 22"', "hunter 22")),
        ("sql-driver-params=user=u;password={hunter;22}", ("{hunter;22}", "hunter;22")),
        ("sql-password=hunter22 ", ("hunter22",)),
        ("sql-password=one\nold-storage-admin-password=one-more", ("one-more", "one")),
        ("sql-url=jdbc:postgresql://h/d\nsql-password=\nhost=hunter22", ()),
    ],
)
def test_the_secrets_of_a_file_are_found_as_an_error_may_show_them(line: str, found: tuple[str, ...]) -> None:
    assert keys.secrets(Properties.parse(line.encode(), "x.properties")) == found

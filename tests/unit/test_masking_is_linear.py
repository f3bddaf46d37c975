# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that masking takes is linear in the length of what is masked, whatever stands in it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git import secret_scan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties import keys
from ansible_collections.datomic_onprem.aws.plugins.module_utils.properties.file import Properties
from ansible_collections.datomic_onprem.aws.plugins.module_utils.util import redact

SMALL, TIMES, AT_MOST = 2_000, 8, 24
"""Eight times as much takes 8 times as long when it is linear, 64 times when it is quadratic."""

UNITS = [
    *("x", "a.", "a-", "passw", "password ", "password=", "password= ", "password={", "password={;", "password;"),
    *('password="', "password='", 'password="x"', "password =", "passw.passw-", "token", "secret_", "secrets "),
    *(
        "://",
        "://u",
        "://u:",
        "://u:p",
        "://u:p@",
        "://u:p@ ",
        "://@",
        "?",
        "?a",
        "?a=",
        "?a=://u:p@",
        "@",
        "@:",
        ":@/",
    ),
    *(":thin:", ":thin:/", ":thin:u/p@", ":oci:", ":thin:?", "/", "{", "}", '"', "'", "\\", "\\\\", "\\n", "\\u000a"),
    *(
        " ",
        "\t",
        " =",
        " :",
        "a=",
        "a: ",
        "java-opts=",
        "java-opts=x ",
        "sql-url=x ",
        "sql-password=x ",
        "license-key ",
    ),
    *('"license-key": "x", ', "#", "# ", "# a", "!", "#a=b ", "${", "ENC[", "********", "AKIA", "//u:p@", "//u:"),
    *("license-key=x\\n", "sql-password=\\\\x\\n", "java-opts=-Dpassword=x\\n"),
]
LEADS = {
    "": "",
    "a secret": "sql-password=",
    "parameters": "sql-url=jdbc:",
    "options": "java-opts=-D",
    "a comment": "# license-key=",
}


def _properties(text: str) -> None:
    properties = Properties.scan(text.encode(), "x.properties")
    keys.masked(properties)
    keys.secrets(properties)
    keys.masked_diff(properties, properties)
    keys.check(properties, "transactor")


MASKERS: dict[str, Callable[[str], object]] = {
    "a file of properties": _properties,
    "a file for git": lambda text: secret_scan.masked(text.encode()),
    "secrets for git": lambda text: [secret.spellings for secret in secret_scan.secrets(text.encode())],
    "a template": redact.properties,
    "a program's output": redact.output,
}


def _seconds(work: Callable[[str], object], text: str) -> float:
    keys.secrecy.cache_clear()
    before = time.process_time()
    work(text)
    return time.process_time() - before


@pytest.mark.parametrize("masker", MASKERS)
def test_more_text_takes_longer_in_proportion(masker: str) -> None:
    slow = []
    for lead in LEADS.values():
        for unit in UNITS:
            texts = [lead + unit * (length // len(unit)) for length in (SMALL, SMALL * TIMES)]
            # A pause of the machine makes a single measurement long, none makes it short.
            for _try in range(4):
                small, large = (_seconds(MASKERS[masker], text) for text in texts)
                if large < 0.02 or large <= AT_MOST * small:
                    break
            else:
                slow.append((lead, unit, small, large))
    assert slow == []

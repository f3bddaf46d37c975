# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Alarms and dashboard watch metrics that exist: an alarm on another one never goes off."""

from __future__ import annotations

from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.alarms import alarms
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options

from tests.metrics import CLASSES, SOURCES, constants, used
from tests.template_combinations import MACHINE, METRICS, cf, transactor

REPORTING = {key.replace("-", "_"): value for key, value in METRICS.items()}


def test_every_metric_that_is_watched_has_a_source() -> None:
    files = transactor(**REPORTING), cf()
    assert set(used(modern.template(*files, Options(), MACHINE))) == set(SOURCES)
    assert {(alarm.namespace, alarm.metric) for alarm in alarms(*files).values()} <= set(SOURCES)


def test_storage_that_makes_the_transactor_wait_is_told_for_reads_and_for_writes() -> None:
    """Datomic 0.8.3826 replaced StorageBackoff by these two: https://docs.datomic.com/changes/pro.html."""
    made = alarms(transactor(**REPORTING), cf())
    waiting = {(alarm.title, alarm.metric, alarm.statistic) for alarm in made.values() if "Backoff" in alarm.metric}
    assert waiting == {
        ("storage-read-backoff", "StorageGetBackoffMsec", "Sum"),
        ("storage-write-backoff", "StoragePutBackoffMsec", "Sum"),
    }


def test_the_constants_of_a_class_file_are_read() -> None:
    utf8 = b"".join(b"\x01" + len(text).to_bytes(2, "big") + text for text in (b"Before", b"After"))
    pool = utf8[:9] + b"\x05" + bytes(8) + b"\x08\x00\x01" + utf8[9:]  # a text, a long, a string, a text
    assert constants(b"\xca\xfe\xba\xbe" + bytes(4) + (6).to_bytes(2, "big") + pool) == {"Before", "After"}
    assert CLASSES in SOURCES.values()

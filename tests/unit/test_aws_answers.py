# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a client of AWS answers in part only."""

from __future__ import annotations

import pytest
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.calls import aws_call
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import AwsError


def test_an_answer_without_its_content_is_an_error_of_aws() -> None:
    answer = aws_call("read the stack", "orders", lambda: {"Stacks": []})
    assert (answer["Stacks"], answer.get("NextToken")) == ([], None)
    with pytest.raises(AwsError, match=r"Could not read the stack orders: .* it has no Tags"):
        answer["Tags"]

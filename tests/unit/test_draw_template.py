# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture in the documentation is the template's."""

from __future__ import annotations

from tests.conftest import ROOT
from tests.tools.draw_template import drawing


def test_the_picture_is_up_to_date() -> None:
    """python -m tests.tools.draw_template draws it again."""
    drawn = drawing()
    assert (ROOT / "docs" / "architecture-aws.svg").read_text() == drawn
    for name in ("LaunchGroup", "LaunchTemplate", "NoActive", "Parameter Store"):
        assert f">{name}<" in drawn

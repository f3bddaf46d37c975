# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's main() inside the test's process, as ansible-core would: JSON in, JSON out."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Mapping
from typing import Any
from unittest import mock

from ansible.module_utils import _internal
from ansible.module_utils.common import warnings
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args
from ansible_collections.datomic_onprem.aws.plugins.module_utils import internal_options

CREDENTIALS = {"access_key": "testing", "secret_key": "testing", "region": "us-east-1"}


def run_module(
    name: str, params: Mapping[str, Any], *, check: bool = False, collection: str = "datomic_onprem.aws"
) -> dict[str, Any]:
    """The result that the module prints; its key failed is there always. Options whose value is None are left out."""
    module = importlib.import_module(f"ansible_collections.{collection}.plugins.modules.{name}")
    args = {key: value for key, value in params.items() if value is not None and not key.startswith("_")}
    args |= {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
    if "inject_invocation" in PASS_VARS:
        # The options are in the result too, as ansible-core 2.19 has them there always.
        args["_ansible_inject_invocation"] = True
    # What an earlier module of this process warned of is not this one's.
    vars(warnings)["_global_warnings"].clear()
    vars(warnings)["_global_deprecations"].clear()
    printed = io.StringIO()
    with contextlib.ExitStack() as stack:
        # What an action plugin hands over, see InProcess.internal.
        stack.enter_context(internal_options.given({key: params[key] for key in params if key.startswith("_")}))
        # A test that imports an action plugin makes this process a controller, where a module's warnings go elsewhere.
        stack.enter_context(mock.patch.object(_internal, "is_controller", False))
        stack.enter_context(patch_module_args(args))
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.suppress(SystemExit))
        module.main()
    result: dict[str, Any] = json.loads(printed.getvalue().strip().splitlines()[-1])
    return {"failed": False, **result}

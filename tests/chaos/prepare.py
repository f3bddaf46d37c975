# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every run of ansible-playbook imports and reads, done once in the process that the runs are forked from."""

from __future__ import annotations

import gc
import importlib
import pathlib
import shutil
import warnings

from ansible import constants
from ansible.plugins import loader as plugins

SERVICES = ("autoscaling", "cloudformation", "cloudwatch", "dynamodb", "ec2", "iam", "s3", "sts")
OURS = pathlib.Path(__file__).resolve().parents[2] / "plugins"
LOADERS = (
    *(plugins.callback_loader, plugins.connection_loader, plugins.inventory_loader, plugins.shell_loader),
    *(plugins.strategy_loader, plugins.vars_loader),
)


def prepare() -> None:
    load_plugins()
    # Not above: collections are found once their loader is there.
    from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import client

    client.load_models(*SERVICES)
    # Each run makes one of its own.
    shutil.rmtree(constants.DEFAULT_LOCAL_TMP)
    # What is there now stays. Looked through for garbage, every page of it would be copied to every worker.
    gc.collect()
    gc.freeze()


def load_plugins() -> None:
    """Ansible's plugins, and this collection's modules with amazon.aws's."""
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    for each in LOADERS:
        list(each.all(class_only=True))
    plugins.filter_loader.get("default")
    plugins.test_loader.get("defined")
    # Not the action plugins: one takes the standard error of its ansible-playbook when it is imported.
    for path in (OURS / "action").glob("*.py"):
        if (OURS / "modules" / path.name).exists():
            importlib.import_module(f"ansible_collections.datomic_onprem.aws.plugins.modules.{path.stem}")

#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets of a transactor, where only its role reads them."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ensure_secrets
short_description: Write the secrets of a Datomic system to Parameter Store
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Writes each value as a C(SecureString) parameter of Systems Manager, named O(path) and the property's name.
  - Instances of the V(modern) template of M(datomic_onprem.aws.create_cf_template) read them when they start. The
    properties file, the template and the user data do not contain them.
  - An equal value is not written again. Nothing is deleted.
  - Running transactors keep their values. A template with RV(versions) changes with a secret, so that the transactors
    are replaced.
options:
  path:
    description:
      - The path of the parameters. The template's default is C(/datomic/) and the stack's name.
    type: str
    required: true
  secrets:
    description: Values by property, from Ansible Vault or the environment.
    type: dict
    required: true
  kms_key_id:
    description:
      - The key that encrypts the parameters, as id, alias or ARN. The default is the account's C(aws/ssm).
      - The transactor's role needs permission to decrypt with it.
    type: str
  tags:
    description: Tags of new parameters.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Values are always masked.
  idempotent:
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.account
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - The region has to be the stack's.
seealso:
  - module: datomic_onprem.aws.create_cf_template
"""

EXAMPLES = r"""
- name: Write the password of memcached
  datomic_onprem.aws.ensure_secrets:
    path: /datomic/orders
    secrets:
      memcached-password: "{{ vaulted_memcached_password }}"
    region: eu-central-1
"""

RETURN = r"""
seconds:
  description: How long the task took.
  returned: always
  type: float
  sample: 2.4
actions:
  description: The changes in AWS. In check mode, the planned ones.
  returned: success
  type: list
  elements: dict
  contains:
    service:
      description: V(ssm).
      returned: always
      type: str
      sample: ssm
    resource:
      description: V(parameter).
      returned: always
      type: str
      sample: parameter
    name:
      description: The parameter's name.
      returned: always
      type: str
      sample: /datomic/orders/memcached-password
    change:
      description: V(create) or V(update).
      returned: always
      type: str
      sample: create
parameters:
  description: The names of the parameters, by property.
  returned: success
  type: dict
  sample: {memcached-password: /datomic/orders/memcached-password}
versions:
  description:
    - The versions of the parameters, by property.
    - M(datomic_onprem.aws.create_cf_template) takes them as C(modern.secrets_versions).
    - In check mode, the versions after the run.
  returned: success
  type: dict
  sample: {memcached-password: 3}
"""

from typing import Any

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws import ssm
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.sts import refuse_other_account
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import raise_if_errors
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.steps import secrets
from ansible_collections.datomic_onprem.aws.plugins.module_utils.system import System


def ensure(aws: Aws, system: System, desired: secrets.Desired, *, check_mode: bool) -> dict[str, Any]:
    """The module's result."""
    raise_if_errors(secrets.check(desired))
    refuse_other_account(aws, system.account_id)
    current = ssm.observe(aws, desired)
    plan = secrets.plan(desired, current)
    if not check_mode:
        plan.apply(ssm.executors(aws))
    return {
        "changed": plan.changed,
        "diff": plan.diff(),
        "actions": plan.as_returned(),
        "parameters": {key: desired.name(key) for key in sorted(desired.values)},
        "versions": secrets.versions(desired, current, plan),
    }


def main() -> None:
    spec = {
        "path": {"type": "str", "required": True},
        "secrets": {"type": "dict", "required": True, "no_log": True},
        "kms_key_id": {"type": "str", "no_log": False},
        "account_id": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    params = module.params
    system = System.of(params)
    values = {key: str(value) for key, value in params["secrets"].items()}
    desired = secrets.Desired(params["path"], values, params["kms_key_id"] or "", system.tags)
    run(module, lambda: ensure(Aws(module), system, desired, check_mode=module.check_mode))


if __name__ == "__main__":
    main()

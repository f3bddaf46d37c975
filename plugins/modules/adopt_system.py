#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module adopt_system."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: adopt_system
short_description: Write the properties files of a running stack of Datomic transactors
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Reads a running stack whose properties files are lost or never existed, and writes both files from it. The stack
    may have been made by C(bin/datomic), by this collection, or by somebody else.
  - The values come from the stack's parameters, from the user data and the instance profile in its template, from the
    security group, and from the state that all machines share.
  - Shows what it does not know, with the reason and what to do, what an update to the files would change about the
    stack, and the variables for the inventory. C(docs/adoption.md) explains them.
  - Never changes a file that exists. If one of the two exists, writes the other one and reports what the existing one
    says otherwise than the stack. Writes all missing files or none.
  - Changes nothing in AWS.
options:
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  transactor_src:
    description: The path of the transactor's properties file. Its directory has to exist.
    type: path
    required: true
  cf_src:
    description: The path of the CloudFormation properties file. Its directory has to exist.
    type: path
    required: true
  directory:
    description: The directory of the system. Results have the paths of the files relative to it.
    type: path
    default: .
  system:
    description: The name of the system on the screen, such as the inventory host. By default the name of the stack.
    type: str
  commit_secrets:
    description:
      - Whether secrets that the user data has in clear text, such as C(license-key) and C(sql-password), are written
        into the files, which are for their owner only (mode C(0600)). Runs commit such files to git only with the same
        value.
      - With V(refuse) the keys stay blank. An update to such files would take the secrets from the transactors.
        Complete the files before you run an update.
    type: str
    choices: [refuse, allow]
    default: refuse
  state:
    description: V(shared) also reads the state that all machines share, for generated names. V(local) does not.
    type: str
    choices: [shared, local]
    default: shared
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
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
  - A host in the transactor's file is always V(localhost). Each instance sets its own address.
  - Missing permissions for a service do not stop the module. It names the gap and adopts the rest. It needs
    C(cloudformation:DescribeStacks) and C(cloudformation:GetTemplate).
seealso:
  - module: datomic_onprem.aws.plan_system
"""

EXAMPLES = r"""
- name: Write the files of a stack whose repository is lost
  datomic_onprem.aws.adopt_system:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    region: eu-central-1
  register: adopted

- name: Plan an update to the files, which changes nothing
  datomic_onprem.aws.plan_system:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    template: aws/orders-cf.json
    modern: "{{ adopted.variables.datomic_modern | default({}) }}"
    tags: "{{ adopted.variables.datomic_tags | default({}) }}"
    region: eu-central-1
  when: adopted.secrets | length == 0
"""

RETURN = r"""
files:
  description: The files that were written, or that would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [aws/orders-transactor.properties, aws/orders-cf.properties]
diff:
  description: The files that were written. Secrets are masked.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: aws/orders-cf.properties
      after_header: aws/orders-cf.properties
      before: ""
      after: "aws-instance-type=c7g.large\n"
unknown:
  description: What the stack does not say, and what cannot be in the files.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: The property, or the variable of the role.
      returned: always
      type: str
      sample: license-key
    why:
      description: The reason.
      returned: always
      type: str
      sample: the user data has the secret in clear text, and the key stays blank in the file
    suggestion:
      description: What to do.
      returned: always
      type: str
      sample: write it into the file, or take flavor modern and datomic_secrets
contradictions:
  description: What a file that exists says otherwise than the stack. Secrets are masked.
  returned: success
  type: list
  elements: dict
  sample:
    - {file: aws/orders-cf.properties, key: aws-instance-type, in_file: c7g.large, in_stack: c7g.xlarge}
compared:
  description:
    - Whether RV(differs) is known. It is not if a required value is unknown, or if the template has no group
      C(LaunchGroup).
  returned: success
  type: bool
  sample: true
differs:
  description: What an update to files with these values, including all secrets, would change about the stack.
  returned: success
  type: list
  elements: str
  sample: ["image: ami-da5110cc -> ami-08170de87c7863313"]
variables:
  description:
    - The variables of the role for this system. C(datomic_secrets) refers to variables of a vault, which you have to
      create.
  returned: success
  type: dict
  sample:
    datomic_transactor_properties: aws/orders-transactor.properties
    datomic_cf_properties: aws/orders-cf.properties
    datomic_stack_name: orders
    datomic_account_id: "123456789012"
    datomic_template_flavor: modern
    datomic_modern: {java_version: 21}
    datomic_tags: {team: orders}
    datomic_secrets: {sql-password: "{{ vault_orders_sql_password }}"}
inventory:
  description: The variables as a host of an inventory, in YAML.
  returned: success, if the module runs through ansible-playbook
  type: str
  sample: |
    orders:
      datomic_transactor_properties: aws/orders-transactor.properties
      datomic_cf_properties: aws/orders-cf.properties
secrets:
  description: The keys of secrets that the files do not have. Give them in C(datomic_secrets) before you make a plan.
  returned: success
  type: list
  elements: str
  sample: [sql-password]
last_run:
  description:
    - The last run that applied files to the system, from the shared state. Its commit has the files with their
      comments. Empty if no run is known.
  returned: success
  type: str
  sample: anna@laptop (arn:aws:iam::123456789012:user/anna), 2026-11-28T12:00:00Z, commit 9a0b6c1f2de3
stack:
  description: The stack.
  returned: success
  type: dict
  sample:
    name: orders
    id: arn:aws:cloudformation:eu-central-1:123456789012:stack/orders/1a2b
    status: UPDATE_COMPLETE
    region: eu-central-1
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.adopt_system import Options, adopt_system
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "stack_name": {"type": "str", "required": True},
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "required": True},
        "directory": {"type": "path", "default": "."},
        "account_id": {"type": "str"},
        "commit_secrets": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
        "state": {"type": "str", "choices": ["shared", "local"], "default": "shared"},
        # The action plugin's.
        "system": {"type": "str"},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    options = {name: module.params[name] for name in spec if name != "system"}
    run(module, lambda: adopt_system(Aws(module), Options(**options), check_mode=module.check_mode))


if __name__ == "__main__":
    main()

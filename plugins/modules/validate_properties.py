#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule about the properties files, without AWS."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: validate_properties
short_description: Check Datomic's properties files
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Reads a transactor's properties file, a CloudFormation properties file, or both, and reports what is wrong.
    Unknown keys, wrong types and bounds, lines that Datomic's two readers understand differently, memory that does
    not fit, releases that must not be run, and more. All rules are listed in C(docs/rules.md).
  - Every error of both files comes in one message. Warnings do not fail the task.
  - Makes no call to AWS. M(datomic_onprem.aws.plan_system) applies the same rules with what AWS knows.
options:
  transactor_src:
    description: The transactor's properties file.
    type: path
  cf_src:
    description: The CloudFormation properties file.
    type: path
  datomic_version:
    description: The release for a blank C(datomic-version).
    type: str
    default: ""
  datomic_home:
    description: The root of a distribution. Its release counts when neither the file nor O(datomic_version) has one.
    type: path
  backup_heap:
    description: The heap of backups and restores, such as V(4g), to compare with the transactor's.
    type: str
    default: ""
  stack_name:
    description: The name of the stack, to be checked.
    type: str
    default: ""
  secrets:
    description:
      - Properties of the transactor whose values M(datomic_onprem.aws.ensure_secrets) keeps. They may be missing in
        its file.
    type: list
    elements: str
    default: []
  engine:
    description: The engine that provisions the system. Findings about other engines are left out.
    type: str
    choices: ["", auto, native, cli]
    default: ""
  flavor:
    description: The template's flavor. Findings about the other flavor are left out; V(auto) is either.
    type: str
    choices: ["", auto, legacy, modern]
    default: ""
  modern:
    description:
      - The options of the flavor V(modern), as M(datomic_onprem.aws.create_cf_template) takes them under the same name.
      - The form of their values is checked. Values of a wrong type are left to that module.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: The module changes nothing.
  idempotent:
    support: full
extends_documentation_fragment:
  - datomic_onprem.aws.databases
  - datomic_onprem.aws.accept
  - datomic_onprem.aws.attributes
seealso:
  - module: datomic_onprem.aws.ensure_transactor
  - module: datomic_onprem.aws.ensure_cf
"""

EXAMPLES = r"""
- name: Check both files
  datomic_onprem.aws.validate_properties:
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties

- name: Check both files, and accept one rule
  datomic_onprem.aws.validate_properties:
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    accept:
      - rule: single-transactor
        reason: A test system that may be down.
"""

RETURN = r"""
region:
  description: The stack's region, from the CloudFormation file's C(aws-region); empty without that file.
  returned: success
  type: str
  sample: us-east-1
datomic_version:
  description: The release that is going to run, from the file, O(datomic_version) or O(datomic_home); or empty.
  returned: success
  type: str
  sample: 1.0.7277
findings:
  description: All findings, in the order of files and lines. They are also shown as a table.
  returned: always
  type: list
  elements: dict
  sample:
    - rule: single-transactor
      severity: note
      file: aws/orders-cf.properties
      line: 16
      key: aws-autoscaling-group-size
      message: "one instance: no standby takes over when it fails"
      reason: until another instance has started, nothing can be written
      source: https://docs.datomic.com/operation/ha.html
      suggestion: 2 for high availability
  contains: &finding
    rule:
      description: The id of the rule, for O(accept).
      returned: always
      type: str
      sample: single-transactor
    severity:
      description: V(error), V(warning) or V(note).
      returned: always
      type: str
      sample: note
    file:
      description: The file; empty for an option.
      returned: always
      type: str
      sample: aws/orders-cf.properties
    line:
      description: The line, 0 for a missing key.
      returned: always
      type: int
      sample: 16
    key:
      description: The property.
      returned: always
      type: str
      sample: aws-autoscaling-group-size
    message:
      description: What is wrong.
      returned: always
      type: str
      sample: "one instance: no standby takes over when it fails"
    reason:
      description: Why it is wrong.
      returned: always
      type: str
      sample: until another instance has started, nothing can be written
    source:
      description: The documentation of the reason.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/ha.html
    suggestion:
      description: What to do.
      returned: always
      type: str
      sample: 2 for high availability
accepted:
  description: Findings of accepted rules.
  returned: success
  type: list
  elements: dict
  contains:
    <<: *finding
    accepted_reason:
      description: The reason in O(accept).
      returned: always
      type: str
      sample: A test system that may be down.
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.validate import DATABASES, validate
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules import SECRETS_SPEC, SPEC

TEXT = {"type": "str", "default": ""}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "transactor_src": {"type": "path"},
            "cf_src": {"type": "path"},
            "datomic_version": TEXT,
            "datomic_home": {"type": "path"},
            "backup_heap": TEXT,
            "stack_name": TEXT,
            "engine": {"type": "str", "choices": ["", "auto", "native", "cli"], "default": ""},
            "flavor": {"type": "str", "choices": ["", "auto", "legacy", "modern"], "default": ""},
            "modern": {"type": "dict", "default": {}},
            "databases": DATABASES,
            **SPEC,
            **SECRETS_SPEC,
        },
        required_one_of=[("transactor_src", "cf_src", "databases")],
        supports_check_mode=True,
    )
    run(module, lambda: validate(module.params))


if __name__ == "__main__":
    main()

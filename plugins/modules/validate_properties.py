#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every rule about the properties files, without AWS."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: validate_properties
short_description: Check Datomic's properties files against every rule that is known
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Reads a transactor's properties file, a CloudFormation properties file, or both, and reports what is wrong.
    Unknown keys, wrong types and bounds, lines that Datomic's two readers understand differently, memory that does
    not fit, releases that must not be run, and more. All rules are listed in C(docs/rules.md).
  - Every error of both files comes in one message. Warnings do not fail the task.
  - Talks to nobody. What only AWS knows can be given as an option.
options:
  transactor_src:
    description: The transactor's properties file.
    type: path
  cf_src:
    description: The CloudFormation properties file.
    type: path
  datomic_version:
    description: The release that is going to run, when the file's C(datomic-version) is blank.
    type: str
    default: ""
  datomic_home:
    description: The root of a distribution. Its release counts when file and O(datomic_version) name none.
    type: path
  backup_heap:
    description: The heap of backups and restores, such as V(4g), to be compared with the transactor's.
    type: str
    default: ""
  stack_name:
    description: The name that the stack has, or is going to have, to be checked.
    type: str
    default: ""
  secrets:
    description:
      - Properties of the transactor whose values are not in its file, because M(datomic_onprem.aws.ensure_secrets)
        keeps them. No rule calls them missing.
    type: list
    elements: str
    default: []
  engine:
    description: The engine that provisions the system. Advice about another one is left out.
    type: str
    choices: ["", auto, native, cli]
    default: ""
  flavor:
    description: The template's flavor. Advice about another one is left out; V(auto) is either.
    type: str
    choices: ["", auto, legacy, modern]
    default: ""
  modern:
    description:
      - The options of the flavor V(modern), as M(datomic_onprem.aws.create_cf_template) takes them under the same name.
      - Their form is judged together with the files. What is of another type than that module takes is not.
    type: dict
    default: {}
  running_version:
    description:
      - The release that runs now, RV(datomic_onprem.aws.transactor_info#module:running_version).
      - Without it and O(stack_version) no rule about the way from one release to another applies.
    type: str
    default: ""
  stack_version:
    description:
      - The release that the stack names, RV(datomic_onprem.aws.transactor_info#module:stack.datomic_version).
      - Where it is not known what runs, the way from this one is judged, and a warning says so.
    type: str
    default: ""
  running_heartbeat_msec:
    description:
      - The V(heartbeat-interval-msec) of the transactors that run now,
        RV(datomic_onprem.aws.transactor_info#module:running_heartbeat_msec). V(0) when it is not known.
    type: int
    default: 0
  new_stack_flavor:
    description:
      - The template that a stack is going to be created from. Leave it out when the stack exists.
    type: str
    choices: ["", legacy, modern]
    default: ""
  table:
    description:
      - When the findings are shown as a table.
      - V(errors) is for a task behind which another one judges the same files, so that each finding is shown once.
      - A task with C(no_log) shows none.
      - With a stdout callback such as C(ansible.posix.json) the table goes to standard error.
    type: str
    choices: [always, errors]
    default: always
  instance_memory_mib:
    description: The memory of the instance type in MiB, for types that C(bin/datomic) does not know.
    type: int
  table_write_units:
    description: The write capacity that is provisioned for the table. Leave it out when the table is on demand.
    type: int
  log_bucket_writable:
    description: Whether the log bucket can be written, when somebody tried.
    type: bool
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: Nothing is changed.
  idempotent:
    support: full
extends_documentation_fragment:
  - datomic_onprem.aws.accept
  - datomic_onprem.aws.attributes
requirements:
  - jproperties
seealso:
  - module: datomic_onprem.aws.ensure_transactor
  - module: datomic_onprem.aws.ensure_cf
"""

EXAMPLES = r"""
- name: Check both files
  datomic_onprem.aws.validate_properties:
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties

- name: Check an update, with one rule accepted
  datomic_onprem.aws.validate_properties:
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    running_version: 1.0.6735
    accept:
      - rule: single-transactor
        reason: A test system that may be down.
"""

RETURN = r"""
region:
  description: The CloudFormation file's C(aws-region), where the stack belongs; empty without that file.
  returned: success
  type: str
  sample: us-east-1
datomic_version:
  description: The release that is going to run, from the file or O(datomic_version); empty when neither tells.
  returned: success
  type: str
  sample: 1.0.7277
table:
  description: The DynamoDB table that the transactor's file names; empty without that file and for any other storage.
  returned: success
  type: str
  sample: orders
table_region:
  description: The region of that table, empty where the file leaves it to the connection.
  returned: success
  type: str
  sample: us-east-1
heartbeat_interval_msec:
  description: The V(heartbeat-interval-msec) of the transactor's file, or Datomic's default.
  returned: success
  type: int
  sample: 5000
storage_on_instance:
  description: Whether the database is kept on the transactor's own machine, and lost with it.
  returned: success
  type: bool
  sample: false
findings:
  description: What was found, in the order of files and lines. Shown as a table too.
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
      description: The rule's name, by which it can be accepted.
      returned: always
      type: str
      sample: single-transactor
    severity:
      description: V(error), V(warning) or V(note).
      returned: always
      type: str
      sample: note
    file:
      description: The file, empty for a finding about an option.
      returned: always
      type: str
      sample: aws/orders-cf.properties
    line:
      description: The line, 0 for a key that is not there.
      returned: always
      type: int
      sample: 16
    key:
      description: The property.
      returned: always
      type: str
      sample: aws-autoscaling-group-size
    message:
      description: What was found.
      returned: always
      type: str
      sample: "one instance: no standby takes over when it fails"
    reason:
      description: The reason of the rule.
      returned: always
      type: str
      sample: until another instance has started, nothing can be written
    source:
      description: Where the rule comes from.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/ha.html
    suggestion:
      description: What to write instead.
      returned: always
      type: str
      sample: 2 for high availability
accepted:
  description: Findings of accepted rules, each with the key C(accepted_reason) in addition to those of RV(findings).
  returned: success
  type: list
  elements: dict
  contains:
    <<: *finding
    accepted_reason:
      description: The reason that the user gives for accepting the rule.
      returned: always
      type: str
      sample: A test system that may be down.
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.validate import Options, validate
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules import SECRETS_SPEC, SPEC, acceptances
from ansible_collections.datomic_onprem.aws.plugins.module_utils.rules.facts import Facts
from ansible_collections.datomic_onprem.aws.plugins.module_utils.screen import warn_off_screen

TEXT = {"type": "str", "default": ""}
FACTS = {
    "datomic_version": TEXT,
    **SECRETS_SPEC,
    "backup_heap": TEXT,
    "engine": {"type": "str", "choices": ["", "auto", "native", "cli"], "default": ""},
    "flavor": {"type": "str", "choices": ["", "auto", "legacy", "modern"], "default": ""},
    "running_version": TEXT,
    "stack_version": TEXT,
    "running_heartbeat_msec": {"type": "int", "default": 0},
    "new_stack_flavor": {"type": "str", "choices": ["", "legacy", "modern"], "default": ""},
    "instance_memory_mib": {"type": "int"},
    "table_write_units": {"type": "int"},
    "log_bucket_writable": {"type": "bool"},
}
FILES = {
    "transactor_src": {"type": "path"},
    "cf_src": {"type": "path"},
    "datomic_home": {"type": "path"},
    # Private: the release that a check is going to unpack in datomic_home.
    "_release_to_come": TEXT,
    "stack_name": TEXT,
    "modern": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **FILES,
            **FACTS,
            **SPEC,
            # Private: findings of the other modules about the same files, to be reported with these.
            "_found": {"type": "list", "elements": "dict", "default": []},
            "table": {"type": "str", "choices": ["always", "errors"], "default": "always"},
        },
        required_one_of=[("transactor_src", "cf_src")],
        supports_check_mode=True,
    )
    params = module.params
    options = Options(
        **{name.lstrip("_"): params[name] for name in FILES},
        accept=acceptances(params),
        facts=Facts(**{name: params[name] for name in FACTS}),
        found=[Finding(**one) for one in params["_found"]],
    )
    run(module, lambda: validate(options, warn_off_screen))


if __name__ == "__main__":
    main()

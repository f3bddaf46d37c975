#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan what an update does to a system."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: plan_system
short_description: Plan what an update does to a Datomic system
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Reads both properties files, the system's resources in AWS and git, and makes the plan of an update.
    C(docs/plan.md) explains it.
  - Shows the plan on the screen. In check mode, a plan that is not empty counts as changed.
  - Changes nothing, except for a change set that it deletes again if the stack is going to change.
  - Reports all errors of the files, of AWS and of git in one table.
options:
  transactor_src:
    description: The transactor's properties file.
    type: path
    required: true
  cf_src:
    description: The CloudFormation properties file.
    type: path
    required: true
  template:
    description: The file that the template is written to. It may not exist yet.
    type: path
    required: true
  directory:
    description:
      - The directory of the system. The plan has the paths of files relative to it, so that it is the same on every
        machine.
    type: path
    default: .
  stack_name:
    description: The name of the stack.
    type: str
    required: true
  system:
    description: The system's name in the plan, such as the inventory host. By default the name of the stack.
    type: str
  create:
    description: Whether a stack that does not exist is created. Otherwise it is an error.
    type: bool
    default: false
  flavor:
    description: The template's flavor. V(auto) keeps the flavor of the stack, and is V(modern) for a new stack.
    type: str
    choices: [auto, legacy, modern]
    default: auto
  guard:
    description:
      - "Whether a modern stack gets its guard rails: termination protection; a stack policy that denies replacement and
        deletion of the group, lifted only for an update whose plan has it; rollback triggers on the stack's alarms."
      - V(false) sets nothing, and takes nothing away.
    type: bool
    default: true
  secrets:
    description:
      - Secret properties and their values, which M(datomic_onprem.aws.ensure_secrets) writes. The plan never has
        the values.
    type: dict
    default: {}
  datomic_version:
    description: The release for a blank C(datomic-version).
    type: str
    default: ""
  backup_heap:
    description: The heap of backups, such as V(4g), to compare with the transactor's. Empty without backups.
    type: str
    default: ""
  tags:
    description: Tags of all resources. The stack keeps its other tags.
    type: dict
    default: {}
  replace:
    description: Which transactors the run replaces, as O(datomic_onprem.aws.replace_transactors#module:when).
    type: str
    choices: [stale, always, never]
    default: stale
  strategy:
    description: How it replaces them, as O(datomic_onprem.aws.replace_transactors#module:strategy).
    type: str
    choices: [rolling, terminate]
    default: rolling
  pause_before_takeover:
    description: Who decides on the takeover. V(ask) asks a person, any other text is a command. By default nobody.
    type: str
    default: ""
  settle_seconds:
    description: Seconds in service after which a new transactor counts as ready, without metrics.
    type: int
    default: 300
  rollback_on_failure:
    description:
      - Whether the run returns to what ran before if the update of the stack or the replacement fails. The plan says to
        which commit, or why it does not.
    type: bool
    default: true
  backup:
    description: Whether the run backs up the databases before it changes anything.
    type: str
    choices: [never, before_update]
    default: never
  backup_max_age:
    description: The age that the newest backups may have at most, such as V(24h), where the run takes none.
    type: str
  commit:
    description: Whether the run commits the files.
    type: bool
    default: true
  commit_secrets:
    description: Whether files with secrets in clear text may be committed.
    type: str
    choices: [refuse, allow]
    default: refuse
  push:
    description: Whether the run pushes the commits. The plan asks the remote.
    type: bool
    default: false
  push_remote:
    description: The remote, as O(datomic_onprem.aws.register_files#module:push_remote).
    type: str
    default: ""
  push_branch:
    description: The branch, as O(datomic_onprem.aws.register_files#module:push_branch).
    type: str
    default: ""
  git_timeout:
    description: Seconds for each git command.
    type: float
    default: 300
  state:
    description:
      - V(shared) reads the state that all machines share, a table in DynamoDB. The plan gets the names that a run on
        another machine has generated, and refuses files that are older than those applied last.
      - V(local) does not.
    type: str
    choices: [shared, local]
    default: shared
  only:
    description: The steps that the run takes. By default all.
    type: list
    elements: str
    choices: [backup, transactor, security_group, secrets, template, stack, transactors, git, surplus]
    default: []
  forbid:
    description:
      - What the plan must not have. An error, before anything changes.
      - V(replacement) of a transactor; V(outage), a planned pause of writes longer than one failover; V(shrink),
        fewer transactors or less capacity;
        V(image), another machine image; V(deletion) of a resource.
    type: list
    elements: str
    choices: [replacement, outage, shrink, image, deletion]
    default: []
  plan_file:
    description: A file that gets the plan as JSON, with mode C(0600). Also in check mode.
    type: path
  approved_plan:
    description:
      - A file that O(plan_file) has written. The module fails if its plan is another one, and reports the
        differences.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the details of each change below its line.
  idempotent:
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.accept
  - datomic_onprem.aws.account
  - datomic_onprem.aws.databases
  - datomic_onprem.aws.engine
  - datomic_onprem.aws.ingress
  - datomic_onprem.aws.modern
  - datomic_onprem.aws.resources
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
seealso:
  - module: datomic_onprem.aws.ensure_transactor
  - module: datomic_onprem.aws.ensure_cf
  - module: datomic_onprem.aws.create_cf_template
  - module: datomic_onprem.aws.update_stack
  - module: datomic_onprem.aws.replace_transactors
  - module: datomic_onprem.aws.register_files
"""

EXAMPLES = r"""
- name: Plan an update
  datomic_onprem.aws.plan_system:
    stack_name: orders
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    template: aws/orders-cf.json
    region: eu-central-1
    forbid: [outage, deletion]
    plan_file: orders-plan.json
  register: planned

- name: Create or update the stack
  datomic_onprem.aws.update_stack:
    stack_name: orders
    template: aws/orders-cf.json
    tags: "{{ planned.steps.stack.tags }}"
    notification_arns: "{{ planned.steps.stack.notification_arns }}"
    region: eu-central-1
  when: planned.steps.stack.changed
"""

RETURN = r"""
files:
  description: The SHA-256 of each properties file that the plan was made from, by its path.
  type: dict
  returned: success
pending:
  description: Whether a run has something to do.
  returned: success
  type: bool
  sample: true
plan:
  description: The plan, in the form of C(docs/plan.schema.json). Secrets are masked.
  returned: success
  type: dict
  sample:
    version: 1
    system: orders
    stack: orders
    account: "123456789012"
    region: eu-central-1
    summary: {create: 0, update: 2, delete: 0, replace: 2}
    digest: 3f1c2d9e
warned:
  description: The warnings that the plan shows. Later modules of the role do not repeat them.
  returned: success
  type: list
  elements: str
  sample: []
seen:
  description: What M(datomic_onprem.aws.begin_run) compares, to know whether the plan is still true.
  returned: success
  type: dict
  sample: {revision: 7, stack: "", security_group: sg-0a1b2c3d4e5f67890}
steps:
  description:
    - The steps of a run, each with C(changed), which says whether the run takes it, and with what it needs.
    - The names are C(backup), C(git), C(transactor), C(security_group), C(secrets), C(template), C(surplus), C(stack)
      C(transactors) and C(rollback), which has no C(changed).
    - C(edited) of C(git) is whether files differ from the last commit before the run.
  returned: success
  type: dict
  contains:
    template:
      description: The template. C(flavor) and C(modern) are options of M(datomic_onprem.aws.create_cf_template).
      returned: always
      type: dict
      sample: {changed: true, flavor: modern, modern: {}, holds_secrets: false}
    surplus:
      description: Transactors above the group's C(size) in the file, to be terminated before the stack is updated.
      returned: always
      type: dict
      sample: {changed: false, size: 2}
    stack:
      description:
        - The stack. C(tags), C(notification_arns), C(resources), C(guard) and C(send) are options of
          M(datomic_onprem.aws.update_stack).
        - C(commit_before) is the commit of the files from which the stack's current template was made. Empty if git
          does not prove it, and if nothing changes.
      returned: always
      type: dict
      sample: {changed: true, exists: true, tags: {team: orders}, notification_arns: "", commit_before: ""}
    rollback:
      description:
        - What the run does if the update of the stack or the replacement fails. It returns to C(commit) if that is
          C(possible).
        - C(roll_back_while) is an option of M(datomic_onprem.aws.replace_transactors). C(instances) are those that run
          the stack's present template, C(size) is the group's by it.
      returned: always
      type: dict
      sample: {possible: true, commit: 9a0b6c1, roll_back_while: [all, some], instances: [i-0123456789abcdef0], size: 2}
findings:
  description: All findings, if there is an error among them.
  returned: on errors
  type: list
  elements: dict
  sample: []
"""

from typing import get_args

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.plan_system import SYSTEM, plan
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import STEPS
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan_guard import Forbidden


def main() -> None:
    spec = {
        **SYSTEM,
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "required": True},
        "template": {"type": "path", "required": True},
        "create": {"type": "bool", "default": False},
        "backup_heap": {"type": "str", "default": ""},
        "replace": {"type": "str", "choices": ["stale", "always", "never"], "default": "stale"},
        "strategy": {"type": "str", "choices": ["rolling", "terminate"], "default": "rolling"},
        "pause_before_takeover": {"type": "str", "default": ""},
        "settle_seconds": {"type": "int", "default": 300},
        "rollback_on_failure": {"type": "bool", "default": True},
        "backup": {"type": "str", "choices": ["never", "before_update"], "default": "never"},
        "commit": {"type": "bool", "default": True},
        "commit_secrets": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
        "push": {"type": "bool", "default": False},
        "push_remote": {"type": "str", "default": ""},
        "push_branch": {"type": "str", "default": ""},
        "only": {"type": "list", "elements": "str", "choices": [*STEPS, "surplus"], "default": []},
        "forbid": {"type": "list", "elements": "str", "choices": list(get_args(Forbidden)), "default": []},
        "plan_file": {"type": "path"},
        "approved_plan": {"type": "path"},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    run(module, lambda: plan(Aws(module), module.params, check_mode=module.check_mode))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module register_files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: register_files
version_added: 1.0.0
short_description: Commit the files of a Datomic system to git, and nothing else
description:
  - Commits the given files as they are in the work tree. All other staged and changed files stay as they are.
  - Makes no commit if the last commit already has the files. Never forces a push.
  - Uses the C(git) program, with the user's hooks, signing, filters and identity.
  - Refuses to commit a secret in clear text, unless O(secrets=allow).
  - Runs in one repository wait for each other. The next run finishes a killed one.
author:
  - Datomic On-Prem on AWS maintainers (@datomic-onprem)
requirements:
  - git 2.25 or newer
extends_documentation_fragment:
  - datomic_onprem.aws.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  paths:
    description:
      - The files, all in one repository. Each has to exist.
      - Relative paths start at the current directory of C(ansible-playbook).
      - For a symbolic link, the link and its target are committed.
    type: list
    elements: path
    required: true
  commit_message:
    description:
      - The commit's message.
      - One of O(commit_message) and O(plan) is required. With both, the subject of a commit with O(stage=after) ends in
        C(; what the run wrote), or in the failure, and with O(stage=rollback) in C(; roll back to) and the commit, so
        that no two commits of a run have the same subject.
    type: str
  plan:
    description:
      - The plan of the run that makes the commit, as RV(datomic_onprem.aws.plan_system#module:plan).
      - >-
        The module makes the commit's message from it and from the files. The subject says what changed in the files,
        such as C(orders: memory-index-max 256m -> 512m). The body has the lines of the plan. Secrets are masked.
    type: dict
  stage:
    description:
      - For a message from O(plan), which of the commits of a run it is.
      - V(before) registers the files as the user edited them, before the run changes anything.
      - V(after) registers what the run wrote, such as generated names and the template. Its subject says so.
      - >-
        V(rollback) registers the files that M(datomic_onprem.aws.restore_files) restored after a failure. Its subject
        is such as C(orders: roll back to 9a0b6c1: The transactors were not replaced).
    type: str
    choices: [before, after, rollback]
    default: before
  restored_commit:
    description: With O(stage=rollback), the commit that the files were restored from.
    type: str
  reason:
    description: Why the files change. A line of a message from O(plan).
    type: str
  failed_step:
    description:
      - >-
        The step of the run that failed, unless O(stage=before). The subject of a message from O(plan) with
        O(stage=after) says it, such as C(not applied: stack rolled back).
    type: str
    choices: [transactor, security_group, secrets, template, surplus, stack, transactors]
  failure:
    description: The error of O(failed_step). A message from O(plan) has its first line.
    type: str
  push:
    description:
      - Push the branch if the remote branch lacks any of its commits, also earlier ones.
    type: bool
    default: false
  push_remote:
    description:
      - The remote to push to, or its URL.
      - The default is the upstream's remote, or else V(origin).
    type: str
  push_branch:
    description:
      - The branch on the remote to push to.
      - The default is the upstream, or with O(push_remote) the branch of the same name.
      - A run on a detached HEAD, as in a CI job, needs O(push) and this option. A check only warns.
    type: str
  secrets:
    description:
      - V(refuse) refuses a secret in clear text in a properties file or a template. A git filter may encrypt the file
        (git-crypt, SOPS).
      - V(allow) commits it. It then stays in the repository's history.
      - A secret that the last commit already has is a warning.
    type: str
    choices: [refuse, allow]
    default: refuse
  timeout:
    description:
      - Seconds that each git command may take, including hooks, filters, signing and ssh.
      - After them the command is stopped with all its processes, and the module fails.
      - A line reports the wait after 10 seconds and then once a minute, if the module runs inside C(ansible-playbook).
    type: float
    default: 300
notes:
  - The module runs where the files are, and needs no AWS credentials.
seealso:
  - module: datomic_onprem.aws.ensure_transactor
  - module: datomic_onprem.aws.ensure_cf
  - module: datomic_onprem.aws.create_cf_template
"""

EXAMPLES = r"""
- name: Commit the files of the system orders
  datomic_onprem.aws.register_files:
    paths:
      - aws/orders-transactor.properties
      - aws/orders-cf.properties
    commit_message: "orders: as provisioned"

- name: Commit and push them
  datomic_onprem.aws.register_files:
    paths:
      - aws/orders-transactor.properties
      - aws/orders-cf.properties
      - aws/orders-cf.json
    commit_message: "orders: as provisioned"
    push: true

- name: Commit what a run has written
  datomic_onprem.aws.register_files:
    paths:
      - aws/orders-transactor.properties
      - aws/orders-cf.properties
      - aws/orders-cf.json
    plan: "{{ datomic_plan.plan }}"
    stage: after
    reason: More memory for the reports

- name: Push from a CI job with a detached HEAD
  datomic_onprem.aws.register_files:
    paths:
      - aws/orders-transactor.properties
    commit_message: "orders: as provisioned"
    push: true
    push_remote: origin
    push_branch: main
"""

RETURN = r"""
seconds:
  description: How long the task took.
  returned: always
  type: float
  sample: 2.4
commit:
  description: The id of the commit; V(null) without a commit, and in check mode.
  returned: always, also when the push failed
  type: str
  sample: 9a0b6c1f2de34c0f8b1f8a2f5c1f7f0e3d2c1b0a
files:
  description: Files that differed from the last commit, relative to the root of the work tree.
  returned: always, also when the push failed
  type: list
  elements: str
  sample: [aws/orders-transactor.properties]
pushed:
  description: Whether commits were pushed. In check mode, whether a run pushes some.
  returned: always, also when the push failed
  type: bool
  sample: true
branch:
  description: The branch of the commit; V(null) on a detached HEAD.
  returned: always, also when the push failed
  type: str
  sample: main
diff:
  description: The files before and after, with secrets as V(********).
  returned: always, also when the push failed
  type: list
  elements: dict
  contains:
    before_header:
      description: The file and its mode in git.
      returned: always
      type: str
      sample: aws/orders-transactor.properties (mode 100644)
    after_header:
      description: The file and its mode in git.
      returned: always
      type: str
      sample: aws/orders-transactor.properties (mode 100644)
    before:
      description: The content in the last commit; empty for a new file.
      returned: always
      type: str
      sample: "aws-transactor-role=\n"
    after:
      description: The content that is committed.
      returned: always
      type: str
      sample: "aws-transactor-role=datomic-aws-transactor\n"
findings:
  description: Everything that prevents the commit.
  returned: on errors
  type: list
  elements: dict
  contains:
    rule:
      description: The id of the rule.
      returned: always
      type: str
      sample: git-clear-text-secret
    message:
      description: What is wrong.
      returned: always
      type: str
      sample: a secret in clear text would get into git
    severity:
      description: V(error) or V(warning).
      returned: always
      type: str
      sample: error
    file:
      description: The file, or the root of the work tree.
      returned: always
      type: str
      sample: aws/orders-transactor.properties
    line:
      description: The line, from 1; 0 for none.
      returned: always
      type: int
      sample: 12
    key:
      description: The property of the file, or the option of the module.
      returned: always
      type: str
      sample: license-key
    reason:
      description: Why it is wrong.
      returned: always
      type: str
      sample: ""
    source:
      description: The source of the rule.
      returned: always
      type: str
      sample: ""
    suggestion:
      description: What to do.
      returned: always
      type: str
      sample: >-
        encrypt the file with a git filter (git-crypt, SOPS), or accept it with secrets: allow
        (datomic_commit_secrets: allow in the role)
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datomic_onprem.aws.plugins.module_utils.errors import Finding, InputError
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git import Request, register
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git.message import FAILED, Run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Plan


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "commit_message": {"type": "str"},
            "plan": {"type": "dict"},
            "stage": {"type": "str", "choices": ["before", "after", "rollback"], "default": "before"},
            "restored_commit": {"type": "str"},
            "reason": {"type": "str"},
            "failed_step": {"type": "str", "choices": list(FAILED)},
            "failure": {"type": "str"},
            "push": {"type": "bool", "default": False},
            "push_remote": {"type": "str"},
            "push_branch": {"type": "str"},
            "secrets": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse", "no_log": False},
            "timeout": {"type": "float", "default": 300.0},
        },
        required_one_of=[("commit_message", "plan")],
        required_if=[("stage", "rollback", ["restored_commit"])],
        supports_check_mode=True,
    )
    run(module, lambda: _registered(module))


def _registered(module: AnsibleModule) -> Mapping[str, Any]:
    options = module.params
    request = Request(
        paths=options["paths"],
        message=options["commit_message"] or "",
        run=None if options["plan"] is None else _run(options),
        push=options["push"],
        remote=options["push_remote"] or "",
        branch=options["push_branch"] or "",
        allow_secrets=options["secrets"] == "allow",
        timeout=options["timeout"],
    )
    return register(request, check=module.check_mode)


def _run(options: Mapping[str, Any]) -> Run:
    try:
        plan = Plan.of(options["plan"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        wrong = Finding("invalid-option", "is no plan", key="plan", suggestion="give the plan of plan_system")
        raise InputError([wrong]) from error
    return Run(
        plan,
        written=options["stage"] != "before",
        restored=options["restored_commit"] or "",
        failed_step=options["failed_step"] or "",
        failure=options["failure"] or "",
        reason=options["reason"] or "",
    )


if __name__ == "__main__":
    main()

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
  - Commits the given files as they are in the work tree. What else is staged or changed stays exactly as it was.
  - Makes no commit when the last one already holds the files, and never forces a push.
  - Uses the C(git) program, so that hooks, signing, filters and identity are those of the user.
  - Refuses to commit a secret in clear text, unless told otherwise.
  - Several runs in one repository wait for each other. A run that was killed is finished by the next one.
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
      - A relative path starts at the directory that C(ansible-playbook) was started in.
      - Of a symbolic link, both the link and the file that it leads to are registered.
    type: list
    elements: path
    required: true
  commit_message:
    description:
      - The commit's message.
      - In a task C(message) is the same. Ansible keeps that name for itself in modules, so an action plugin
        translates it.
    type: str
    required: true
  push:
    description:
      - Push the branch when the remote branch lacks a commit of it, also one that an earlier run or the user made.
    type: bool
    default: false
  push_remote:
    description:
      - The remote to push to, or its URL.
      - By default the one of the branch's upstream, otherwise V(origin).
    type: str
  push_branch:
    description:
      - The branch on the remote to push to.
      - By default the branch's upstream, or with O(push_remote) given the branch of the same name.
      - Together with O(push) it makes a commit on a detached HEAD possible, which is what a CI job has.
        Without it a run is refused there, before anything is committed. A check never is, it warns.
    type: str
  secrets:
    description:
      - V(refuse) makes it an error when what git would store has a secret in clear text,
        in a properties file or in a template. A file that a git filter encrypts (git-crypt, SOPS) has none.
      - V(allow) commits it all the same. It then stays in the repository's history.
      - A secret that the last commit has already is a warning, and in check mode no more than that.
    type: str
    choices: [refuse, allow]
    default: refuse
  timeout:
    description:
      - Seconds that each git command may take, with its hooks, filters, signing and ssh.
      - A command that does not end in time is stopped, with all that it started, and the module fails.
      - While it is waited for, a line says so after 10 seconds and then once a minute, where the module runs in
        C(ansible-playbook)'s own process, as the role runs it.
    type: float
    default: 300
notes:
  - On the local host, where the files are, this module needs no AWS credentials.
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

- name: Push from a CI job, whose HEAD is detached
  datomic_onprem.aws.register_files:
    paths:
      - aws/orders-transactor.properties
    commit_message: "orders: as provisioned"
    push: true
    push_remote: origin
    push_branch: main
"""

RETURN = r"""
commit:
  description: Id of the commit; V(null) when there was nothing to commit, and in check mode.
  returned: always, also when the push failed
  type: str
  sample: 9a0b6c1f2de34c0f8b1f8a2f5c1f7f0e3d2c1b0a
files:
  description: Files whose content differed from the last commit, relative to the root of the work tree.
  returned: always, also when the push failed
  type: list
  elements: str
  sample: [aws/orders-transactor.properties]
pushed:
  description: Whether the remote branch moved; in check mode, whether it would.
  returned: always, also when the push failed
  type: bool
  sample: true
branch:
  description: The branch that the commit is on; V(null) on a detached HEAD.
  returned: always, also when the push failed
  type: str
  sample: main
diff:
  description: The files before and after, secrets as V(********).
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
      description: What the last commit has, empty for a file that is new there.
      returned: always
      type: str
      sample: "aws-transactor-role=\n"
    after:
      description: What is registered.
      returned: always
      type: str
      sample: "aws-transactor-role=datomic-aws-transactor\n"
findings:
  description: Everything that stands against registering the files.
  returned: when that is why the module failed
  type: list
  elements: dict
  contains:
    rule:
      description: Name of the rule.
      returned: always
      type: str
      sample: git-clear-text-secret
    message:
      description: What is wrong.
      returned: always
      type: str
      sample: a secret in clear text would get into git
    severity:
      description: How bad it is.
      returned: always
      type: str
      sample: error
    file:
      description: The file, or the root of the work tree.
      returned: always
      type: str
      sample: aws/orders-transactor.properties
    line:
      description: The line, 1 is the first, 0 none.
      returned: always
      type: int
      sample: 12
    key:
      description: The setting in the file, or the option of the module.
      returned: always
      type: str
      sample: license-key
    reason:
      description: The reason.
      returned: always
      type: str
      sample: ""
    source:
      description: Where the rule comes from.
      returned: always
      type: str
      sample: ""
    suggestion:
      description: What to do instead.
      returned: always
      type: str
      sample: >-
        encrypt the file with a git filter (git-crypt, SOPS), or accept it with secrets: allow
        (datomic_commit_secrets: allow in the role)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datomic_onprem.aws.plugins.module_utils import internal_options
from ansible_collections.datomic_onprem.aws.plugins.module_utils.git import Request, register
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "required": True},
            "commit_message": {"type": "str", "required": True},
            "push": {"type": "bool", "default": False},
            "push_remote": {"type": "str"},
            "push_branch": {"type": "str"},
            "secrets": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse", "no_log": False},
            "timeout": {"type": "float", "default": 300.0},
        },
        supports_check_mode=True,
    )
    options = module.params
    request = Request(
        paths=options["paths"],
        message=options["commit_message"],
        push=options["push"],
        remote=options["push_remote"] or "",
        branch=options["push_branch"] or "",
        allow_secrets=options["secrets"] == "allow",
        timeout=options["timeout"],
        **internal_options.get(),
    )
    run(module, lambda: register(request, check=module.check_mode))


if __name__ == "__main__":
    main()

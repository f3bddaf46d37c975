#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module restore_files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_files
version_added: 1.0.0
short_description: Write the files of a Datomic system as they are in an earlier commit
description:
  - Writes the two properties files and the template as they are in a commit, after the filters of the repository
    (git-crypt, SOPS), as C(git checkout) does. The index of the repository stays as it is.
  - A generated name that is blank or missing in the commit keeps its present value, so that no resource is created
    again. Generated are the names of roles, users, the log bucket and the security group.
  - Changes of the files that are not committed are lost. M(datomic_onprem.aws.register_files) commits them before.
author:
  - Datomic On-Prem on AWS maintainers (@datomic-onprem)
requirements:
  - git 2.25 or newer
  - jproperties
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
  transactor_src:
    description: The transactor's properties file.
    type: path
    required: true
  cf_src:
    description: The CloudFormation properties file.
    type: path
    required: true
  template:
    description: The template.
    type: path
    required: true
  commit:
    description: The commit, such as V(9a0b6c1) or V(HEAD~2). It has to have all three files.
    type: str
    required: true
  timeout:
    description: Seconds that each git command may take, including filters.
    type: float
    default: 300
notes:
  - The module runs where the files are, and needs no AWS credentials.
seealso:
  - module: datomic_onprem.aws.register_files
"""

EXAMPLES = r"""
- name: Restore the files of the system orders
  datomic_onprem.aws.restore_files:
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    template: aws/orders-cf.json
    commit: 9a0b6c1
"""

RETURN = r"""
commit:
  description: The id of the commit.
  returned: always
  type: str
  sample: 9a0b6c1f2de34c0f8b1f8a2f5c1f7f0e3d2c1b0a
files:
  description: The files that differed.
  returned: always
  type: list
  elements: str
  sample: [aws/orders-transactor.properties]
diff:
  description: The changes of the files. Secrets are masked.
  returned: always
  type: list
  elements: dict
  contains:
    before_header:
      description: The file.
      returned: always
      type: str
      sample: aws/orders-transactor.properties
    after_header:
      description: The file.
      returned: always
      type: str
      sample: aws/orders-transactor.properties
    before:
      description: The file as it was; empty without one.
      returned: always
      type: str
      sample: "memory-index-max=512m\n"
    after:
      description: The file as it is restored.
      returned: always
      type: str
      sample: "memory-index-max=256m\n"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.restore_files import Options, restore
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run


def main() -> None:
    spec = {
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "required": True},
        "template": {"type": "path", "required": True},
        "commit": {"type": "str", "required": True},
        "timeout": {"type": "float", "default": 300.0},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    run(module, lambda: restore(Options(**{name: module.params[name] for name in spec}), check_mode=module.check_mode))


if __name__ == "__main__":
    main()

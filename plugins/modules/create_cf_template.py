#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(bin/datomic create-cf-template) does."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: create_cf_template
short_description: Write the CloudFormation template of Datomic transactors
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Writes a template from the two properties files, as C(bin/datomic create-cf-template) does. The same files always
    give the same template. The file is written only if it differs.
  - O(flavor=legacy) needs no credentials, except for an unknown instance type.
  - O(flavor=modern) checks instance type, image, subnets, security group and release with AWS first.
options:
  transactor_src:
    description: The transactor's properties file.
    type: path
    required: true
  cf_src:
    description: The CloudFormation properties file.
    type: path
    required: true
  dest:
    description:
      - The template. A new file is readable by its owner only (mode 0600).
      - A template that contains secrets always gets that mode.
    type: path
    required: true
  flavor:
    description:
      - V(legacy) is the template of C(bin/datomic). It contains the file's secrets in clear text.
      - V(modern) is a template that AWS accepts in new accounts.
    type: str
    choices: [legacy, modern]
    default: legacy
  transactor_values:
    description:
      - Properties that replace those of O(transactor_src).
      - For check mode, in which earlier modules have not written their generated values.
    type: dict
    default: {}
  cf_values:
    description: The same for O(cf_src).
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
extends_documentation_fragment:
  - datomic_onprem.aws.modern
  - datomic_onprem.aws.engine
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - The region is the CloudFormation file's C(aws-region), whatever O(region) says.
  - Values with characters that the instance's shell or Java interprets are escaped and reach the transactor unchanged.
seealso:
  - module: datomic_onprem.aws.ensure_cf
  - module: amazon.aws.cloudformation
"""

EXAMPLES = r"""
- name: Write the template
  datomic_onprem.aws.create_cf_template:
    transactor_src: aws/orders-transactor.properties
    cf_src: aws/orders-cf.properties
    dest: aws/orders-cf.json

- name: Create or update the stack
  amazon.aws.cloudformation:
    stack_name: orders
    template: aws/orders-cf.json
"""

RETURN = r"""
seconds:
  description: How long the task took.
  returned: always
  type: float
  sample: 2.4
engine:
  description: The engine that did the work, V(native) or V(cli).
  returned: success
  type: str
  sample: native
engine_reason:
  description: Why this engine did the work.
  returned: success
  type: str
  sample: preferred by auto
prediction:
  description: Whether the result is the native engine's plan, as in check mode with O(engine=cli).
  returned: success
  type: bool
  sample: false
template:
  description: The template. Secrets are masked.
  returned: success
  type: dict
  sample: {Description: Datomic Transactor Template}
path:
  description: The template's file, O(dest).
  returned: success
  type: str
  sample: aws/orders-cf.json
holds_secrets:
  description: Whether the template contains a secret in clear text.
  returned: success
  type: bool
  sample: false
sha256:
  description: SHA-256 of the template.
  returned: success
  type: str
  sample: 7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730
findings:
  description: All errors.
  returned: on errors
  type: list
  elements: dict
  contains:
    rule:
      description: The id of the rule.
      returned: always
      type: str
      sample: required-key
    message:
      description: What is wrong.
      returned: always
      type: str
      sample: "Missing property: java-xmx"
    severity:
      description: V(error).
      returned: always
      type: str
      sample: error
    file:
      description: The file.
      returned: always
      type: str
      sample: aws/orders-cf.properties
    line:
      description: The line, or 0 for a missing key.
      returned: always
      type: int
      sample: 12
    key:
      description: The property.
      returned: always
      type: str
      sample: java-xmx
    reason:
      description: Why it is wrong.
      returned: always
      type: str
      sample: the stack's template cannot be made without it
    source:
      description: The source of the rule.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/aws.html
    suggestion:
      description: What to do.
      returned: always
      type: str
      sample: write java-xmx=… with a value, or run ensure_cf, which fills it in
error_code:
  description: AWS's error code; empty if AWS did not answer.
  returned: when an AWS call failed
  type: str
  sample: UnauthorizedOperation
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine as cli_engine
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.create_cf_template import Options, create
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import SPEC as MODERN


def main() -> None:
    spec = {
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "required": True},
        "dest": {"type": "path", "required": True},
        "flavor": {"type": "str", "choices": ["legacy", "modern"], "default": "legacy"},
        "transactor_values": {"type": "dict", "default": {}},
        "cf_values": {"type": "dict", "default": {}},
        "modern": {"type": "dict", "default": {}, "options": MODERN},
    }
    module = AnsibleAWSModule(argument_spec={**spec, **cli_engine.SPEC}, supports_check_mode=True)
    options = Options(**{name: module.params[name] for name in spec})
    engine = cli_engine.chosen(module.params, check_mode=module.check_mode)
    run(module, lambda: create(Aws(module), options, engine, check_mode=module.check_mode))


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(bin/datomic create-cf-template) does."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: create_cf_template
short_description: Make the CloudFormation template of a group of Datomic transactors
version_added: 1.0.0
author: Datomic On-Prem on AWS maintainers (@datomic-onprem)
description:
  - Makes a template of the transactor's and the CloudFormation properties file, as C(bin/datomic create-cf-template)
    does. The same files always make the same bytes, and the file is written only when it differs.
  - O(flavor=legacy) needs neither AWS nor credentials, except for an instance type that it does not know.
  - O(flavor=modern) asks AWS about the instance type, the image, the subnets, the security group and the release in the
    deploy bucket, before anything is touched.
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
      - Where the template is written. A new file belongs to its owner alone (mode 0600).
      - A template with secrets in it gets that mode also when the file was there.
    type: path
    required: true
  flavor:
    description:
      - Which template.
      - V(legacy) is the one that the distribution's tool makes. It carries the file's secrets in clear text.
      - V(modern) is what AWS takes today.
    type: str
    choices: [legacy, modern]
    default: legacy
  transactor_values:
    description:
      - Properties that count in place of those in O(transactor_src).
      - For check mode, in which the modules before this one have not written what they generate.
    type: dict
    default: {}
  cf_values:
    description: The same for O(cf_src).
    type: dict
    default: {}
  modern:
    description:
      - What may be chosen for O(flavor=modern).
      - The properties that are secret (passwords, secret keys) must have no value in O(transactor_src).
    type: dict
    default: {}
    suboptions:
      subnets:
        description: Subnets of one VPC, in which the instances run. Without them, the default VPC's.
        type: list
        elements: str
        default: []
      image_id:
        description:
          - Your own machine image, with C(dnf), C(systemd) and the AWS CLI, on an EBS volume.
          - Without it, the newest Amazon Linux 2023 at each update.
        type: str
        default: ''
      java_version:
        description: The release of Amazon Corretto.
        type: int
        choices: [17, 21, 25]
        default: 17
      volume_size:
        description: Size of the encrypted root volume in GiB, at least that of the image's snapshot.
        type: int
        default: 20
      valcache:
        description: Whether an NVMe instance store, if the type has one, holds Datomic's valcache.
        type: bool
        default: true
      session_manager:
        description: Whether operators get a shell through Session Manager of Systems Manager. There is no ssh.
        type: bool
        default: false
      extra_jars:
        description: Files as C(s3://BUCKET/KEY.jar) that are put on the transactor's class path.
        type: list
        elements: str
        default: []
      sha256:
        description:
          - The SHA-256 of the release's archive.
          - Without it, that of a release known to this collection, or the one in the bucket beside the archive.
        type: str
        default: ''
      secrets:
        description:
          - Properties whose values M(datomic_onprem.aws.ensure_secrets) has written.
          - They are refused with O(flavor=legacy), whose transactors would not read them.
        type: list
        elements: str
        default: []
      secrets_versions:
        description:
          - Their versions, as M(datomic_onprem.aws.ensure_secrets) returns them, so that a changed secret changes the
            template.
          - Of a property without one, each instance reads the newest version.
        type: dict
        default: {}
      secrets_path:
        description: Where they are. Without it, C(/datomic/) followed by the stack's name.
        type: str
        default: ''
      secrets_kms_key:
        description: The ARN of the key that encrypts them, when it is one of your own. An alias does not do.
        type: str
        default: ''
      alarms:
        description: Whether there are alarms and a dashboard, if the transactor's file has both C(aws-cloudwatch) keys.
        type: bool
        default: true
      alarm_topic:
        description: The ARN of the topic to which alarms go, of the stack's region. Without it, the stack makes one.
        type: str
        default: ''
      alarm_email:
        description: An address that is subscribed to the stack's own topic. Not together with O(modern.alarm_topic).
        type: str
        default: ''
      tags:
        description: Tags of the instances and their volumes, texts. V(Name) is always the stack's name.
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
  - datomic_onprem.aws.engine
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
notes:
  - The region is the CloudFormation file's C(aws-region), whatever O(region) says.
  - Values with characters that mean something to the instance's shell or to Java are escaped, so that they reach the
    transactor unchanged. The tool lets the shell interpret them.
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
engine:
  description: Which engine worked, V(native) or V(cli).
  returned: success
  type: str
  sample: native
engine_reason:
  description: Why it was this engine.
  returned: success
  type: str
  sample: preferred by auto
prediction:
  description: Whether the native engine tells what the tool would do, as in check mode with O(engine=cli).
  returned: success
  type: bool
  sample: false
template:
  description: The template. Secrets are masked.
  returned: success
  type: dict
  sample: {Description: Datomic Transactor Template}
path:
  description: The file with the template, O(dest).
  returned: success
  type: str
  sample: aws/orders-cf.json
holds_secrets:
  description: Whether the template carries a secret in clear text.
  returned: success
  type: bool
  sample: false
sha256:
  description: The checksum of the template's bytes.
  returned: success
  type: str
  sample: 7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730
findings:
  description: What is wrong with the files.
  returned: when something is
  type: list
  elements: dict
  contains:
    rule:
      description: The name of the rule that found it.
      returned: always
      type: str
      sample: required-key
    message:
      description: What was found.
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
      description: The line, 0 for a key that is not there.
      returned: always
      type: int
      sample: 12
    key:
      description: The property.
      returned: always
      type: str
      sample: java-xmx
    reason:
      description: The reason of the rule.
      returned: always
      type: str
      sample: the stack's template cannot be made without it
    source:
      description: Where the rule comes from.
      returned: always
      type: str
      sample: https://docs.datomic.com/operation/aws.html
    suggestion:
      description: What to write instead.
      returned: always
      type: str
      sample: write java-xmx=… with a value, or run ensure_cf, which fills it in
error_code:
  description: The code of an error of AWS, empty when AWS did not answer.
  returned: when a call of AWS failed
  type: str
  sample: UnauthorizedOperation
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.cli import engine as cli_engine
from ansible_collections.datomic_onprem.aws.plugins.module_utils.commands.create_cf_template import Options, create
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.screen import warn

MODERN = {
    "subnets": {"type": "list", "elements": "str", "default": []},
    "image_id": {"type": "str", "default": ""},
    "java_version": {"type": "int", "choices": [17, 21, 25], "default": 17},
    "volume_size": {"type": "int", "default": 20},
    "valcache": {"type": "bool", "default": True},
    "session_manager": {"type": "bool", "default": False},
    "extra_jars": {"type": "list", "elements": "str", "default": []},
    "sha256": {"type": "str", "default": ""},
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "secrets_versions": {"type": "dict", "default": {}, "no_log": False},
    "secrets_path": {"type": "str", "default": "", "no_log": False},
    "secrets_kms_key": {"type": "str", "default": "", "no_log": False},
    "alarms": {"type": "bool", "default": True},
    "alarm_topic": {"type": "str", "default": ""},
    "alarm_email": {"type": "str", "default": ""},
    "tags": {"type": "dict", "default": {}},
}


def main() -> None:
    spec = {
        "transactor_src": {"type": "path", "required": True},
        "cf_src": {"type": "path", "required": True},
        "dest": {"type": "path", "required": True},
        # Private: where check mode writes the template that dest would get, for the role's plan of the stack.
        "_planned_dest": {"type": "path"},
        "flavor": {"type": "str", "choices": ["legacy", "modern"], "default": "legacy"},
        "transactor_values": {"type": "dict", "default": {}},
        "cf_values": {"type": "dict", "default": {}},
        "modern": {"type": "dict", "default": {}, "options": MODERN},
    }
    module = AnsibleAWSModule(argument_spec={**spec, **cli_engine.SPEC}, supports_check_mode=True)
    options = Options(**{name.lstrip("_"): module.params[name] for name in spec})
    engine = cli_engine.chosen(module.params, check_mode=module.check_mode)
    run(module, lambda: create(Aws(module), options, check_mode=module.check_mode, warn=warn, engine=engine))


if __name__ == "__main__":
    main()

# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option modern."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  modern:
    description:
      - Options of O(flavor=modern).
      - Secret properties (passwords, secret keys) must have no value in O(transactor_src).
    type: dict
    default: {}
    suboptions:
      subnets:
        description: Subnets of the instances, in one VPC. The default is those of the default VPC.
        type: list
        elements: str
        default: []
      image_id:
        description:
          - A machine image with C(dnf), C(systemd) and the AWS CLI, on an EBS volume.
          - The default is the newest Amazon Linux 2023 at each update.
        type: str
        default: ''
      java_version:
        description: The release of Amazon Corretto.
        type: int
        choices: [17, 21, 25]
        default: 17
      volume_size:
        description: Size of the encrypted root volume in GiB, at least the size of the image's snapshot.
        type: int
        default: 20
      valcache:
        description: Use an NVMe instance store, if the type has one, for Datomic's valcache.
        type: bool
        default: true
      session_manager:
        description: Let operators open a shell through Session Manager. There is no ssh.
        type: bool
        default: false
      extra_jars:
        description: Jars, as C(s3://BUCKET/KEY.jar), for the transactor's class path.
        type: list
        elements: str
        default: []
      sha256:
        description:
          - SHA-256 of the release's archive.
          - The default is the checksum that the collection knows, or else the one next to the archive in the bucket.
        type: str
        default: ''
      secrets:
        description:
          - Properties whose values M(datomic_onprem.aws.ensure_secrets) keeps.
          - An error with O(flavor=legacy), whose instances do not read them.
        type: list
        elements: str
        default: []
      secrets_versions:
        description:
          - Versions of the secrets, from M(datomic_onprem.aws.ensure_secrets). The template then changes with a secret.
          - Instances read the newest version of a secret without one.
        type: dict
        default: {}
      secrets_path:
        description: The path of the secrets. The default is C(/datomic/) and the stack's name.
        type: str
        default: ''
      secrets_kms_key:
        description: The ARN of your own key that encrypts the secrets. An alias does not work.
        type: str
        default: ''
      alarms:
        description: Create alarms and a dashboard, if the transactor's file has both C(aws-cloudwatch) keys.
        type: bool
        default: true
      alarm_topic:
        description: The ARN of the topic for alarms, in the stack's region. By default the stack creates one.
        type: str
        default: ''
      alarm_email:
        description: An address to subscribe to the stack's own topic. Not with O(modern.alarm_topic).
        type: str
        default: ''
      tags:
        description: Tags of instances and volumes. V(Name) is always the stack's name.
        type: dict
        default: {}
"""

#!/usr/bin/python
# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep releases of Datomic on this machine: download, verify, unpack, link, remove, and put into the deploy bucket."""

from __future__ import annotations

DOCUMENTATION = r"""
module: distribution
short_description: Keep releases of Datomic Pro on this machine
version_added: 1.0.0
description:
  - Fetches a release of Datomic Pro from the public download, a mirror (HTTPS or S3) or a file, verifies its SHA-256,
    and unpacks it into a directory of its own below O(dest), whole or not at all.
  - Several releases lie side by side; the symbolic link C(current) is switched in one step. Nothing is removed unless
    O(keep) or O(remove) says so.
options:
  version:
    description: The release.
    type: str
    required: true
  dest:
    description: The directory of all releases; each has its C(datomic-pro-VERSION) in it. Created when missing.
    type: path
    required: true
  source:
    description:
      - "Where the archive comes from: V(https://…), V(s3://bucket/key) or the path of a file on this machine.
        C({version}) in it stands for O(version)."
      - "What may be credentials in a URL, V(user:password@) and a query, is shown nowhere."
      - The default is Datomic's public download.
    type: str
  checksum:
    description:
      - SHA-256 of the archive, in hexadecimal.
      - Required for a release whose checksum the collection does not know.
    type: str
  current:
    description: Let the symbolic link C(current) in O(dest) name this release.
    type: bool
    default: true
  keep:
    description:
      - Remove all releases but this one, the one that C(current) names, and this many of the newest others.
      - None is removed by default.
    type: int
  remove:
    description: Releases to be removed. It is an error to name the one in use.
    type: list
    elements: str
    default: []
  deploy_bucket:
    description:
      - A bucket that the archive is put into, as C(VERSION/datomic-pro-VERSION.zip), with its SHA-256 beside it as
        C(VERSION/datomic-pro-VERSION.zip.sha256), for the instances of the modern template.
      - The bucket has to exist.
    type: str
  timeout:
    description: Seconds without any byte after which a connection is given up and made anew.
    type: int
    default: 60
author:
  - Datomic On-Prem on AWS maintainers (@datomic-onprem)
extends_documentation_fragment:
  - datomic_onprem.aws.account
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - datomic_onprem.aws.attributes
  - datomic_onprem.aws.attributes.action_group
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: The newest release, from the public download
  datomic_onprem.aws.distribution:
    version: 1.0.7705
    dest: /opt/datomic

- name: Without a network, and into the deploy bucket
  datomic_onprem.aws.distribution:
    version: 1.0.7705
    dest: /opt/datomic
    source: /srv/mirror/datomic-pro-{version}.zip
    deploy_bucket: orders-deploy

- name: From a mirror in S3; of the older releases one stays
  datomic_onprem.aws.distribution:
    version: 1.0.7277
    dest: /opt/datomic
    source: s3://mirror/datomic/datomic-pro-{version}.zip
    checksum: "{{ datomic_checksum }}"
    keep: 1
"""

RETURN = r"""
home:
  description: Root of the release.
  type: str
  returned: success
  sample: /opt/datomic/datomic-pro-1.0.7705
version:
  description: The release.
  type: str
  returned: success
  sample: 1.0.7705
java_minimum:
  description: The oldest Java that runs the release.
  type: int
  returned: success
  sample: 17
java:
  description: The Java that is found on this machine; 0 when there is none.
  type: int
  returned: success
  sample: 21
current:
  description: The release that the link C(current) names; empty without a link.
  type: str
  returned: success
  sample: 1.0.7705
installed:
  description: The releases below O(dest), oldest first.
  type: list
  elements: str
  returned: success
  sample: [1.0.7277, 1.0.7705]
removed:
  description: The releases that were removed.
  type: list
  elements: str
  returned: success
  sample: []
sha256:
  description: The archive's SHA-256.
  type: str
  returned: success
  sample: a17c2603b893dfb0d998a35a032a7295736d234d32937222c8ec21d81a1b8c7e
deploy_key:
  description: The archive's key in the deploy bucket; empty without O(deploy_bucket).
  type: str
  returned: success
  sample: 1.0.7705/datomic-pro-1.0.7705.zip
"""

from ansible_collections.datomic_onprem.aws.plugins.module_utils.aws.client import AnsibleAWSModule, Aws
from ansible_collections.datomic_onprem.aws.plugins.module_utils.module_main import run
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases.download import secrets
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases.install import Wanted, ensure


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "account_id": {"type": "str"},
            "dest": {"type": "path", "required": True},
            "source": {"type": "str"},
            "checksum": {"type": "str"},
            "current": {"type": "bool", "default": True},
            "keep": {"type": "int"},
            "remove": {"type": "list", "elements": "str", "default": []},
            "deploy_bucket": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = Wanted(
        version=params["version"],
        dest=params["dest"],
        account_id=params["account_id"] or "",
        source=params["source"] or "",
        checksum=(params["checksum"] or "").lower(),
        current=params["current"],
        keep=params["keep"],
        remove=tuple(params["remove"]),
        deploy_bucket=params["deploy_bucket"] or "",
        timeout=params["timeout"],
        validate_certs=params["validate_certs"],
    )
    # A URL may hold credentials, and the options are shown at -vvv.
    module._module.no_log_values.update(secret for url in (wanted.source, wanted.url) for secret in secrets(url))
    run(module, lambda: ensure(wanted, Aws(module), check=module.check_mode))


if __name__ == "__main__":
    main()

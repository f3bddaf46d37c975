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
    and unpacks it into its own directory in O(dest), completely or not at all.
  - O(dest) holds several releases. The symbolic link C(current) is switched in one step. Releases are removed only as
    O(keep) or O(remove) say.
options:
  version:
    description: The release.
    type: str
    required: true
  dest:
    description: The directory of all releases, each in C(datomic-pro-VERSION). Created when missing.
    type: path
    required: true
  source:
    description:
      - "The archive: V(https://…), V(s3://bucket/key) or the path of a file on this machine. C({version}) in it is
        replaced by O(version)."
      - "Possible credentials in a URL, V(user:password@) and a query, are never shown."
      - The default is Datomic's public download.
    type: str
    default: ''
  checksum:
    description:
      - SHA-256 of the archive, in hexadecimal.
      - Required for a release whose checksum the collection does not know.
    type: str
    default: ''
  current:
    description: Point the symbolic link C(current) in O(dest) to this release.
    type: bool
    default: true
  keep:
    description:
      - Remove all releases except this one, the one that C(current) points to, and this many of the newest others.
      - By default, none is removed.
    type: int
  remove:
    description: Releases to remove. The release in use is an error.
    type: list
    elements: str
    default: []
  deploy_bucket:
    description:
      - The bucket from which instances of the modern template copy the release. The module uploads the archive as
        C(VERSION/datomic-pro-VERSION.zip) and its SHA-256 as C(VERSION/datomic-pro-VERSION.zip.sha256).
      - The bucket has to exist.
    type: str
    default: ''
  timeout:
    description: Seconds without any byte after which the module closes a connection and tries again.
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
- name: Install a release from the public download
  datomic_onprem.aws.distribution:
    version: 1.0.7705
    dest: /opt/datomic

- name: Install from a file, and upload to the deploy bucket
  datomic_onprem.aws.distribution:
    version: 1.0.7705
    dest: /opt/datomic
    source: /srv/mirror/datomic-pro-{version}.zip
    deploy_bucket: orders-deploy

- name: Install from a mirror in S3, and keep one older release
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
  description: The feature release of Java on this machine; 0 without Java.
  type: int
  returned: success
  sample: 21
current:
  description: The release that the link C(current) points to; empty without a link.
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
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases.archive import secrets
from ansible_collections.datomic_onprem.aws.plugins.module_utils.releases.install import Options, ensure


def main() -> None:
    spec = {
        "version": {"type": "str", "required": True},
        "account_id": {"type": "str"},
        "dest": {"type": "path", "required": True},
        "source": {"type": "str", "default": ""},
        "checksum": {"type": "str", "default": ""},
        "current": {"type": "bool", "default": True},
        "keep": {"type": "int"},
        "remove": {"type": "list", "elements": "str", "default": []},
        "deploy_bucket": {"type": "str", "default": ""},
        "timeout": {"type": "int", "default": 60},
    }
    module = AnsibleAWSModule(argument_spec=spec, supports_check_mode=True)
    options = Options(**{name: module.params[name] for name in (*spec, "validate_certs")})
    # A URL may hold credentials, and the options are shown at -vvv.
    module._module.no_log_values.update(secret for url in (options.source, options.url) for secret in secrets(url))
    run(module, lambda: ensure(options, Aws(module), check=module.check_mode))


if __name__ == "__main__":
    main()

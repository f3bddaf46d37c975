# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the shell text of user_data.py, in the order in which they run on the instance.

Marks: '@@ref:X@@' is a parameter whose characters are harmless in single quotes (names that AWS gives), '@@base64:X@@'
any parameter's value in Base64, @@value:X@@ another value as one quoted word.
"""

from __future__ import annotations

HEAD = r"""
#!/bin/sh
# Starts one Datomic transactor on Amazon Linux 2023.
set -eu
umask 022
export LC_ALL=C.UTF-8 AWS_DEFAULT_REGION='@@ref:AWS::Region@@'
decoded() { printf %s "$1" | base64 -d; }
xmx=$(decoded '@@base64:Xmx@@')
java_opts=$(decoded '@@base64:JavaOpts@@')
bucket=$(decoded '@@base64:DatomicDeployBucket@@')
version=$(decoded '@@base64:DatomicVersion@@')
sha256=$(decoded '@@base64:DatomicSha256@@')
mkdir -p /etc/datomic
"""

BEGIN = r"""
chmod 755 /usr/local/sbin/datomic-signal /usr/local/sbin/datomic-stopped
finish() {
  status=$?
  trap - EXIT
  set +e
  exec >&2
  if [ "$status" -ne 0 ]; then
    # If the unit was started, what it does at its end comes first.
    systemctl stop datomic
    /usr/local/sbin/datomic-stopped
  else
    /usr/local/sbin/datomic-signal SUCCESS
  fi
  exit "$status"
}
trap finish EXIT

imds() { curl -sf --retry 5 --max-time 10 "$@"; }
token=$(imds -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
metadata() { imds -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"; }
instance=$(metadata instance-id)
echo "$instance" >/etc/datomic/instance-id
address=$(metadata local-ipv4)
# 22: the instance has no public address.
public_address=$(metadata public-ipv4) || [ $? -eq 22 ]

dnf -y -q --setopt=retries=20 install @@value:java@@ unzip

download=$(mktemp -d /var/tmp/datomic.XXXXXX)
name=datomic-pro-$version
case $bucket in
  datomic-pro-downloads | deploy-a0dbc565-faf2-4760-9b7e-29a8e45f428e)
    curl -sSf --retry 5 -o "$download/zip" "https://datomic-pro-downloads.s3.amazonaws.com/$version/$name.zip"
    ;;
  *)
    aws s3 cp --only-show-errors "s3://$bucket/$version/$name.zip" "$download/zip"
    if [ -z "$sha256" ]; then
      aws s3 cp --only-show-errors "s3://$bucket/$version/$name.zip.sha256" "$download/sha256"
      sha256=$(cut -c 1-64 "$download/sha256")
    fi
    ;;
esac
echo "$sha256  $download/zip" | sha256sum -c -
unzip -q "$download/zip" -d "$download"
mv "$download/$name" /opt/datomic
rm -rf "$download"
"""

EXTRA_JAR = "aws s3 cp --only-show-errors @@value:jar@@ /opt/datomic/lib/"

ACCOUNT = r"""
id -u datomic >/dev/null 2>&1 || useradd -r -U -d /opt/datomic -s /sbin/nologin datomic
mkdir -p @@value:log_dir@@ @@value:data_dir@@
chown datomic:datomic /opt/datomic @@value:log_dir@@ @@value:data_dir@@
"""

VALCACHE = """
mkdir -p @@value:valcache@@
chown datomic:datomic @@value:valcache@@
"""

INSTANCE_STORE = r"""
store=$(lsblk -dpno NAME,MODEL | sed -n 's/ .*Instance Storage.*//p' | head -n 1)
if [ -n "$store" ]; then
  store_gb=$(($(lsblk -bdno SIZE "$store") * 9 / 10 / 1000000000))
  mkfs.xfs -q -f -L valcache "$store"
  mkdir -p @@value:valcache@@
  # strictatime and lazytime: Datomic's prerequisites, https://docs.datomic.com/operation/valcache.html
  printf '%s\n' LABEL=valcache' '@@value:valcache_in_fstab@@' xfs defaults,strictatime,lazytime,nofail 0 2' >>/etc/fstab
  mount @@value:valcache@@
  chown datomic:datomic @@value:valcache@@
fi
"""

SECRETS_PATH = "secrets=@@value:secrets_path@@"
SECRETS_PATH_OF_STACK = "secrets=/datomic/'@@ref:AWS::StackName@@'"

SECRET = r"""
secret() { # KEY VERSION; an empty version is the newest
  value=$(aws ssm get-parameter --with-decryption --name "$secrets/$1${2:+:$2}" --query Parameter.Value --output text)
  printf '%s=' "$1"
  printf %s "$value" | iconv -f UTF-8 -t UTF-16BE | od -An -v -tx1 | tr -d ' \n' | sed 's/..../\\u&/g'
  echo
}
"""

ONE_SECRET = 'secret @@value:key@@ @@value:version@@ >>"$file"'

PROPERTIES_BEGIN = r"""
file=/etc/datomic/transactor.properties
(umask 077 && echo "host=$address" >"$file")
[ -z "$public_address" ] || echo "alt-host=$public_address" >>"$file"
cat >>"$file" <<'END-OF-PROPERTIES'
"""

PROPERTIES_END = "END-OF-PROPERTIES"

PROPERTIES_WRITTEN = r"""
chown datomic:datomic "$file"
printf '%s\n' "$xmx" >/etc/datomic/xmx
printf '%s\n' "$java_opts" >/etc/datomic/java-opts
"""

START = r"""
#!/bin/sh
set -efu
cd /opt/datomic
xmx=$(cat /etc/datomic/xmx)
java_opts=$(cat /etc/datomic/java-opts)
# Custom has it that the property stands in quotes, because of its blanks.
case $java_opts in
  \'*\' | \"*\") java_opts=${java_opts#?} java_opts=${java_opts%?} ;;
esac
# shellcheck disable=SC2086 # Several options; -f keeps stars and brackets as they are.
exec bin/transactor "-Xms$xmx" "-Xmx$xmx" $java_opts /etc/datomic/transactor.properties
"""

UNIT = r"""
[Unit]
Description=Datomic transactor
Wants=network-online.target
After=network-online.target
[Service]
User=datomic
WorkingDirectory=/opt/datomic
ExecStart=/usr/local/sbin/datomic-start
ExecStopPost=+/usr/local/sbin/datomic-stopped
# A damaged transactor is replaced together with its instance.
Restart=no
SuccessExitStatus=143
ENVIRONMENT
LimitNOFILE=65536
TasksMax=8192
OOMPolicy=stop
# More than all of datomic-stopped's time-outs together.
TimeoutStopSec=180
NoNewPrivileges=yes
ProtectSystem=full
ProtectHome=yes
PrivateTmp=yes
[Install]
WantedBy=multi-user.target
"""

RUN = r"""
chmod 755 /usr/local/sbin/datomic-start
systemctl daemon-reload
systemctl enable -q datomic
systemctl start datomic
# Up when it says so. A standby that says nothing counts as up after two minutes: without storage it would have ended.
tries=24
until journalctl -q --no-pager -o cat -u datomic | grep -q '^System started' || [ "$tries" -eq 0 ]; do
  systemctl is-active -q datomic || { echo 'The transactor has ended.'; exit 1; }
  tries=$((tries - 1))
  sleep 5
done
systemctl is-active -q datomic
"""

SIGNAL = r"""
#!/bin/sh
# Tells the stack SUCCESS or FAILURE, once: only its creation waits for that, and counts an instance's first word.
export LC_ALL=C.UTF-8 AWS_DEFAULT_REGION='@@ref:AWS::Region@@'
[ ! -e /etc/datomic/signalled ] || exit 0
echo "$1" >/etc/datomic/signalled
timeout -k 5 25 aws --cli-connect-timeout 5 cloudformation signal-resource --stack-name '@@ref:AWS::StackName@@' \
  --logical-resource-id LaunchGroup --unique-id "$(cat /etc/datomic/instance-id)" --status "$1" ||
  echo 'Nothing waits for the signal.'
"""

STOPPED_HEAD = r"""
#!/bin/sh
# The transactor has ended, or never came up: keep its last logs, tell the stack, and have this instance replaced.
export LC_ALL=C.UTF-8 AWS_DEFAULT_REGION='@@ref:AWS::Region@@'
instance=$(cat /etc/datomic/instance-id)
# A service that does not answer must not keep a dead transactor in its group.
limited() { timeout -k 5 25 aws --cli-connect-timeout 5 "$@"; }
"""

STOPPED_LOGS = r"""
to=s3://@@value:log_bucket@@/@@value:log_prefix@@/$instance
journalctl -q --no-pager -u datomic | limited s3 cp --only-show-errors - "$to/journal.log"
limited s3 cp --only-show-errors /var/log/cloud-init-output.log "$to/cloud-init-output.log"
limited s3 cp --only-show-errors --recursive --no-follow-symlinks @@value:log_dir@@ "$to/log/"
"""

STOPPED_END = r"""
/usr/local/sbin/datomic-signal FAILURE
limited autoscaling set-instance-health --instance-id "$instance" --health-status Unhealthy \
  --no-should-respect-grace-period || systemctl --no-block poweroff
"""


def here(path: str, text: str) -> str:
    """Shell that writes the text to path without looking into it."""
    lines = [line for line in text.strip("\n").split("\n") if line]
    return "\n".join((f"cat >{path} <<'END-OF-FILE'", *lines, "END-OF-FILE"))

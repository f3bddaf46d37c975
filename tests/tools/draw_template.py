# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws docs/architecture-aws.svg from the modern template: its resources, what refers to what, what the role may do.

python -m tests.tools.draw_template
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from tests import conftest

ROOT = conftest.ROOT  # importing it makes the collection importable

OUTSIDE = {
    "ReadRelease": "S3: the release",
    "ReadJars": "S3: extra jars",
    "ReadSecrets": "Parameter Store: secrets",
    "SignalStart": "CloudFormation: signal",
    "ReportFailure": "Auto Scaling: replace me",
    "SessionManager": "Session Manager: a shell",
}
"""What each statement of the transactor's policy reaches."""
PROPERTY_OUTSIDE = {
    "aws-dynamodb-table": "DynamoDB: the table",
    "aws-s3-log-bucket-id": "S3: logs",
    "aws-cloudwatch-dimension-value": "CloudWatch: metrics",
}
"""What the transactor itself uses, by the property that names it."""

WIDTH, HEIGHT, GAP, TOP = 220, 46, 18, 70
COLUMNS = (30, 360, 690)


def drawing() -> str:
    """The picture, the same for the same template."""
    from ansible_collections.datomic_onprem.aws.plugins.module_utils.template import modern
    from ansible_collections.datomic_onprem.aws.plugins.module_utils.template.options import Options

    from tests.template_combinations import MACHINE, METRICS, cf, transactor

    own = {key.replace("-", "_"): value for key, value in METRICS.items()} | {"aws_s3_log_bucket_id": "logs"}
    options = Options(secrets=("memcached-password",), session_manager=True, extra_jars=("s3://jars/a.jar",))
    files = transactor(**own), cf()
    template = modern.template(*files, options, MACHINE)
    return picture(template["Resources"], [text for key, text in PROPERTY_OUTSIDE.items() if files[0].has_value(key)])


def picture(resources: Mapping[str, Any], used: list[str]) -> str:
    alarms = sorted(name for name, one in resources.items() if one["Type"].endswith("::Alarm"))
    stack = [name for name in resources if name not in alarms]
    statements = resources["TransactorPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    reached = [OUTSIDE[statement["Sid"]] for statement in statements]
    boxes = dict(_column(0, {name: (name, resources[name]["Type"]) for name in stack}))
    boxes |= dict(_column(1, {"transactor": ("Transactor on EC2", "one active, the others standing by")}))
    boxes |= dict(_column(1, {name: (name, "AWS::CloudWatch::Alarm") for name in alarms}, start=2))
    boxes |= dict(_column(2, {text: tuple(text.split(": ")) for text in (*reached, *used)}))
    arrows = [(name, other) for name in stack for other in references(resources[name]) if other in boxes]
    arrows += [("LaunchGroup", "transactor")] + [("transactor", text) for text in (*reached, *used)]
    arrows += [(name, "AlarmTopic") for name in alarms if "AlarmTopic" in boxes]
    return _svg(boxes, arrows)


Box = tuple[int, int, str, str]


def _column(n: int, texts: Mapping[str, tuple[str, ...]], start: int = 0) -> Iterator[tuple[str, Box]]:
    for i, (name, (title, below)) in enumerate(texts.items()):
        yield name, (COLUMNS[n], TOP + (start + i) * (HEIGHT + GAP), title, below)


def references(part: Any) -> list[str]:
    """The logical ids (and parameters) that a part of the template refers to, each once."""
    found: dict[str, None] = {}
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "Ref":
                found[value] = None
            elif key == "Fn::GetAtt":
                found[value[0]] = None
            elif key == "DependsOn":
                found |= dict.fromkeys(value)
            else:
                found |= dict.fromkeys(references(value))
    elif isinstance(part, list):
        for item in part:
            found |= dict.fromkeys(references(item))
    return list(found)


def _svg(boxes: Mapping[str, Box], arrows: list[tuple[str, str]]) -> str:
    height = max(box[1] for box in boxes.values()) + HEIGHT + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS[2] + WIDTH + 30} {height}" '
        'font-family="sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
        f'<rect width="{COLUMNS[2] + WIDTH + 30}" height="{height}" fill="#ffffff"/>',
    ]
    headings = ("The stack", "What it runs and watches", "What a transactor uses")
    lines += [
        f'<text x="{x}" y="40" font-weight="bold">{text}</text>' for x, text in zip(COLUMNS, headings, strict=True)
    ]
    for start, end in arrows:
        (x1, y1), (x2, y2) = boxes[start][:2], boxes[end][:2]
        lines.append(f'<path d="{_route(x1, y1, x2, y2)}" fill="none" stroke="#57606a" marker-end="url(#tip)"/>')
    for x, y, title, below in boxes.values():
        lines.append(
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ddf4ff" stroke="#0969da"/>'
        )
        lines.append(f'<text x="{x + 10}" y="{y + 19}" font-weight="bold">{html.escape(title)}</text>')
        lines.append(f'<text x="{x + 10}" y="{y + 36}" font-size="11" fill="#57606a">{html.escape(below)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _route(x1: int, y1: int, x2: int, y2: int) -> str:
    middle1, middle2 = y1 + HEIGHT // 2, y2 + HEIGHT // 2
    if x1 == x2:
        bend = x1 - 22
        return f"M{x1} {middle1}C{bend} {middle1} {bend} {middle2} {x2} {middle2}"
    start, end = (x1 + WIDTH, x2) if x1 < x2 else (x1, x2 + WIDTH)
    half = (start + end) // 2
    return f"M{start} {middle1}C{half} {middle1} {half} {middle2} {end} {middle2}"


if __name__ == "__main__":
    path = ROOT / "docs" / "architecture-aws.svg"
    path.write_text(drawing())

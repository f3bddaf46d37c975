# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stack's tags reach its resources."""

from __future__ import annotations

import dataclasses
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap

from tests.emulator.corrections import cloudformation

GROUP, TEMPLATE = "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::LaunchTemplate"


@dataclasses.dataclass
class Asked:
    """The tags of the request at hand: None where it has no such parameter, which leaves the stack's as they are."""

    tags: dict[str, str] | None = None

    def leaves(self, stack: Any) -> bool:
        """Whether the stack's tags stay as they are. An empty list removes them all.

        "UpdateStack", Tags, https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
        """
        return self.tags is None or self.tags == user_tags(stack.tags)


ASKED = Asked()


def apply() -> None:
    """Auto scaling groups and launch templates get the stack's tags, groups also name the stack; moto leaves them out.

    "Tagging your stack: Resource tag", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-add-tags.html;
    "Resource tag", aws:cloudformation:…,
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    """
    parse, diff = parsing.parse_resource_and_generate_name, cloudformation.build_resource_diff

    def parse_with_tags(logical_id: str, resource_json: dict[str, Any], resources: ResourceMap) -> Any:
        parsed = parse(logical_id, resource_json, resources)
        if parsed and resource_json["Type"] == GROUP:
            _tag_group(logical_id, parsed[1]["Properties"], resources)
        return parsed

    def diff_with_tags(self: ResourceMap, template: dict[str, Any], parameters: Any = None) -> dict[str, list[str]]:
        """What changed tags alone reach is modified too."""
        found = diff(self, template, parameters)
        new = getattr(self, "new_tags", None)
        if new is not None and new != user_tags(self.tags):
            tagged = {
                name
                for name, resource in template["Resources"].items()
                if resource["Type"] == GROUP and name in self._resource_json_map
            }
            found["Modify"] += sorted(tagged - set(found["Modify"]))
            self.tags = {**new, **{name: value for name, value in self.tags.items() if name.startswith("aws:")}}
        return found

    parsing.parse_resource_and_generate_name = parse_with_tags
    ResourceMap.build_resource_diff = diff_with_tags


def user_tags(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith("aws:")}


def _tag_group(logical_id: str, properties: dict[str, Any], resources: ResourceMap) -> None:
    own = [
        {**tag, "PropagateAtLaunch": str(tag.get("PropagateAtLaunch")).lower() == "true"}
        for tag in properties.get("Tags", [])
    ]
    given = {
        **user_tags(resources.tags),
        "aws:cloudformation:logical-id": logical_id,
        "aws:cloudformation:stack-id": resources["AWS::StackId"],
        "aws:cloudformation:stack-name": resources["AWS::StackName"],
    }
    named = {tag["Key"] for tag in own}
    added = [
        {"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in given.items() if key not in named
    ]
    properties["Tags"] = own + added

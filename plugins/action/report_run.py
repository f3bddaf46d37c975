# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show what a run did to a system, and at its end one table of all systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.datomic_onprem.aws.plugins.module_utils import plan_lines
from ansible_collections.datomic_onprem.aws.plugins.module_utils.plan import Plan
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils import screen
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.batches import stops
from ansible_collections.datomic_onprem.aws.plugins.plugin_utils.plan_screen import COLUMNS, show_lines

# The variables in which the role registers the results of plan_system, of this module and of check_health.
PLAN = "datomic_plan"
REPORT = "datomic_report"
SOAKED = "datomic_soaked"


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(
            {
                "plan": {"type": "dict"},
                "results": {"type": "dict"},
                "failure": {"type": "str", "default": ""},
                "rolled_back": {"type": "bool", "default": False},
                "fail_on_changes": {"type": "bool", "default": False},
            }
        )
        if args["results"] is not None:
            rest = stops(self._task, task_vars) if args["failure"] else ""
            return self._report(Plan.of(args["plan"]), args["results"], args["failure"], rest, args["rolled_back"])
        known = task_vars or {}
        if PLAN not in known:
            screen.show(
                self._task,
                f"{known['inventory_hostname']}: neither planned nor changed, because --tags or --skip-tags exclude "
                "its steps, which run only together. Run without them, or select a tag of the play or the role.",
            )
        elif known["inventory_hostname"] == known["ansible_play_hosts"][-1]:
            outcomes = list(_outcomes(known))
            show_lines(self._task, lambda _paint: plan_lines.closing(outcomes, width=COLUMNS))
        # plan_system reports changes in check mode only.
        if args["fail_on_changes"] and known.get(PLAN, {}).get("changed"):
            message = "The plan has changes, and datomic_fail_on_changes is true."
            return {"changed": False, "failed": True, "msg": message}
        return {"changed": False}

    def _report(
        self, plan: Plan, results: Mapping[str, Any], failure: str, rest: str, rolled_back: bool
    ) -> dict[str, Any]:
        seconds: dict[str, float] = {}
        failed = ""
        for step, done in results.items():
            if failed or "seconds" not in done:
                continue
            seconds[step] = done["seconds"]
            failed = step if done.get("failed") else ""
        show_lines(
            self._task,
            lambda paint: plan_lines.applied(plan, seconds, failed=failed, width=COLUMNS, paint=paint),
        )
        outcome = f"failed: {failed.replace('_', ' ')}" if failure else "applied"
        result: dict[str, Any] = {"changed": False, "outcome": outcome, "digest": plan.digest}
        if failure:
            after = "Stack, files and transactors are as before." if rolled_back else "Running again goes on."
            result.update(failed=True, msg=f"The run of {plan.system} failed. The error is above. {after}{rest}")
        if rolled_back:
            result["outcome"] = "rolled back"
        return result


def _outcomes(known: Mapping[str, Any]) -> Iterator[tuple[str, Plan | None, str]]:
    """Of each system of the play that was planned: its plan, and what the run made of it."""
    for host in known["ansible_play_hosts_all"]:
        variables = known["hostvars"][host]
        planned = variables.get(PLAN)
        if planned is None:
            continue
        if "plan" not in planned:
            yield host, None, "refused"
            continue
        plan = Plan.of(planned["plan"])
        waiting = "pending" if plan.changed else "nothing to do"
        report = variables.get(REPORT, {})
        # Another one is of an earlier play.
        reports = plan.changed and not known["ansible_check_mode"] and report.get("digest") == plan.digest
        outcome = report.get("outcome", waiting) if reports else waiting
        bad = reports and variables.get(SOAKED, {}).get("failed")
        yield host, plan, f"{outcome}, not healthy" if bad else outcome

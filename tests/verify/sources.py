# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What our source asks of AWS: operations, paginators and waiters by service, their parameters, and the retry modes.

Read from its syntax, so that nothing has to be listed a second time.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator, Mapping

from tests.estate import ROOT

SOURCES = ROOT / "plugins" / "module_utils"
KINDS = {"get_waiter": "waiter", "get_paginator": "paginator"}
HELPERS_FILE = "aws/calls.py"
CALL = "aws_call"
HELPERS = {"aws_wait": "waiter", "aws_pages": "paginator"}
"""The functions of aws/calls.py that take a client and the name of a waiter or paginator."""
NO_PARAMETERS = ("WaiterConfig", "PaginationConfig")
"""Keywords that botocore takes for itself. Parameters of AWS begin with a capital, other functions' keywords do not."""

NO_OPERATIONS = ("exceptions", "meta", "download_file")
"""What a client has beside operations; boto3 adds download_file, which makes HeadObject and GetObject."""

GIVEN = {
    "iam_changes": "iam",
    "security_groups": "ec2",
    "change_set": "cloudformation",
    "application_autoscaling": "application-autoscaling",
    "drift": "cloudformation",
    "stack": "cloudformation",
    "state_table": "dynamodb",
}
"""Whose client a function, or a module, is given as client; other modules have the name of their service."""


@dataclasses.dataclass(frozen=True)
class Use:
    """kind: operation, paginator or waiter. service: empty when it cannot be told.

    parameters, answers: what is written out of the request, and is taken out of the answer; nested names after a dot.
    """

    where: str
    service: str
    kind: str
    name: str
    parameters: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


def texts() -> dict[str, str]:
    """Our source, by its path there."""
    return {str(path.relative_to(SOURCES)): path.read_text() for path in sorted(SOURCES.rglob("*.py"))}


def uses(sources: Mapping[str, str]) -> list[Use]:
    """Every use of a client."""
    services = frozenset().union(*map(_services, sources.values()))
    return [use for path, text in sources.items() if path != HELPERS_FILE for use in _uses(path, text, services)]


def retry_modes(sources: Mapping[str, str]) -> list[str]:
    """The modes that the source makes clients with."""
    return [mode for text in sources.values() for mode in _retry_modes(text)]


def resource_types(sources: Mapping[str, str]) -> list[str]:
    """The types of CloudFormation that our own templates name."""
    named = {
        node.value
        for path, text in sources.items()
        if path.startswith("template/")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(name for name in named if re.fullmatch(r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+", name))


# Cached, as a comparison with a mistake changes a file or two, and reads all of them once more.


@functools.cache
def _services(text: str) -> frozenset[str]:
    return frozenset(name for node in ast.walk(ast.parse(text)) if (name := _made(node)))


@functools.cache
def _uses(path: str, text: str, services: frozenset[str]) -> tuple[Use, ...]:
    return tuple(_Module(path, ast.parse(text), services).uses())


@functools.cache
def _retry_modes(text: str) -> tuple[str, ...]:
    return tuple(
        _text(value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.keyword) and node.arg == "retries" and isinstance(node.value, ast.Dict)
        for key, value in zip(node.value.keys, node.value.values, strict=True)
        if key is not None and _text(key) == "mode"
    )


def _made(node: ast.AST) -> str:
    """The service of aws.client("service"), else nothing."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "client":
        return _text(node.args[0]) if node.args else ""
    return ""


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _written(call: ast.Call, function: ast.AST | None = None) -> Iterator[str]:
    """The parameters that are written out in a call, or in a dictionary that the function gives it by name."""
    for keyword in call.keywords:
        if keyword.arg and _is_parameter(keyword.arg):
            yield keyword.arg
            yield from _nested(keyword.value, keyword.arg)
        elif not keyword.arg and isinstance(keyword.value, ast.Name) and function is not None:
            for target, value in _assigned(function):
                if target == keyword.value.id and isinstance(value, ast.Dict):
                    paths = (path.removeprefix(".") for path in _nested(value, ""))
                    yield from (path for path in paths if _is_parameter(path.partition(".")[0]))


def _is_parameter(name: str) -> bool:
    return name[0].isupper() and name not in NO_PARAMETERS


def _assigned(function: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every name that a function assigns to, with its value."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[-1] if isinstance(node, ast.Assign) else node.target
            pairs: list[tuple[ast.AST, ast.AST]] = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            yield from ((one.id, value) for one, value in pairs if isinstance(one, ast.Name))


def _nested(node: ast.AST, path: str) -> Iterator[str]:
    if isinstance(node, ast.List):
        for item in node.elts:
            yield from _nested(item, path)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None and (name := _text(key)):
                yield f"{path}.{name}"
                yield from _nested(value, f"{path}.{name}")


class _Module:
    """services: those that the source makes clients of; a parameter of such a name is one."""

    def __init__(self, path: str, tree: ast.Module, services: frozenset[str]) -> None:
        self.path = path
        self.name = pathlib.PurePath(path).stem
        self.tree = tree
        self.services = services
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def uses(self) -> Iterator[Use]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and not self.function_around(node):
                yield from self.of_function(node)

    def function_around(self, node: ast.AST) -> ast.FunctionDef | None:
        while parent := self.parents.get(node):
            if isinstance(parent, ast.FunctionDef):
                return parent
            node = parent
        return None

    def of_function(self, function: ast.FunctionDef) -> Iterator[Use]:
        """Of it and of the functions inside."""
        clients = dict(self.clients(function))
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                service = self.service(node.value, clients)
                if service is not None and node.attr not in NO_OPERATIONS:
                    yield self.use(node, service)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in HELPERS:
                service = self.service(node.args[2], clients)
                if service is not None:
                    yield self.helped(node, service, HELPERS[node.func.id])

    def clients(self, function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
        """The function's clients, by name."""
        given = GIVEN.get(f"{self.name}.{function.name}", self.given())
        for node in ast.walk(function):
            if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name) and node.annotation.id == "Any":
                if node.arg == "client":
                    yield node.arg, given
                elif node.arg in self.services:
                    yield node.arg, node.arg
        yield from ((name, _made(value)) for name, value in _assigned(function) if _made(value))

    def given(self) -> str:
        return GIVEN.get(self.name, self.name if self.name in self.services else "")

    def service(self, node: ast.AST, clients: Mapping[str, str]) -> str | None:
        """Whose client it is; None when it is none."""
        if isinstance(node, ast.Name):
            return clients.get(node.id)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "self.client":
            return self.given()
        return _made(node) or None

    def use(self, node: ast.Attribute, service: str) -> Use:
        call = self.call_of(node)
        kind = KINDS.get(node.attr)
        if kind is None:
            return self.made_of(node, service, node.attr, call)
        # The parameters are those of get_waiter("name").wait(…), or of paginate(…).
        then = self.parents[call] if call else None
        call_then = self.call_of(then) if isinstance(then, ast.Attribute) else None
        parameters = self.written(call_then)
        return Use(self.where(node), service, kind, _text(call.args[0]) if call else "", parameters)

    def helped(self, node: ast.Call, service: str, kind: str) -> Use:
        """aws_wait(doing, resource, client, waiter, …), or aws_pages(doing, resource, client, operation, key, …)."""
        answers = tuple(_text(key) for key in node.args[4:5])
        return Use(self.where(node), service, kind, _text(node.args[3]), self.written(node), answers)

    def made_of(self, node: ast.AST, service: str, name: str, call: ast.Call | None) -> Use:
        answers = tuple(self.taken(call)) if call else ()
        return Use(self.where(node), service, "operation", name, self.written(call), answers)

    def taken(self, call: ast.Call) -> Iterator[str]:
        """The fields that are taken out of the answer, or of the only thing in the function that has its name."""
        nodes: list[ast.AST] = [call]
        if function := self.function_around(call):
            names = [name for name, _value in _assigned(function)]
            own = [name for name, value in _assigned(function) if value is call and names.count(name) == 1]
            nodes += [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id in own]
        for node in nodes:
            after = self.parents[node]
            if isinstance(after, ast.Subscript) and after.value is node and _text(after.slice):
                yield _text(after.slice)

    def call_of(self, node: ast.AST) -> ast.Call | None:
        """The call of what this node is, or the call of aws_call or another function that gets it and makes it."""
        parent = self.parents[node]
        if isinstance(parent, ast.Call):
            return parent if parent.func is node or isinstance(parent.func, ast.Name) else None
        function = self.function_around(node)
        names = [name for name, value in _assigned(function) if value is node] if function else []
        return self.call_with(function, names[0], getattr(node, "lineno", 0)) if function and names else None

    def call_with(self, function: ast.AST, name: str, line: int) -> ast.Call | None:
        """The first aws_call behind the line that calls what has this name."""
        calls = [
            call
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
            and ast.unparse(call.func) == CALL
            and ast.unparse(call.args[2]) == name
            and call.lineno >= line
        ]
        return min(calls, key=lambda call: call.lineno, default=None)

    def written(self, call: ast.Call | None) -> tuple[str, ...]:
        return tuple(_written(call, self.function_around(call))) if call else ()

    def where(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 0)}"

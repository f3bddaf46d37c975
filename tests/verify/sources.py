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
NO_PARAMETERS = ("WaiterConfig", "PaginationConfig", "expected", "eventually", "seconds")
"""Keywords that botocore or aws/calls.py takes for itself."""

NO_OPERATIONS = ("exceptions", "meta", "download_file")
"""What a client has beside operations; boto3 adds download_file, which makes HeadObject and GetObject."""

GIVEN = {
    "iam_changes": "iam",
    "security_groups": "ec2",
    "change_set": "cloudformation",
    "application_autoscaling": "application-autoscaling",
    "stack": "cloudformation",
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


def _written(call: ast.Call) -> Iterator[str]:
    """The parameters that are written out in a call."""
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in NO_PARAMETERS:
            yield keyword.arg
            yield from _nested(keyword.value, keyword.arg)


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

    def function_around(self, node: ast.AST) -> bool:
        while parent := self.parents.get(node):
            if isinstance(parent, ast.FunctionDef):
                return True
            node = parent
        return False

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
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
                service = self.service(node.args[0], clients)
                if service is not None:
                    yield from self.by_name(function, node, service)

    def clients(self, function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
        """The function's clients, by name."""
        given = GIVEN.get(f"{self.name}.{function.name}", self.given())
        for node in ast.walk(function):
            if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name) and node.annotation.id == "Any":
                if node.arg == "client":
                    yield node.arg, given
                elif node.arg in self.services:
                    yield node.arg, node.arg
            elif isinstance(node, ast.Assign):
                target, value = node.targets[-1], node.value
                pairs = [(target, value)]
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    pairs = list(zip(target.elts, value.elts, strict=True))
                yield from ((one.id, _made(made)) for one, made in pairs if isinstance(one, ast.Name) and _made(made))

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
        parameters = tuple(_written(call_then)) if call_then else ()
        return Use(self.where(node), service, kind, _text(call.args[0]) if call else "", parameters)

    def helped(self, node: ast.Call, service: str, kind: str) -> Use:
        """aws_wait(doing, resource, client, waiter, …), or aws_pages(doing, resource, client, operation, key, …)."""
        answers = tuple(_text(key) for key in node.args[4:5])
        return Use(self.where(node), service, kind, _text(node.args[3]), tuple(_written(node)), answers)

    def made_of(self, node: ast.AST, service: str, name: str, call: ast.Call | None) -> Use:
        after = self.parents[call] if call else None
        answers = (_text(after.slice),) if isinstance(after, ast.Subscript) and _text(after.slice) else ()
        return Use(self.where(node), service, "operation", name, tuple(_written(call)) if call else (), answers)

    def by_name(self, function: ast.FunctionDef, node: ast.Call, service: str) -> Iterator[Use]:
        """getattr(client, operation)(…), for each text that a caller gives for the operation."""
        names = [argument.arg for argument in function.args.args]
        place = names.index(ast.unparse(node.args[1]))
        own = self.call_of(node)
        for call in ast.walk(self.tree):
            if not isinstance(call, ast.Call):
                continue
            # functools.partial(function, …) gives them later.
            given = [call.func, *call.args] if ast.unparse(call.func) != "functools.partial" else call.args
            if isinstance(given[0], ast.Name) and given[0].id == function.name:
                through = _written(call) if function.args.kwarg else ()
                parameters = (*(_written(own) if own else ()), *through)
                yield Use(self.where(call), service, "operation", _text(given[place + 1]), parameters)

    def call_of(self, node: ast.AST) -> ast.Call | None:
        """The call of what this node is, or the aws_call that makes it."""
        parent = self.parents[node]
        if not isinstance(parent, ast.Call):
            return None
        return parent if parent.func is node or ast.unparse(parent.func) == CALL else None

    def where(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 0)}"

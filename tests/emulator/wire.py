# Copyright (c) 2026, the datomic_onprem.aws maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and error answers on the wire, in each of AWS's protocols."""

from __future__ import annotations

import functools
import io
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as MotoRequest
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

_CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d+/([^/]+)/([^/]+)/")
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(\w+)")
_SERVICES = {"monitoring": "cloudwatch", "": "s3"}
"""Signing names that are not the service's name in boto3 and in IAM; an unsigned request is S3's."""


class Request:
    """A request to AWS: its service, operation, region and caller; parameters when asked for.

    Reads the whole body, and leaves a fresh stream of it in the environ.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length or not environ.get("wsgi.input_terminated"):
            self.body = environ["wsgi.input"].read(length)
        else:  # sent in chunks
            self.body = environ["wsgi.input"].read()
            environ["CONTENT_LENGTH"] = str(len(self.body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input"] = io.BytesIO(self.body)
        self._environ = dict(environ)
        signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        self.access_key, self.region, name = signed.groups() if signed else ("", "us-east-1", "")
        self.service = _SERVICES.get(name, name)
        self.form: dict[str, str] = {}
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            self.form = dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))
        self.path_params: Mapping[str, Any] = {}
        self.operation = self._operation()

    def _operation(self) -> str:
        if target := self._environ.get("HTTP_X_AMZ_TARGET"):
            return str(target).rpartition(".")[2]
        if action := self.form.get("Action"):
            return action
        if rpc := _RPC_PATH.match(self._environ["PATH_INFO"]):
            return rpc[1]
        try:
            model, self.path_params = get_service_router(self.service).match(self._moto())
            return str(model.name)
        except (NotFound, NotImplementedError, ValueError):
            return f"{self._environ['REQUEST_METHOD']} {self._environ['PATH_INFO']}"

    def _moto(self) -> MotoRequest:
        return MotoRequest({**self._environ, "wsgi.input": io.BytesIO(self.body)})

    @functools.cached_property
    def protocol(self) -> str:
        """The protocol that the client chose, as botocore names it."""
        return str(determine_request_protocol(get_service_model(self.service), self._environ.get("CONTENT_TYPE")))

    @functools.cached_property
    def params(self) -> dict[str, Any]:
        """The parameters as boto3 takes them; empty when the operation is not known."""
        model = get_service_model(self.service)
        if self.operation not in model.operation_names:
            return {}
        request = self._moto()
        parsed = PROTOCOL_PARSERS[self.protocol](model.operation_model(self.operation), map_type=dict).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": self.body,
                "url_path": request.path,
                "url_params": self.path_params,
            }
        )
        params: dict[str, Any] = _plain(parsed)
        return params

    def error(self, code: str, message: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of an error answer in this request's protocol."""
        if self.protocol in ("query", "ec2", "rest-xml"):
            body = _XML_ERRORS[self.protocol].format(f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>")
            head = self._environ["REQUEST_METHOD"] == "HEAD"
            return {"Content-Type": "text/xml"}, b"" if head else body.encode()
        told = {"__type": code, "message": message}
        if "cbor" in self.protocol:
            return {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, _cbor(told)
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-error": f"{code};Sender"}
        return headers, json.dumps(told).encode()


_XML_ERRORS = {
    "query": "<ErrorResponse><Error><Type>Sender</Type>{}</Error><RequestId>0</RequestId></ErrorResponse>",
    "ec2": "<Response><Errors><Error>{}</Error></Errors><RequestID>0</RequestID></Response>",
    "rest-xml": "<Error>{}<RequestId>0</RequestId></Error>",
}


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A map of texts as RFC 8949 encodes it; at most 23 entries, of less than 64 KiB each."""

    def text(value: str) -> bytes:
        encoded = value.encode()
        return b"\x79" + len(encoded).to_bytes(2, "big") + encoded

    return bytes([0xA0 + len(texts)]) + b"".join(text(name) + text(value) for name, value in texts.items())


def _plain(value: Any) -> Any:
    """The value as JSON can show it: streams and bytes as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if hasattr(value, "read"):
        return "<stream>"
    return str(value)

"""What schemathesis has to know about this API. It loads this module because SCHEMATHESIS_HOOKS names it.

The document says who may call an operation; each call is made as one of these callers in turn. Calls without credentials
and with wrong ones are part of the `ignored_auth` check.
"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import requests
import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.generation import GenerationMode

from tests.fuzzing.callers import Callers
from tests.fuzzing.inexpressible import is_inexpressible

APK = "application/vnd.android.package-archive"
DEMO = Path(os.environ["MPAC_DEMO_FILE"])
CALLERS = Callers(json.loads(DEMO.read_text()), DEMO.parent / "mails")

schemathesis.serializer.alias(APK, "application/octet-stream")


class InTurn(requests.auth.AuthBase):
    """One kind of caller after the other, each twice in a row, for every other call is helped to succeed."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds, self._calls = sorted(kinds), 0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._calls += 1
        return CALLERS.sign(request, kind=self._kinds[self._calls // 2 % len(self._kinds)])


@schemathesis.hook
def after_load_schema(context: HookContext, schema: schemathesis.BaseSchema) -> None:
    """Give every operation the callers that the document names for it."""
    operations = defaultdict(list)
    for methods in schema.raw_schema["paths"].values():
        for operation in methods.values():
            named = frozenset(kind for option in operation["security"] for kind in option)
            operations[named].append(operation["operationId"])
    for kinds, names in operations.items():
        if kinds:
            schemathesis.auth.set_from_requests(InTurn(kinds)).apply_to(operation_id=names)


# Whatever is sent there is a package or a list of terminals, and it is the answer that says what is wrong with it.
FILES, CREATED = {"releases_upload", "device_imports_create", "device_imports_create_for_store"}, 201


@schemathesis.hook
def map_case(context: HookContext, case: Case) -> Case:
    """Bring what no generator can make up."""
    name = case.operation.definition.raw["operationId"]
    if case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE:
        CALLERS.help(name, case)
    return case


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Keep the callers themselves in business, whoever made up the call: examples pass `map_case` by."""
    CALLERS.spare(case.operation.definition.raw["operationId"], case)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Let pass a refusal of data that the document allows only for a reason that JSON Schema has no words for, the package
    that a caller brings where none was to be brought, and what was just created missing where the body names others or
    somebody else had created it.
    """
    brought = case.operation.definition.raw["operationId"] in FILES and response.status_code == CREATED
    if failure.code == "ST201" and brought:
        return False
    if failure.code == "ST302":
        names_others = isinstance(case.body, dict) and any(
            name.endswith(("_id", "_ids")) for name in case.body
        )
        return not (names_others or CALLERS.finds(response.request))
    return not (failure.code == "ST202" and is_inexpressible(_problem(response)))


def _problem(response: Response) -> dict[str, Any]:
    document = response.json() if response.status_code in {400, 422} else {}
    return document if isinstance(document, dict) else {}

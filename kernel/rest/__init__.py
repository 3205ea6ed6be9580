"""The REST layer: one base class for endpoints, one way to declare an operation, one form of error."""

from kernel.rest.body import Body, CurrencyCode, Instant, Query, View
from kernel.rest.endpoint import Answer, Endpoint, Steps
from kernel.rest.operation import operation
from kernel.rest.paging import Page, PageQuery, paginate
from kernel.rest.preconditions import entity_tag, expected_version, is_known
from kernel.rest.request import Request

__all__ = [
    "Answer",
    "Body",
    "CurrencyCode",
    "Endpoint",
    "Instant",
    "Page",
    "PageQuery",
    "Query",
    "Request",
    "Steps",
    "View",
    "entity_tag",
    "expected_version",
    "is_known",
    "operation",
    "paginate",
]

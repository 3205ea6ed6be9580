"""What the endpoints of commands take."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from kernel.rest import Body, PageQuery, Query
from mpac.portal.rest.bodies import IntId, Reason

Identifier = Annotated[str, msgspec.Meta(max_length=64)]
Kind = Literal["restart", "lock", "unlock", "message", "upload_logs", "sync_now", "update_now"]
Status = Literal["queued", "sent", "acknowledged", "succeeded", "failed", "expired", "cancelled"]
ParameterName = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Parameters = Annotated[dict[ParameterName, object], msgspec.Meta(max_length=10)]
# A minute to thirty days.
ExpiresIn = Annotated[int, msgspec.Meta(ge=60, le=2_592_000)]
DAY_S = 86_400
LARGEST_COMMAND_BYTES = 16 * 1024


class NewCommand(Body, kw_only=True):
    """What is to be done; which parameters there are depends on the kind. `expires_in` is in seconds."""

    kind: Kind
    parameters: Parameters = {}
    expires_in: ExpiresIn = DAY_S
    reason: Reason = ""


class SendCommand(NewCommand, kw_only=True):
    """For one terminal."""

    device_id: Identifier


class SendBatch(NewCommand, kw_only=True):
    """For all active terminals of one group, store or merchant."""

    schema: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": [name], "properties": dict.fromkeys(others, False)}
            for name, others in (
                ("merchant_id", ("store_id", "group_id")),
                ("store_id", ("merchant_id", "group_id")),
                ("group_id", ("merchant_id", "store_id")),
            )
        ]
    }

    merchant_id: IntId | msgspec.UnsetType = msgspec.UNSET
    store_id: IntId | msgspec.UnsetType = msgspec.UNSET
    group_id: Identifier | msgspec.UnsetType = msgspec.UNSET

    def target(self) -> tuple[str, str]:
        """The level and key of the place that is named; empty unless it is one."""
        named = [
            (level, str(value))
            for level, value in (
                ("merchant", self.merchant_id),
                ("store", self.store_id),
                ("group", self.group_id),
            )
            if value is not msgspec.UNSET
        ]
        return named[0] if len(named) == 1 else ("", "")


class ListCommands(PageQuery):
    device_id: Identifier | None = None
    batch_id: Identifier | None = None
    status: Status | None = None
    kind: Kind | None = None


class ListOwnCommands(Query):
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 20


class GiveResult(Body):
    """That the terminal has begun, or how it ended: `code` for programs, `detail` for people, `data` for what else there is."""

    status: Literal["acknowledged", "succeeded", "failed"]
    code: Annotated[str, msgspec.Meta(max_length=64, pattern="^[a-z0-9_]*$")] = ""
    detail: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    data: Annotated[
        dict[ParameterName, Annotated[str, msgspec.Meta(max_length=500)]], msgspec.Meta(max_length=20)
    ] = {}

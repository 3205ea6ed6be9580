"""What audit's endpoint takes."""

from typing import Annotated, Any

import msgspec

from kernel.rest import PageQuery
from kernel.rest.moments import Moment, moment_if_any

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_.]{0,63}$")]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ListAuditEvents(PageQuery):
    """`actor` also finds what was done while somebody acted as that person."""

    actor: Identifier | None = None
    object_type: Name | None = None
    object_id: Identifier | None = None
    action: Name | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None

    def filters(self) -> dict[str, Any]:
        """The same for the selector."""
        return {
            "actor_id": self.actor,
            "object_type": self.object_type,
            "object_id": self.object_id,
            "action": self.action,
            "created_from": moment_if_any("created_from", self.created_from),
            "created_before": moment_if_any("created_before", self.created_before),
        }

"""What the endpoints of settings take."""

from typing import Annotated, Literal

import msgspec

from kernel.rest import Body, Query
from mpac.portal.rest.bodies import Reason

Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class SetSetting(Body):
    """What fits the setting is said by its schema in the catalogue. A locked value holds for everything below."""

    value: object
    locked: bool = False
    reason: Reason = ""


class PreviewSetting(Body):
    """Without a value, the preview is of taking it away."""

    value: object | msgspec.UnsetType = msgspec.UNSET
    locked: bool = False


class RollBackSetting(Body):
    """The version to go back to."""

    version: Version
    reason: Reason = ""


class ReadConfig(Query):
    """`explain` says of each value where it comes from."""

    explain: Literal["true", "false"] = "false"

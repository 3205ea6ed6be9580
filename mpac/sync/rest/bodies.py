"""What sync's endpoints take."""

from typing import Annotated

import msgspec

from kernel.rest import Body


class RunSync(Body):
    """One merchant, or all that drifted."""

    merchant_id: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None

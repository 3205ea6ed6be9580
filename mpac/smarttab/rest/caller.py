"""From an authenticated principal to the caller that services know."""

from kernel.errors import FieldError, Invalid
from kernel.rest import Request
from mpac.smarttab.dto import Caller


def caller_of(request: Request) -> Caller:
    """Return who is calling: the tenant, the name for the history, the device."""
    principal = request.user
    return Caller(
        scope=principal.scope(),
        actor=f"{principal.kind}:{principal.subject}",
        device_id=principal.device_id,
        livemode=principal.livemode,
    )


def expected_version(request: Request) -> int:
    """Return the version in the If-Match header, bare or as an entity tag. Raises Invalid."""
    text = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004  (versions are int4)
        fault = FieldError("If-Match", "required", "Say which version you have seen.")
        raise Invalid(code="if_match_required", errors=[fault])
    return int(text)

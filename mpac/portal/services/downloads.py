"""Addresses of downloads: for one terminal, for a while. Whoever has one needs no token."""

import datetime as dt
import uuid

from django.utils.crypto import constant_time_compare, salted_hmac

from kernel import ids
from kernel.errors import NotFound
from kernel.tenancy import SystemScope, TenantScope
from mpac.portal import conf
from mpac.portal.adapters.packages import find_address
from mpac.portal.db import atomic
from mpac.portal.domain.devices import DeviceStatus
from mpac.portal.errors import DownloadRefused
from mpac.portal.models import AppRelease, Device
from mpac.portal.models.device import PREFIX as DEVICE
from mpac.portal.selectors.apps import get_release

SALT = "mpac.portal.downloads"


def download_address(*, release: AppRelease, device_id: uuid.UUID, now: dt.datetime) -> str:
    """Where a terminal gets a release for the next minutes."""
    if address := find_address(release.stored_as):
        return address
    expires, device = int(now.timestamp()) + conf.DOWNLOAD_TTL_S, ids.encode(DEVICE, device_id)
    signature = _sign(release.public_id, device, expires)
    return (
        f"{conf.public_url()}/v1/downloads/{release.public_id}"
        f"?device={device}&expires={expires}&signature={signature}"
    )


def check_download(
    *, release_id: str, device: str, expires: int, signature: str, now: dt.datetime
) -> AppRelease:
    """The release behind an address, while its terminal works. Raises DownloadRefused for every fault alike."""
    genuine = constant_time_compare(_sign(release_id, device, expires), signature)
    if not genuine or expires < now.timestamp():
        raise DownloadRefused
    try:
        device_id = ids.decode(DEVICE, device)
        with atomic(SystemScope("authentication")):
            found: Device | None = Device.objects.filter(id=device_id, status=DeviceStatus.ACTIVE).first()
        if found is None:
            raise DownloadRefused
        scope = TenantScope(found.psp_id, found.merchant_id, (found.store_id,), found.livemode)
        return get_release(scope=scope, release_id=ids.decode("rel", release_id))
    except NotFound:
        raise DownloadRefused from None


def _sign(release_id: str, device: str, expires: int) -> str:
    return salted_hmac(SALT, f"{release_id}:{device}:{expires}", algorithm="sha256").hexdigest()

"""Settings over HTTP: set and explained at every level for people and providers' servers, read as a whole by terminals.

`/v1/settings/store/7/receipt.copies` is a setting at a place: a level, whose it is, and the setting's name.
"""

from django.http import HttpResponse
from msgspec import UNSET

from kernel.errors import NotFound
from kernel.principal import Principal
from kernel.rest import (
    Answer,
    Endpoint,
    Page,
    PageQuery,
    Request,
    expected_version,
    is_known,
    operation,
    paginate,
)
from kernel.tenancy import Scope, SystemScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.places import Place
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.rest import settings_views as views
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.settings_bodies import PreviewSetting, ReadConfig, RollBackSetting, SetSetting
from mpac.portal.rest.settings_views import (
    DeviceConfigView,
    SettingChangeView,
    SettingDefinitionView,
    SettingPreviewView,
    SettingView,
)
from mpac.portal.selectors import settings as select
from mpac.portal.selectors.places import get_place
from mpac.portal.services import settings
from mpac.portal.services.settings import Change, Wanted

READ, WRITE, LOCK = "settings:read", "settings:write", "settings:lock"
LARGEST_VALUE_BYTES = 16 * 1024
PRIVATE = {"Cache-Control": "private, no-cache"}


def change_of(principal: Principal, *, reason: str, version: int) -> Change:
    """Who changes a setting, and what they may do and have seen."""
    return Change(
        actor=principal.actor or principal.subject,
        reason=reason,
        expected_version=version,
        may_lock=principal.may(LOCK),
    )


def shown(scope: Scope, place: Place, name: str) -> Answer:
    """One setting as it holds at a place now, with the version of what is set there."""
    setting = settings.get_setting(name)
    with atomic(scope):
        found, own = select.explain_place(place=place)[setting.name], select.find_own(place=place, name=name)
    view = views.setting(found, place=place, own=own, shows_operators=isinstance(scope, SystemScope))
    return Answer(view, headers={"ETag": f'"{view.version}"'})


class CatalogueEndpoint(PortalEndpoint):
    """What can be set."""

    @operation(
        "settings.catalogue",
        summary="List everything that can be set, with the schema of its values",
        response=Page[SettingDefinitionView],
        permission=READ,
    )
    def get(self, request: Request) -> Page[SettingDefinitionView]:
        return Page(data=[views.definition(each) for each in SETTINGS.values()])


class PlaceSettingsEndpoint(PortalEndpoint):
    """All settings as they hold at a place."""

    @operation(
        "settings.list",
        summary="List all settings as they hold at a level, with where each value comes from",
        response=Page[SettingView],
        permission=READ,
    )
    def get(self, request: Request, level: str, owner: str) -> Page[SettingView]:
        scope = self.scope
        with atomic(scope):
            place = get_place(scope=scope, level=level, key=owner)
            own = select.list_own(place=place)
            found = select.explain_place(place=place)
        insider = isinstance(scope, SystemScope)
        return Page(
            data=[
                views.setting(each, place=place, own=own.get(name), shows_operators=insider)
                for name, each in found.items()
            ]
        )


class SettingEndpoint(PortalEndpoint):
    """One setting at a place."""

    @operation(
        "settings.read",
        summary="Read a setting as it holds at a level, with where its value comes from",
        response=SettingView,
        headers=("ETag",),
        permission=READ,
    )
    def get(self, request: Request, level: str, owner: str, setting: str) -> Answer:
        scope = self.scope
        return shown(scope, get_place(scope=scope, level=level, key=owner), setting)

    @operation(
        "settings.set",
        summary="Set a value for everything below a level, or lock it",
        body=SetSetting,
        response=SettingView,
        errors=(409,),
        if_match=True,
        headers=("ETag",),
        max_body_bytes=LARGEST_VALUE_BYTES,
        permission=WRITE,
    )
    def put(self, request: Request, body: SetSetting, level: str, owner: str, setting: str) -> Answer:
        scope = self.scope
        change = change_of(request.user, reason=body.reason, version=expected_version(request))
        place = get_place(scope=scope, level=level, key=owner)
        settings.set_setting(
            scope=scope,
            place=place,
            name=setting,
            value=body.value,
            locked=body.locked,
            change=change,
            now=self.now,
        )
        return shown(scope, place, setting)

    @operation(
        "settings.unset",
        summary="Take a value away, so that what is set above holds again",
        response=SettingView,
        errors=(409,),
        if_match=True,
        headers=("ETag",),
        permission=WRITE,
    )
    def delete(self, request: Request, level: str, owner: str, setting: str) -> Answer:
        scope = self.scope
        change = change_of(request.user, reason="", version=expected_version(request))
        place = get_place(scope=scope, level=level, key=owner)
        settings.unset_setting(scope=scope, place=place, name=setting, change=change, now=self.now)
        return shown(scope, place, setting)


class SettingPreviewEndpoint(PortalEndpoint):
    """What a change would do."""

    @operation(
        "settings.preview",
        summary="Count the terminals that a change would touch, without making it",
        body=PreviewSetting,
        response=SettingPreviewView,
        max_body_bytes=LARGEST_VALUE_BYTES,
        permission=READ,
    )
    def post(
        self, request: Request, body: PreviewSetting, level: str, owner: str, setting: str
    ) -> SettingPreviewView:
        scope = self.scope
        place = get_place(scope=scope, level=level, key=owner)
        wanted = Wanted(is_set=False)
        if body.value is not UNSET:
            wanted = Wanted(value=settings.get_setting(setting).fit(body.value), locked=body.locked)
        found = settings.preview_setting(scope=scope, place=place, name=setting, wanted=wanted)
        insider = isinstance(scope, SystemScope)
        return views.preview(found, place=place, name=setting, shows_operators=insider, now=self.now)


class SettingHistoryEndpoint(PortalEndpoint):
    """The versions of a setting at a place."""

    @operation(
        "settings.history",
        summary="List the versions of a setting at a level, the latest first",
        query=PageQuery,
        response=Page[SettingChangeView],
        permission=READ,
    )
    def get(
        self, request: Request, query: PageQuery, level: str, owner: str, setting: str
    ) -> Page[SettingChangeView]:
        scope = self.scope
        declared = settings.get_setting(setting)
        with atomic(scope):
            place = get_place(scope=scope, level=level, key=owner)
            found = select.list_changes(place=place, name=setting)
            return paginate(found, query, lambda row: views.change(row, secret=declared.secret))


class SettingRollBackEndpoint(PortalEndpoint):
    """Back to a former version."""

    @operation(
        "settings.roll_back",
        summary="Bring a former version of a setting back, as a new version",
        body=RollBackSetting,
        response=SettingView,
        errors=(409,),
        if_match=True,
        headers=("ETag",),
        permission=WRITE,
    )
    def post(self, request: Request, body: RollBackSetting, level: str, owner: str, setting: str) -> Answer:
        scope = self.scope
        change = change_of(request.user, reason=body.reason, version=expected_version(request))
        place = get_place(scope=scope, level=level, key=owner)
        settings.roll_back_setting(
            scope=scope, place=place, name=setting, version=body.version, change=change, now=self.now
        )
        return shown(scope, place, setting)


class OwnConfigEndpoint(Endpoint):
    """A terminal reads what is set for it."""

    callers = frozenset({"device"})
    db = db

    @operation(
        "devices.config",
        summary="Read everything that is set for the calling terminal",
        query=ReadConfig,
        response=DeviceConfigView,
        if_none_match=True,
        headers=("ETag", "Cache-Control"),
    )
    def get(self, request: Request, query: ReadConfig) -> Answer | HttpResponse:
        scope, device_id = request.user.scope(), request.user.device_id
        if device_id is None:
            raise NotFound
        found = select.read_config(scope=scope, device_id=device_id)
        headers = PRIVATE | {"ETag": views.config_etag(found, explain=query.explain)}
        if is_known(request, headers["ETag"]):
            return HttpResponse(status=304, headers=headers)
        return Answer(views.config(device_id, found, explain=query.explain == "true"), headers=headers)

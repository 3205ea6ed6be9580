"""Portal's addresses under /v1."""

from django.urls import path

from mpac.portal.rest import (
    api_keys,
    device_groups,
    devices,
    fleet,
    hierarchy,
    provider_configs,
    settings,
    token,
)

urlpatterns = [
    path("auth/token", token.TokenEndpoint.as_view()),
    path("api-keys", api_keys.ApiKeysEndpoint.as_view()),
    path("api-keys/<str:api_key_id>", api_keys.ApiKeyEndpoint.as_view()),
    path("api-keys/<str:api_key_id>/roll", api_keys.RollApiKeyEndpoint.as_view()),
    path("api-keys/<str:api_key_id>/revoke", api_keys.RevokeApiKeyEndpoint.as_view()),
    path("psps", hierarchy.PspsEndpoint.as_view()),
    path("psps/<id:psp_id>", hierarchy.PspEndpoint.as_view()),
    path("merchants", hierarchy.MerchantsEndpoint.as_view()),
    path("merchants/<id:merchant_id>", hierarchy.MerchantEndpoint.as_view()),
    path("stores", hierarchy.StoresEndpoint.as_view()),
    path("stores/<id:store_id>", hierarchy.StoreEndpoint.as_view()),
    path("stores/<id:store_id>/provider-configs", provider_configs.ProviderConfigsEndpoint.as_view()),
    path(
        "stores/<id:store_id>/provider-configs/<str:provider>",
        provider_configs.ProviderConfigEndpoint.as_view(),
    ),
    path("stores/<id:store_id>/devices", devices.StoreDevicesEndpoint.as_view()),
    path("devices", fleet.DevicesEndpoint.as_view()),
    path("devices/activate", devices.ActivateEndpoint.as_view()),
    path("devices/me", devices.OwnDeviceEndpoint.as_view()),
    path("devices/me/config", settings.OwnConfigEndpoint.as_view()),
    path("devices/me/heartbeat", fleet.HeartbeatEndpoint.as_view()),
    path("devices/<str:device_id>", devices.DeviceEndpoint.as_view()),
    path("devices/<str:device_id>/activation-code", devices.ActivationCodeEndpoint.as_view()),
    path("devices/<str:device_id>/suspend", devices.SuspendEndpoint.as_view()),
    path("devices/<str:device_id>/resume", devices.ResumeEndpoint.as_view()),
    path("devices/<str:device_id>/revoke", devices.RevokeEndpoint.as_view()),
    path("settings", settings.CatalogueEndpoint.as_view()),
    path("settings/<str:level>/<str:owner>", settings.PlaceSettingsEndpoint.as_view()),
    path("settings/<str:level>/<str:owner>/<str:setting>", settings.SettingEndpoint.as_view()),
    path("settings/<str:level>/<str:owner>/<str:setting>/preview", settings.SettingPreviewEndpoint.as_view()),
    path("settings/<str:level>/<str:owner>/<str:setting>/history", settings.SettingHistoryEndpoint.as_view()),
    path(
        "settings/<str:level>/<str:owner>/<str:setting>/rollback", settings.SettingRollBackEndpoint.as_view()
    ),
    path("devices/<str:device_id>/replace", fleet.ReplaceEndpoint.as_view()),
    path("devices/<str:device_id>/kill", fleet.KillEndpoint.as_view()),
    path("devices/<str:device_id>/reports", fleet.ReportsEndpoint.as_view()),
    path("device-groups", device_groups.GroupsEndpoint.as_view()),
    path("device-groups/<str:group_id>", device_groups.GroupEndpoint.as_view()),
    path("device-groups/<str:group_id>/members", device_groups.GroupMembersEndpoint.as_view()),
    path("device-groups/<str:group_id>/members/remove", device_groups.RemoveMembersEndpoint.as_view()),
]

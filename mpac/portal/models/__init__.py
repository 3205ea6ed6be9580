"""Portal's aggregates, one a file."""

from mpac.portal.models.api_key import ApiKey
from mpac.portal.models.app import App, AppRelease
from mpac.portal.models.authentication_log import AuthenticationLog
from mpac.portal.models.authenticator import Authenticator
from mpac.portal.models.client_assertion import ClientAssertion
from mpac.portal.models.command import Command, CommandBatch, CommandStatusChange
from mpac.portal.models.custom_role import CustomRole
from mpac.portal.models.device import Device, DeviceKill, DeviceStatusChange
from mpac.portal.models.device_group import DeviceGroup, DeviceGroupMember
from mpac.portal.models.device_import import DeviceImport
from mpac.portal.models.device_report import DeviceReport, DeviceReportSample
from mpac.portal.models.impersonation import Impersonation
from mpac.portal.models.invitation import Invitation
from mpac.portal.models.login import (
    FormerPassword,
    LoginChallenge,
    LoginThrottle,
    PasswordReset,
    RecoveryCode,
)
from mpac.portal.models.login_policy import LoginPolicy
from mpac.portal.models.mail import Mail
from mpac.portal.models.membership import Membership
from mpac.portal.models.merchant import Merchant
from mpac.portal.models.plumbing import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage
from mpac.portal.models.preregistration import Preregistration
from mpac.portal.models.profile import UserPreferences, UserProfile
from mpac.portal.models.provider_config import ProviderConfig
from mpac.portal.models.psp import Psp
from mpac.portal.models.revocation import Revocation
from mpac.portal.models.rollout import DeviceUpdate, Rollout
from mpac.portal.models.session import KnownDevice, RefreshToken, Session
from mpac.portal.models.setting import SettingChange, SettingValue
from mpac.portal.models.signing_key import SigningKey
from mpac.portal.models.store import Store
from mpac.portal.models.user import User

__all__ = [
    "ApiKey",
    "App",
    "AppRelease",
    "AuthenticationLog",
    "Authenticator",
    "ClientAssertion",
    "Command",
    "CommandBatch",
    "CommandStatusChange",
    "CustomRole",
    "Device",
    "DeviceGroup",
    "DeviceGroupMember",
    "DeviceImport",
    "DeviceKill",
    "DeviceReport",
    "DeviceReportSample",
    "DeviceStatusChange",
    "DeviceUpdate",
    "FormerPassword",
    "IdempotencyKey",
    "Impersonation",
    "InboxEntry",
    "Invitation",
    "JobRun",
    "KnownDevice",
    "LoginChallenge",
    "LoginPolicy",
    "LoginThrottle",
    "Mail",
    "Membership",
    "Merchant",
    "Nonce",
    "OutboxMessage",
    "PasswordReset",
    "Preregistration",
    "ProviderConfig",
    "Psp",
    "RecoveryCode",
    "RefreshToken",
    "Revocation",
    "Rollout",
    "Session",
    "SettingChange",
    "SettingValue",
    "SigningKey",
    "Store",
    "User",
    "UserPreferences",
    "UserProfile",
]

"""What can go wrong in portal.

DomainError
|-- NotFound
|-- Conflict
|   |-- CodeTaken             a code is unique in its parent
|   |-- SerialNumberTaken     one living device a serial number and provider
|   |-- ProviderConfigured    one configuration a store and provider
|   |-- GroupNameTaken        one group a name and owner
|   |-- GroupNotEmpty         terminals were put into it
|   |-- AlreadyReplaced       a broken terminal is replaced once
|   |-- EmailTaken            one person an address
|   |-- ApiKeyEnded           a key that is withdrawn, expired or replaced is not rolled
|   |-- LastAdministrator     somebody has to be left who can let others in
|   |-- AlreadyInvited        one pending invitation an address, role and place
|   |-- RoleNameTaken         one custom role a name and provider
|   |-- RoleInUse             somebody has it, or is invited to it
|   |-- VersionChanged        somebody else was faster
|   |-- PackageTaken          one app a package and owner
|   |-- RolloutUnderWay       one rollout at a time an app and channel
|   |-- VersionCodeNotHigher  releases only go forward
|   |-- IllegalTransition     the state does not lead there
|   |-- FactorRequired        the last second factor of somebody who needs one stays
|   |-- TooManyFactors        nobody needs that many
|   |-- WrongCode             a new authenticator has not shown one of its codes
|   `-- ParentNotActive       nothing new below something suspended or closed
|-- Invalid
|   |-- ApkRefused            an upload that is no properly signed package of its app
|   |-- InvalidPublicKey      not an EC P-256 public key
|   `-- InvalidProof          the proof does not show possession of the key
`-- Forbidden
    |-- BeyondOwnRights       nobody gives or takes what they do not hold
    |-- OwnMembership         nobody changes their own roles
    |-- InvitationRefused     one answer for a wrong, expired, used or withdrawn link
    |-- ImpersonationRefused  not as this person, or not any more
    |-- DownloadRefused       one answer for a wrong, expired or withdrawn address
    |-- ActivationRefused     one answer for a wrong, expired, used or blocked code
    |-- TokenRefused          rendered as RFC 6749 section 5.2 says
    |-- FactorNotShown        a role came after the sign-in, and needs more than it showed
    |-- RecentSignInRequired  the session is too old to change what protects it
    |-- WrongPassword         the present password is another one
    `-- NoMembership          the person may sign in, but has nothing to do here
Unauthenticated
|-- SignInRefused           one answer for a wrong password and an account that is not there
|-- CodeRefused             the second factor is not right, or its sign-in is over
|-- RefreshRefused          the refresh token is unknown, used, expired, or its session ended
`-- ResetRefused            the code for a new password is unknown, used or expired
"""

from kernel.errors import Conflict, Forbidden, Invalid, Unauthenticated


class CodeTaken(Conflict):
    """This code is in use by another object of the same parent."""

    code = "code_taken"


class SerialNumberTaken(Conflict):
    """A device with this serial number is registered; revoke it first, or issue a new activation code for it."""

    code = "serial_number_taken"


class ProviderConfigured(Conflict):
    """The store has a configuration for this provider; change that one."""

    code = "provider_configured"


class GroupNameTaken(Conflict):
    """A group of this name exists here."""

    code = "group_name_taken"


class GroupNotEmpty(Conflict):
    """Terminals are members of the group; take them out first."""

    code = "group_not_empty"


class AlreadyReplaced(Conflict):
    """The terminal has been replaced."""

    code = "already_replaced"


class EmailTaken(Conflict):
    """A person with this e-mail address exists."""

    code = "email_taken"


class ApiKeyEnded(Conflict):
    """This key is withdrawn, has expired or was replaced already; roll the one that replaced it, or issue a new one."""

    code = "api_key_ended"


class LastAdministrator(Conflict):
    """This is the last person who can administer this place; appoint another one first."""

    code = "last_administrator"


class AlreadyInvited(Conflict):
    """There is a pending invitation of this kind; send that one again, or withdraw it."""

    code = "already_invited"


class RoleNameTaken(Conflict):
    """The provider has a role of this name."""

    code = "role_name_taken"


class RoleInUse(Conflict):
    """Somebody has this role or is invited to it; withdraw it from them first."""

    code = "role_in_use"


class VersionChanged(Conflict):
    """This was changed meanwhile; read it again."""

    code = "version_changed"


class PackageTaken(Conflict):
    """There is an app with this package."""

    code = "package_taken"


class RolloutUnderWay(Conflict):
    """A rollout of this app to this channel is under way; halt or complete it first."""

    code = "rollout_under_way"


class VersionCodeNotHigher(Conflict):
    """The version code must be higher than that of every release before."""

    code = "version_code_not_higher"


class IllegalTransition(Conflict):
    """The present status does not lead to the requested one."""

    code = "illegal_transition"


class ParentNotActive(Conflict):
    """The object above this one is suspended or closed."""

    code = "parent_not_active"


class ApkRefused(Invalid):
    """The file is not an Android package that can be released."""

    code = "apk_refused"


class InvalidPublicKey(Invalid):
    """The public key must be a JWK of an EC P-256 key without its private part."""

    code = "invalid_public_key"


class InvalidProof(Invalid):
    """The proof does not show possession of the private key."""

    code = "invalid_proof"


class BeyondOwnRights(Forbidden):
    """Nobody can give or take away what they may not do themselves at that place."""

    code = "beyond_own_rights"


class OwnMembership(Forbidden):
    """Nobody can change their own roles."""

    code = "own_membership"


class InvitationRefused(Forbidden):
    """The link is not valid, has expired, was used or withdrawn, or the password is not that of the account."""

    code = "invitation_refused"


class ImpersonationRefused(Forbidden):
    """This person cannot be impersonated here."""

    code = "impersonation_refused"


class DownloadRefused(Forbidden):
    """The address of this download is not valid or has expired; ask for updates again."""

    code = "download_refused"


class ActivationRefused(Forbidden):
    """The activation code is not valid, has expired, or was tried too often."""

    code = "activation_refused"


class TokenRefused(Forbidden):
    """The token request is refused."""

    code = "token_refused"

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        super().__init__(description)


class MisfitValue(Invalid):
    """The value is not one that this setting takes."""

    code = "setting_value_invalid"


class SettingNotHere(Invalid):
    """This setting cannot be set at this level."""

    code = "setting_not_at_level"


class SettingNotLockable(Invalid):
    """This setting cannot be locked."""

    code = "setting_not_lockable"


class SettingLocked(Conflict):
    """The setting is locked at a level above."""

    code = "setting_locked"


class SettingNotKept(Conflict):
    """What a secret setting was before is not kept; set it anew."""

    code = "setting_not_kept"


class VersionMismatch(Conflict):
    """It was changed by somebody else; read it again."""

    code = "version_mismatch"


class FactorRequired(Conflict):
    """A role of yours needs a second factor; set up another one before you remove this one."""

    code = "second_factor_required"


class TooManyFactors(Conflict):
    """You have as many authenticators as anybody may; remove one first."""

    code = "too_many_authenticators"


class WrongCode(Conflict):
    """This is no code of this authenticator at this moment, or it was used."""

    code = "wrong_code"


class WrongPassword(Forbidden):
    """The present password is another one."""

    code = "wrong_password"


class RecentSignInRequired(Forbidden):
    """This needs a session that signed in within the last 15 minutes; sign in again."""

    code = "recent_sign_in_required"


class FactorNotShown(Forbidden):
    """A role of yours needs a second factor that this session has not shown; sign in again."""

    code = "second_factor_not_shown"


class NoMembership(Forbidden):
    """This account has no role at any provider that does business."""

    code = "no_membership"


class SignInRefused(Unauthenticated):
    """The address and the password do not go together."""

    code = "sign_in_refused"


class CodeRefused(Unauthenticated):
    """The code is not right, was used before, or came too late."""

    code = "code_refused"


class RefreshRefused(Unauthenticated):
    """The refresh token is not valid; sign in again."""

    code = "refresh_refused"


class ResetRefused(Unauthenticated):
    """The code for a new password is not valid; ask for another one."""

    code = "reset_refused"


class MisfitParameters(Invalid):
    """The parameters do not fit the kind of command."""

    code = "command_parameters_invalid"


class DeviceNotActive(Conflict):
    """Only an active terminal is told to do something."""

    code = "device_not_active"


class ResultGiven(Conflict):
    """The terminal has given another result for this command."""

    code = "result_given"

"""What people do about their own account: sessions, second factors, the password; and what a provider asks of its people."""

from kernel import ids
from kernel.clock import rfc3339
from kernel.errors import Forbidden
from kernel.rest import Answer, Page, PageQuery, Request, operation, paginate
from kernel.tenancy import SystemScope
from mpac.portal.db import atomic
from mpac.portal.domain.login import EndedBecause
from mpac.portal.models.session import PREFIX as SESSION
from mpac.portal.rest import login_views as views
from mpac.portal.rest.endpoint import PortalEndpoint
from mpac.portal.rest.login import KEPT_NOWHERE, NO_STORE, EntranceEndpoint, PersonEndpoint
from mpac.portal.rest.login_bodies import (
    ChangePassword,
    ConfirmAuthenticator,
    ConfirmReset,
    NewAuthenticator,
    RequestReset,
    SetLoginPolicy,
)
from mpac.portal.rest.login_views import (
    AuthenticatorView,
    ConfirmedAuthenticatorView,
    DoneView,
    LoginPolicyView,
    NewAuthenticatorView,
    RecoveryCodesView,
    ResetDoneView,
    SessionView,
)
from mpac.portal.selectors.sessions import find_login_policy, list_authenticators, list_sessions
from mpac.portal.services import authenticators, passwords, recovery_codes, sessions
from mpac.portal.services.login_policies import set_login_policy

SCOPE = SystemScope("authentication")


class SessionsEndpoint(PersonEndpoint):
    @operation(
        "auth.sessions.list",
        summary="List where you are signed in",
        query=PageQuery,
        response=Page[SessionView],
    )
    def get(self, request: Request, query: PageQuery) -> Page[SessionView]:
        current = request.user.session_id
        with atomic(SCOPE):
            found = list_sessions(user_id=self.user_id, now=self.now)
            return paginate(found, query, lambda row: views.session(row, current=current))


class SessionEndpoint(PersonEndpoint):
    @operation(
        "auth.sessions.end",
        summary="End a session: its tokens are refused within seconds",
        response=SessionView,
    )
    def delete(self, request: Request, session_id: str) -> SessionView:
        ended = sessions.end_session(
            user_id=self.user_id,
            session_id=ids.decode(SESSION, session_id),
            why=EndedBecause.REVOKED,
            now=self.now,
        )
        return views.session(ended, current=request.user.session_id)


class FactorEndpoint(PersonEndpoint):
    """What changes second factors needs a session that has just signed in."""

    def recent(self, request: Request) -> int:
        """Who calls. Raises RecentSignInRequired."""
        sessions.require_recent(session_id=request.user.session_id, now=self.now)
        return self.user_id


class AuthenticatorsEndpoint(FactorEndpoint):
    @operation(
        "auth.authenticators.list",
        summary="List your authenticators",
        query=PageQuery,
        response=Page[AuthenticatorView],
    )
    def get(self, _request: Request, query: PageQuery) -> Page[AuthenticatorView]:
        with atomic(SCOPE):
            found = list_authenticators(user_id=self.user_id)
            return paginate(found, query, views.authenticator, integer=True)

    @operation(
        "auth.authenticators.create",
        summary="Begin to set up an authenticator; it counts once it has shown a code",
        body=NewAuthenticator,
        response=NewAuthenticatorView,
        status=201,
        errors=(409,),
        headers=KEPT_NOWHERE,
    )
    def post(self, request: Request, body: NewAuthenticator) -> Answer:
        user_id = self.recent(request)
        made = authenticators.begin_authenticator(user_id=user_id, name=body.name, now=self.now)
        return Answer(views.new_authenticator(made), headers=NO_STORE)


class ConfirmAuthenticatorEndpoint(FactorEndpoint):
    @operation(
        "auth.authenticators.confirm",
        summary="Let an authenticator count, by one of its codes",
        body=ConfirmAuthenticator,
        response=ConfirmedAuthenticatorView,
        errors=(409,),
        headers=KEPT_NOWHERE,
    )
    def post(self, request: Request, body: ConfirmAuthenticator, authenticator_id: int) -> Answer:
        user_id = self.recent(request)
        done = authenticators.confirm_authenticator(
            user_id=user_id, authenticator_id=authenticator_id, code=body.code, now=self.now
        )
        return Answer(views.confirmed_authenticator(done), headers=NO_STORE)


class AuthenticatorEndpoint(FactorEndpoint):
    @operation(
        "auth.authenticators.remove",
        summary="Remove an authenticator",
        response=AuthenticatorView,
        errors=(409,),
    )
    def delete(self, request: Request, authenticator_id: int) -> AuthenticatorView:
        user_id = self.recent(request)
        return views.authenticator(
            authenticators.remove_authenticator(
                user_id=user_id, authenticator_id=authenticator_id, now=self.now
            )
        )


class RecoveryCodesEndpoint(FactorEndpoint):
    @operation(
        "auth.recovery_codes.create",
        summary="Make new recovery codes; the former ones are void",
        response=RecoveryCodesView,
        status=201,
        headers=KEPT_NOWHERE,
    )
    def post(self, request: Request) -> Answer:
        user_id = self.recent(request)
        codes = recovery_codes.make_recovery_codes(user_id=user_id, now=self.now)
        made = RecoveryCodesView(id=user_id, created_at=rfc3339(self.now), recovery_codes=list(codes))
        return Answer(made, headers=NO_STORE)


class PasswordEndpoint(PersonEndpoint):
    @operation(
        "auth.password.change",
        summary="Change your password; all other sessions end",
        body=ChangePassword,
        response=DoneView,
    )
    def post(self, request: Request, body: ChangePassword) -> DoneView:
        if request.user.session_id is None:
            raise Forbidden
        passwords.change_password(
            user_id=self.user_id,
            session_id=request.user.session_id,
            current=body.current_password,
            new=body.new_password,
            now=self.now,
        )
        return DoneView()


class RequestResetEndpoint(EntranceEndpoint):
    @operation(
        "auth.password.reset",
        summary="Ask for a code to choose a new password with; the answer is the same for every address",
        body=RequestReset,
        response=DoneView,
    )
    def post(self, _request: Request, body: RequestReset) -> DoneView:
        passwords.request_reset(email=body.email, now=self.now)
        return DoneView()


class ConfirmResetEndpoint(EntranceEndpoint):
    @operation(
        "auth.password.reset_confirm",
        summary="Choose a new password with the code from the mail; all sessions end",
        body=ConfirmReset,
        response=ResetDoneView,
        errors=(401,),
        headers=KEPT_NOWHERE,
    )
    def post(self, _request: Request, body: ConfirmReset) -> Answer:
        device_token = passwords.confirm_reset(
            reset_token=body.reset_token, new=body.new_password, now=self.now
        )
        return Answer(ResetDoneView(device_token=device_token), headers=NO_STORE)


class LoginPolicyEndpoint(PortalEndpoint):
    callers = frozenset({"person"})

    @operation(
        "login_policies.read",
        summary="Read what a provider asks of its people when they sign in",
        response=LoginPolicyView,
        permission="people:read",
    )
    def get(self, _request: Request, psp_id: int) -> LoginPolicyView:
        return views.login_policy(psp_id, find_login_policy(scope=self.scope, psp_id=psp_id))

    @operation(
        "login_policies.set",
        summary="Say which roles need a second factor, beyond what the platform asks",
        body=SetLoginPolicy,
        response=LoginPolicyView,
        permission="people:write",
        reach="psp",
    )
    def put(self, _request: Request, body: SetLoginPolicy, psp_id: int) -> LoginPolicyView:
        policy = set_login_policy(
            scope=self.scope,
            psp_id=psp_id,
            required_roles=frozenset(body.required_roles),
            email_codes=body.email_codes,
            now=self.now,
        )
        return views.login_policy(psp_id, policy)

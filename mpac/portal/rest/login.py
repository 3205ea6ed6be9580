"""Signing in over HTTP: password, second factor, new tokens for old, another membership, the end."""

from kernel.errors import Forbidden
from kernel.rest import Answer, Endpoint, Request, operation
from mpac.portal import conf
from mpac.portal.db import db
from mpac.portal.domain.login import EndedBecause
from mpac.portal.rest import login_views as views
from mpac.portal.rest.login_bodies import Enrol, LogIn, Refresh, SendCode, Switch, VerifyFactor
from mpac.portal.rest.login_views import CodeSentView, DoneView, LogInView, NewAuthenticatorView, SignedInView
from mpac.portal.services import authenticators, login, second_factors, sessions

NO_STORE = {"Cache-Control": "no-store"}
KEPT_NOWHERE = ("Cache-Control",)


class EntranceEndpoint(Endpoint):
    """For whoever has no token yet."""

    db = db
    authentication_classes = ()


class PersonEndpoint(Endpoint):
    """For people, about their own account."""

    callers = frozenset({"person"})
    own_account = True
    db = db

    @property
    def user_id(self) -> int:
        """Who calls. Raises Forbidden for who is no person."""
        user_id = self.request.user.user_id
        if user_id is None:
            raise Forbidden
        return user_id


class LogInEndpoint(EntranceEndpoint):
    @operation(
        "auth.login",
        summary="Sign in with an address and a password",
        body=LogIn,
        response=LogInView,
        errors=(401, 403),
        headers=KEPT_NOWHERE,
    )
    def post(self, _request: Request, body: LogIn) -> Answer:
        found = login.sign_in(
            email=body.email, password=body.password, device_token=body.device_token or "", now=self.now
        )
        return Answer(views.log_in(found), headers=NO_STORE)


class VerifyFactorEndpoint(EntranceEndpoint):
    @operation(
        "auth.mfa.verify",
        summary="Finish signing in with a second factor; a code works once",
        body=VerifyFactor,
        response=SignedInView,
        errors=(401, 403),
        headers=KEPT_NOWHERE,
    )
    def post(self, _request: Request, body: VerifyFactor) -> Answer:
        found = second_factors.verify_factor(
            challenge_token=body.mfa_token, method=body.method, code=body.code, now=self.now
        )
        return Answer(views.signed_in(found), headers=NO_STORE)


class SendCodeEndpoint(EntranceEndpoint):
    @operation(
        "auth.mfa.email",
        summary="Send a code by e-mail to whoever is signing in",
        body=SendCode,
        response=CodeSentView,
        errors=(401,),
    )
    def post(self, _request: Request, body: SendCode) -> CodeSentView:
        second_factors.send_code(challenge_token=body.mfa_token, now=self.now)
        return CodeSentView(expires_in=conf.LOGIN_CHALLENGE_TTL_S)


class EnrolEndpoint(EntranceEndpoint):
    @operation(
        "auth.mfa.enrol",
        summary="Set up the authenticator that is needed to finish signing in",
        body=Enrol,
        response=NewAuthenticatorView,
        status=201,
        errors=(401,),
        headers=KEPT_NOWHERE,
    )
    def post(self, _request: Request, body: Enrol) -> Answer:
        made = authenticators.enrol(challenge_token=body.mfa_token, name=body.name, now=self.now)
        return Answer(views.new_authenticator(made), headers=NO_STORE)


class RefreshEndpoint(EntranceEndpoint):
    @operation(
        "auth.refresh",
        summary="New tokens for a refresh token; one that comes twice ends its session",
        body=Refresh,
        response=SignedInView,
        errors=(401,),
        headers=KEPT_NOWHERE,
    )
    def post(self, _request: Request, body: Refresh) -> Answer:
        found = sessions.refresh_session(refresh_token=body.refresh_token, now=self.now)
        return Answer(views.signed_in(found), headers=NO_STORE)


class SwitchEndpoint(PersonEndpoint):
    @operation(
        "auth.switch",
        summary="Let the session speak for another membership",
        body=Switch,
        response=SignedInView,
        errors=(404,),
        headers=KEPT_NOWHERE,
    )
    def post(self, request: Request, body: Switch) -> Answer:
        found = sessions.switch_membership(
            user_id=self.user_id,
            session_id=request.user.session_id,
            membership_id=body.membership_id,
            now=self.now,
        )
        return Answer(views.signed_in(found), headers=NO_STORE)


class LogOutEndpoint(PersonEndpoint):
    @operation("auth.logout", summary="End the session", response=DoneView, errors=(404,))
    def post(self, request: Request) -> DoneView:
        sessions.end_session(
            user_id=self.user_id,
            session_id=request.user.session_id,
            why=EndedBecause.LOGGED_OUT,
            now=self.now,
        )
        return DoneView()

"""Invitations over HTTP: made by those who hold what they offer, accepted by whoever has the link."""

from collections.abc import Callable

from kernel import ids
from kernel.rest import Endpoint, Page, Request, operation, paginate
from mpac.portal.db import atomic, db
from mpac.portal.models import Invitation
from mpac.portal.models.invitation import PREFIX
from mpac.portal.rest import people_views as views
from mpac.portal.rest.memberships import wanted
from mpac.portal.rest.people_bodies import AcceptInvitation, CreateInvitation, ListInvitations
from mpac.portal.rest.people_views import InvitationView
from mpac.portal.rest.person import person_of
from mpac.portal.rest.users import READ, WRITE, PeopleEndpoint
from mpac.portal.selectors.people import get_invitation, list_invitations
from mpac.portal.services import invitations


class InvitationsEndpoint(PeopleEndpoint):
    """The invitations of a tenant."""

    @operation(
        "invitations.list",
        summary="List invitations",
        query=ListInvitations,
        response=Page[InvitationView],
        permission=READ,
    )
    def get(self, _request: Request, query: ListInvitations) -> Page[InvitationView]:
        with atomic(self.scope):
            found = list_invitations(status=query.status, email=query.email)
            return paginate(found, query, views.invitation)

    @operation(
        "invitations.create",
        summary="Invite somebody by mail to a role that you hold yourself",
        body=CreateInvitation,
        response=InvitationView,
        status=201,
        errors=(404, 409),
        permission=WRITE,
    )
    def post(self, request: Request, body: CreateInvitation) -> InvitationView:
        made = invitations.invite_person(
            scope=self.scope,
            by=person_of(request.user),
            email=body.email,
            full_name=body.full_name,
            wanted=wanted(body, psp_id=request.user.psp_id),
            now=self.now,
        )
        return views.invitation(made)


class InvitationEndpoint(PeopleEndpoint):
    """One invitation."""

    @operation("invitations.read", summary="Read an invitation", response=InvitationView, permission=READ)
    def get(self, _request: Request, invitation_id: str) -> InvitationView:
        found = get_invitation(scope=self.scope, invitation_id=ids.decode(PREFIX, invitation_id))
        return views.invitation(found)


class StepEndpoint(PeopleEndpoint):
    """Base of what is done to a pending invitation."""

    def step(self, request: Request, invitation_id: str, take: Callable[..., Invitation]) -> InvitationView:
        taken = take(
            scope=self.scope,
            by=person_of(request.user),
            invitation_id=ids.decode(PREFIX, invitation_id),
            now=self.now,
        )
        return views.invitation(taken)


class ResendInvitationEndpoint(StepEndpoint):
    @operation(
        "invitations.resend",
        summary="Mail a new link; the former one leads nowhere any more",
        response=InvitationView,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, invitation_id: str) -> InvitationView:
        return self.step(request, invitation_id, invitations.resend_invitation)


class WithdrawInvitationEndpoint(StepEndpoint):
    @operation(
        "invitations.withdraw",
        summary="Withdraw an invitation",
        response=InvitationView,
        errors=(409,),
        permission=WRITE,
    )
    def post(self, request: Request, invitation_id: str) -> InvitationView:
        return self.step(request, invitation_id, invitations.withdraw_invitation)


class AcceptInvitationEndpoint(Endpoint):
    """Anonymous, for whoever has the link; who is signed in already may come with their token."""

    db = db

    @operation(
        "invitations.accept",
        summary="Accept an invitation with the secret of its link",
        body=AcceptInvitation,
        response=InvitationView,
        errors=(403,),
    )
    def post(self, request: Request, body: AcceptInvitation) -> InvitationView:
        accepted = invitations.accept_invitation(
            secret=body.secret,
            password=body.password,
            full_name=body.full_name,
            caller_id=request.user.user_id if request.user else None,
            now=self.now,
        )
        return views.invitation(accepted)

"""Acting as somebody else, over HTTP: asked for, approved, used, ended, and looked up afterwards."""

from collections.abc import Callable

from kernel import ids
from kernel.rest import Answer, Page, Request, operation, paginate
from mpac.portal.db import atomic
from mpac.portal.models import Impersonation
from mpac.portal.models.impersonation import PREFIX
from mpac.portal.rest import people_views as views
from mpac.portal.rest import views as shared
from mpac.portal.rest.people_bodies import ListImpersonations, RequestImpersonation
from mpac.portal.rest.people_views import ImpersonationView
from mpac.portal.rest.person import person_of
from mpac.portal.rest.token import NO_STORE
from mpac.portal.rest.users import PeopleEndpoint
from mpac.portal.rest.views import TokenView
from mpac.portal.selectors.people import get_impersonation, list_impersonations
from mpac.portal.services import impersonations
from mpac.portal.services.impersonation_tokens import issue_impersonation_token
from mpac.portal.services.impersonations import Reasons

READ, REQUEST, APPROVE = "impersonation:read", "impersonation:request", "impersonation:approve"


class ImpersonationsEndpoint(PeopleEndpoint):
    """The log of impersonations."""

    @operation(
        "impersonations.list",
        summary="List who acted as whom",
        query=ListImpersonations,
        response=Page[ImpersonationView],
        permission=READ,
    )
    def get(self, _request: Request, query: ListImpersonations) -> Page[ImpersonationView]:
        with atomic(self.scope):
            found = list_impersonations(status=query.status, user_id=query.user_id)
            return paginate(found, query, views.impersonation)

    @operation(
        "impersonations.request",
        summary="Act as somebody to read, at once, or to write when a second person approves",
        body=RequestImpersonation,
        response=ImpersonationView,
        status=201,
        errors=(404,),
        permission=REQUEST,
    )
    def post(self, request: Request, body: RequestImpersonation) -> ImpersonationView:
        begun = impersonations.request_impersonation(
            scope=self.scope,
            by=person_of(request.user),
            user_id=body.user_id,
            membership_id=body.membership_id,
            why=Reasons(reason=body.reason, ticket=body.ticket, minutes=body.minutes, writes=body.writes),
            now=self.now,
        )
        return views.impersonation(begun)


class ImpersonationEndpoint(PeopleEndpoint):
    """One impersonation."""

    @operation(
        "impersonations.read", summary="Read an impersonation", response=ImpersonationView, permission=READ
    )
    def get(self, _request: Request, impersonation_id: str) -> ImpersonationView:
        found = get_impersonation(scope=self.scope, impersonation_id=ids.decode(PREFIX, impersonation_id))
        return views.impersonation(found)


class ImpersonationTokenEndpoint(PeopleEndpoint):
    """The way into an impersonation."""

    @operation(
        "impersonations.token",
        summary="Get an access token in the other person's name",
        response=TokenView,
        errors=(409,),
        headers=("Cache-Control",),
        permission=REQUEST,
    )
    def post(self, request: Request, impersonation_id: str) -> Answer:
        issued = issue_impersonation_token(
            scope=self.scope,
            by=person_of(request.user),
            impersonation_id=ids.decode(PREFIX, impersonation_id),
            now=self.now,
        )
        return Answer(shared.token(issued), headers=NO_STORE)


class StepEndpoint(PeopleEndpoint):
    """Base of the endpoints that take an impersonation a step further."""

    def step(
        self, request: Request, impersonation_id: str, take: Callable[..., Impersonation]
    ) -> ImpersonationView:
        taken = take(
            scope=self.scope,
            by=person_of(request.user),
            impersonation_id=ids.decode(PREFIX, impersonation_id),
            now=self.now,
        )
        return views.impersonation(taken)


class ApproveEndpoint(StepEndpoint):
    @operation(
        "impersonations.approve",
        summary="Let somebody else write in a person's name",
        response=ImpersonationView,
        errors=(409,),
        permission=APPROVE,
    )
    def post(self, request: Request, impersonation_id: str) -> ImpersonationView:
        return self.step(request, impersonation_id, impersonations.approve_impersonation)


class RefuseEndpoint(StepEndpoint):
    @operation(
        "impersonations.refuse",
        summary="Refuse to let somebody write in a person's name",
        response=ImpersonationView,
        errors=(409,),
        permission=APPROVE,
    )
    def post(self, request: Request, impersonation_id: str) -> ImpersonationView:
        return self.step(request, impersonation_id, impersonations.refuse_impersonation)


class EndEndpoint(StepEndpoint):
    @operation(
        "impersonations.end",
        summary="End an impersonation: its tokens are refused within seconds",
        response=ImpersonationView,
        errors=(409,),
        permission=REQUEST,
    )
    def post(self, request: Request, impersonation_id: str) -> ImpersonationView:
        return self.step(request, impersonation_id, impersonations.end_impersonation)

"""The addresses of the pages for people who are not signed in, below /admin/account/; mails name them."""

from django.urls import path

from mpac.portal.admin import account

urlpatterns = [
    path("invitation", account.accept, name="accept_invitation"),
    path("forgotten", account.ask, name="admin_password_reset"),  # where Django's sign-in page looks for it
    path("password", account.choose, name="choose_password"),
]

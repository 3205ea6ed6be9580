"""Django's admin as MPAC's console; apart from `kernel.apps`, where Django would take it for the kernel's own."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Replaces the stock site by one that asks for a second factor, and finds every context's pages."""

    default_site = "kernel.admin.ConsoleSite"

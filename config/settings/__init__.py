"""Django settings; what differs between machines comes from `config.env`."""

from config.settings.base import *  # noqa: F403

"""How portal goes on with what it has begun itself. Each handler parses an event and calls one service."""

import datetime as dt

from kernel.handlers import handles
from mpac.portal.db import db
from mpac.portal.events import ConfigChanged, ConfigSpread
from mpac.portal.services.config_news import spread_config_news


@handles(ConfigChanged, db=db, consumer="portal.spread_config_news")
@handles(ConfigSpread, db=db, consumer="portal.spread_config_news")
def spread_news(event: ConfigChanged | ConfigSpread, *, now: dt.datetime) -> None:
    """A setting was changed: tell the terminals, the next few of them."""
    spread_config_news(news=event, now=now)

"""Every setting of a terminal, each declared once: what it takes, what holds without it, who may set it, and why it is there.

A setting is never renamed: terminals in the field know it by its name. Amounts are minor units of the store's currency.
"""

from typing import Annotated, Literal

from msgspec import Meta

from mpac.portal.domain.places import Level
from mpac.portal.domain.settings import EVERYWHERE, Setting

Line = Annotated[str, Meta(max_length=48, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Lines = Annotated[list[Line], Meta(max_length=8)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Amount = Annotated[int, Meta(ge=0, le=100_000_000_000)]
Method = Literal["cash", "credit_card", "qr_code", "e_wallet"]
Window = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")]
Package = Annotated[str, Meta(max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+$")]
Channel = Annotated[str, Meta(pattern="^[a-z][a-z0-9_-]{0,31}$")]
Pin = Annotated[str, Meta(pattern="^[0-9]{4,8}$")]

# Who runs the fleet decides, not who sells with it.
OPERATORS = frozenset({Level.PLATFORM, Level.PSP})
# What has to be the same at all tills of a store.
NOT_BELOW_STORES = EVERYWHERE - {Level.GROUP, Level.DEVICE}

_ALL = (
    Setting(
        name="display.brightness_percent",
        type=Annotated[int, Meta(ge=5, le=100)],
        default=70,
        meaning="how bright the screen is",
        lockable=False,
    ),
    Setting(
        name="display.idle_timeout_s",
        type=Annotated[int, Meta(ge=15, le=3600)],
        default=120,
        meaning="seconds without a touch after which the terminal asks for its user again",
    ),
    Setting(
        name="display.language",
        type=Literal["de", "en", "ja", "lo", "my", "th", "vi", "zh"],
        default="en",
        meaning="the language that the terminal speaks (ISO 639-1)",
    ),
    Setting(
        name="fleet.command_interval_s",
        type=Annotated[int, Meta(ge=10, le=3600)],
        default=60,
        meaning="seconds between two looks for commands, beside what is pushed",
        levels=OPERATORS,
    ),
    Setting(
        name="fleet.config_interval_s",
        type=Annotated[int, Meta(ge=30, le=86_400)],
        default=300,
        meaning="seconds between two looks for new settings, beside what is pushed",
        levels=OPERATORS,
    ),
    Setting(
        name="fleet.heartbeat_interval_s",
        type=Annotated[int, Meta(ge=30, le=3600)],
        default=60,
        meaning="seconds between two heartbeats",
        levels=OPERATORS,
    ),
    Setting(
        name="fleet.log_level",
        type=Literal["debug", "info", "warning", "error"],
        default="info",
        meaning="from which importance on the terminal keeps what it logs",
        lockable=False,
    ),
    Setting(
        name="fleet.maintenance_window",
        type=Window,
        default="03:00-05:00",
        meaning="when the terminal may restart and update by itself, in the store's local time; may run past midnight",
    ),
    Setting(
        name="fleet.report_position",
        type=bool,
        default=False,
        meaning="whether heartbeats tell where the terminal is",
    ),
    Setting(
        name="kiosk.enabled",
        type=bool,
        default=False,
        meaning="whether the terminal shows nothing but the apps of the kiosk",
    ),
    Setting(
        name="kiosk.exit_pin",
        type=Pin,
        default=None,
        meaning="what leaves the kiosk; nobody can without one",
        secret=True,
    ),
    Setting(
        name="kiosk.packages",
        type=Annotated[list[Package], Meta(max_length=20)],
        default=[],
        meaning="the Android packages that the kiosk shows, the first of them at the start",
    ),
    Setting(
        name="network.sync_on_metered",
        type=bool,
        default=True,
        meaning="whether catalogues and logs also travel where every byte is paid for; payments always do",
    ),
    Setting(
        name="network.wifi_password",
        type=Annotated[str, Meta(min_length=8, max_length=63, pattern="^[ -~]+$")],
        default=None,
        meaning="the password of the wireless network (WPA2, WPA3)",
        secret=True,
    ),
    Setting(
        name="network.wifi_ssid",
        type=Annotated[str, Meta(max_length=32, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")],
        default="",
        meaning="the name of the wireless network; as set up at the terminal when empty",
    ),
    Setting(
        name="offline.allowance",
        type=Amount,
        default=0,
        meaning="how much the terminal may take altogether while it cannot reach the platform",
        levels=NOT_BELOW_STORES | {Level.DEVICE},
    ),
    Setting(
        name="offline.enabled",
        type=bool,
        default=True,
        meaning="whether the terminal sells at all while it cannot reach the platform",
    ),
    Setting(
        name="offline.hours",
        type=Annotated[int, Meta(ge=0, le=72)],
        default=24,
        meaning="hours without the platform after which the terminal sells no more",
    ),
    Setting(
        name="offline.methods",
        type=frozenset[Method],
        default=["cash"],
        meaning="what payers may pay with while the platform cannot be reached",
    ),
    Setting(
        name="offline.payment_limit",
        type=Amount,
        default=0,
        meaning="the largest single payment, other than cash, without the platform",
    ),
    Setting(
        name="payments.methods",
        type=Annotated[frozenset[Method], Meta(min_length=1)],
        default=["cash", "credit_card", "e_wallet", "qr_code"],
        meaning="what payers may pay with",
    ),
    Setting(
        name="payments.qr_timeout_s",
        type=Annotated[int, Meta(ge=60, le=900)],
        default=300,
        meaning="seconds that a QR code waits for its payer",
    ),
    Setting(
        name="payments.surcharge_allowed",
        type=bool,
        default=False,
        meaning="whether a payment may bear a surcharge for its method",
        levels=NOT_BELOW_STORES,
    ),
    Setting(
        name="printing.darkness",
        type=Annotated[int, Meta(ge=1, le=5)],
        default=3,
        meaning="how dark the printer prints",
        lockable=False,
    ),
    Setting(
        name="printing.kitchen_copies",
        type=Annotated[int, Meta(ge=0, le=3)],
        default=1,
        meaning="slips that the kitchen gets of an order",
    ),
    Setting(
        name="printing.paper_width_mm",
        type=Literal[58, 80],
        default=58,
        meaning="the width of the paper roll",
        lockable=False,
    ),
    Setting(
        name="receipt.copies",
        type=Annotated[int, Meta(ge=0, le=3)],
        default=1,
        meaning="receipts printed of a sale",
    ),
    Setting(
        name="receipt.footer_lines",
        type=Lines,
        default=[],
        meaning="what stands below every receipt",
    ),
    Setting(
        name="receipt.header_lines",
        type=Lines,
        default=[],
        meaning="what stands above every receipt, beside the shop's name and tax number",
    ),
    Setting(
        name="receipt.print",
        type=Literal["always", "ask", "never"],
        default="ask",
        meaning="whether a receipt is printed without being asked for",
    ),
    Setting(
        name="refunds.allowed",
        type=bool,
        default=True,
        meaning="whether money may be given back at the terminal",
    ),
    Setting(
        name="refunds.limit",
        type=Amount,
        default=100_000_000_000,
        meaning="the largest refund at the terminal; more is for the console",
    ),
    Setting(
        name="refunds.pin",
        type=Pin,
        default=None,
        meaning="what a refund at the terminal asks for; nothing without one",
        secret=True,
    ),
    Setting(
        name="sound.volume_percent",
        type=Percent,
        default=60,
        meaning="how loud the terminal is",
        lockable=False,
    ),
    Setting(
        name="tips.custom",
        type=bool,
        default=True,
        meaning="whether the payer may name a tip of their own",
    ),
    Setting(
        name="tips.enabled",
        type=bool,
        default=False,
        meaning="whether payers are asked for a tip",
    ),
    Setting(
        name="tips.percentages",
        type=Annotated[list[Annotated[int, Meta(ge=1, le=50)]], Meta(min_length=1, max_length=4)],
        default=[5, 10, 15],
        meaning="the tips that are offered, in percent of the bill",
    ),
    Setting(
        name="updates.automatic",
        type=bool,
        default=True,
        meaning="whether apps are updated in the maintenance window without being told to",
    ),
    Setting(
        name="updates.channel",
        type=Channel,
        default="stable",
        meaning="which releases of apps the terminal gets: those of this channel and of the more careful ones",
    ),
)
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _ALL}

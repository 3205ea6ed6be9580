"""Takes secrets and card numbers out of anything that is about to be written down.

Two nets: a field whose name says that it holds a secret loses its whole value; in every other text, what looks like a
card number (13 to 19 digits that pass the Luhn check), a token, a key or a signature is replaced. It errs on the side
of removing too much. It is the second wall: code does not log secrets in the first place.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"
CARD = "[card]"
_MAX_DEPTH = 8
_SHORTEST = 8
_SMALLEST_CARD = 10**12

_SENSITIVE = re.compile(
    r"(?:^|_)(?:pass(?:word|wd|phrase)|secret|token|authorization|cookie|credentials?|cv[vc]2?|pin|pan|otp|totp|mfa|jwt"
    r"|kek|bearer)(?:_|$)|api_?key|private_(?:key|jwk)|activation_code|card_number|data_key"
)
# Columns that no page and no record shows.
SECRET_COLUMN = re.compile(
    r"_(?:sealed|hash|encrypted|secret)$|^(?:password|secret|fingerprint|nonce|credentials|body|raw_body|headers)$"
)
_HARMLESS = frozenset(
    {"token_endpoint", "token_type", "secret_id", "token_id", "mfa_required", "mfa_methods"}
)
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

# Anybody can send a text that is scrubbed, so no pattern may look back and forth in it: what stands before these words in
# a name is left out, and what can be long is bounded.
_FIELD = (
    r"(?:password|passwd|secret|token|api[_-]?key|private[_-]?key|activation[_-]?code"
    r"|authorization|cookie|cvv|cvc|otp)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(HMAC-SHA256\s+[^\s:]{1,64}:)[0-9]+:[0-9a-fA-F]+"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)\b(OPA-Auth:)\S+"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)\b(Bearer|Basic)(\s+|\.)[A-Za-z0-9._~+/=-]{8,}"), rf"\1\2{REDACTED}"),
    (re.compile(r"eyJ[A-Za-z0-9_-]{4,4096}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"), REDACTED),
    (
        re.compile(r"\b((?:sk|rk|skey)_(?:test|live)_|(?:sk|rk|skey|whsec)_)[A-Za-z0-9+/=_-]{6,}"),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"_secret_[A-Za-z0-9_-]{6,}"), f"_secret_{REDACTED}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"), REDACTED),
    (
        re.compile(rf"""(?i)({_FIELD}["']?\s*[:=]\s*)("[^"]*"|'[^']*'|(?!\[redacted)[^\s"'&,;}})]+)"""),
        rf"\1{REDACTED}",
    ),
)
# No pattern above can match a text that has none of these; looking for them first is ten times as fast.
_HINTS = (
    "secret", "token", "key", "pass", "code", "auth", "eyj", "bearer", "basic", "hmac-", "sk_", "rk_", "whsec_", "cookie",
    "cvv", "cvc", "otp",
)  # fmt: skip
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ .-]?[0-9]){12,}")
_BRAND = re.compile(  # length and first digits as the card schemes assign them
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|5[1-5][0-9]{14}"
    r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    r"|(?:35|62|65|64[4-9]|6011)[0-9]{12,15}"
)
_LENGTHS = range(13, 20)
# Where every card could hide: nothing that people write, and too much to be looked through.
_TOO_MANY_DIGITS = 512
_LONGER_THAN_PRODUCT_CODES = 15


def scrub(value: Any, *, depth: int = 0) -> Any:
    """A copy of `value` that is safe to write down: texts cleaned, mappings and sequences walked, the rest kept.

    Objects of other types are replaced by their cleaned text, so that no later `str()` can reveal anything.
    """
    if isinstance(value, str):
        return scrub_text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return CARD if value >= _SMALLEST_CARD and is_card_number(str(value)) else value
    return _scrub_container(value, depth=depth)


def scrub_text(text: str) -> str:
    """`text` without card numbers, tokens, keys and signatures."""
    if len(text) < _SHORTEST:
        return text
    lowered = text.lower()
    if any(hint in lowered for hint in _HINTS):
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
    return _DIGITS.sub(_without_cards, text)


def _scrub_container(value: Any, *, depth: int) -> Any:
    if depth >= _MAX_DEPTH:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            scrub_text(str(key)): REDACTED if is_sensitive_name(str(key)) else scrub(item, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item, depth=depth + 1) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return scrub_text(bytes(value).decode("utf-8", "replace"))
    return scrub_text(str(value))


@lru_cache(maxsize=4096)
def is_sensitive_name(name: str) -> bool:
    """Whether a field of this name holds a secret: `client_secret`, `X-Api-Key`, `accessToken`."""
    words = "_".join(word.lower() for word in _WORDS.findall(name))
    return words not in _HARMLESS and _SENSITIVE.search(words) is not None


def is_card_number(digits: str) -> bool:
    """Whether plain digits have the length and the check digit of a card number."""
    return len(digits) in _LENGTHS and digits.isascii() and digits.isdigit() and _luhn(digits)


def holds_card_number(text: str) -> bool:
    """Whether a card scheme's number stands in a text that is about to be kept, alone or among other words.

    Unlike scrubbing this must not err on the side of too much: shorter numbers may be product codes and do not count.
    """
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"[^0-9]", "", match[0])
        if len(digits) >= _LONGER_THAN_PRODUCT_CODES and _BRAND.fullmatch(digits) and _luhn(digits):
            return True
    return False


def may_hide_card_number(text: str) -> bool:
    """Whether scrubbing would find a card number in the digits of a text: alone, in groups, or inside a longer number."""
    return any(_without_cards(match) == CARD for match in _DIGITS.finditer(text))


def _luhn(digits: str) -> bool:
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def _without_cards(match: re.Match[str]) -> str:
    """The run of digits, or the mark for a card number when it is one or a known scheme's number hides in it."""
    digits = re.sub(r"[^0-9]", "", match[0])
    if is_card_number(digits) or len(digits) > _TOO_MANY_DIGITS:
        return CARD
    for start in range(len(digits) - _LENGTHS.start + 1):
        for length in _LENGTHS:
            window = digits[start : start + length]
            if len(window) == length and _BRAND.fullmatch(window) and _luhn(window):
                return CARD
    return match[0]

"""Routing rules as data: read from a document, checked, published as a new version, and found again for a store."""

import dataclasses
import datetime as dt
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import IntegrityError
from django.db.models import F

from kernel.errors import FieldError, NotFound
from kernel.ids import created_at_of, uuid7
from kernel.logs import get_logger
from kernel.tenancy import Scope
from mpac.pgw import conf
from mpac.pgw.adapters.registry import list_adapters
from mpac.pgw.db import atomic
from mpac.pgw.domain.routing import RuleBook
from mpac.pgw.domain.routing_checks import Problem, problems
from mpac.pgw.errors import RulesOutdated, RulesRefused
from mpac.pgw.models import Merchant, RoutingRules, Store
from mpac.pgw.services.recall import Recall

logger = get_logger(__name__)

_recall: Recall[tuple[RoutingRules, RuleBook] | None] = Recall(seconds=conf.RULES_RECALLED_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRules:
    """A version to be published. `based_on` is the last version that its author has seen, 0 for none."""

    psp_id: int
    merchant_id: int
    only_store_id: int | None
    document: Any
    based_on: int
    published_by: str
    note: str = ""
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None


def read_book(document: Any) -> RuleBook:
    """The rules in a document, which may be JSON text. Raises RulesRefused with everything that is wrong."""
    try:
        if isinstance(document, str | bytes):
            document = msgspec.json.decode(document)
        book = msgspec.convert(document, RuleBook)
    except msgspec.MsgspecError as error:
        raise RulesRefused(errors=[FieldError("document", "malformed", str(error))]) from None
    wrong = [*_unknown_names(document, RuleBook, "")]
    wrong += problems(book, providers={adapter.name for adapter in list_adapters()})
    if wrong:
        raise RulesRefused(errors=[FieldError(each.where, "rules_refused", each.what) for each in wrong])
    return book


def publish_rules(*, scope: Scope, wanted: NewRules, now: dt.datetime) -> RoutingRules:
    """Add a version. Raises RulesRefused, RulesOutdated, and NotFound for a merchant or store that is not in the scope."""
    read_book(wanted.document)
    document = wanted.document
    if isinstance(document, str | bytes):
        document = msgspec.json.decode(document)
    valid_from = max(wanted.valid_from or now, now)
    if wanted.valid_until is not None and wanted.valid_until < valid_from:
        raise RulesRefused(
            errors=[FieldError("valid_until", "too_early", "The rules end before they begin.")]
        )
    level: dict[str, Any] = {
        "psp_id": wanted.psp_id,
        "merchant_id": wanted.merchant_id,
        "only_store_id": wanted.only_store_id,
    }
    rules_id = uuid7()
    try:
        with atomic(scope):
            _check_level(wanted)
            last = find_last_version(**level)
            if (last.version if last is not None else 0) != wanted.based_on:
                raise RulesOutdated
            rules = RoutingRules(
                id=rules_id,
                created_at=created_at_of(rules_id),
                **level,
                version=wanted.based_on + 1,
                document=document,
                note=wanted.note,
                published_by=wanted.published_by,
                valid_from=valid_from,
                valid_until=wanted.valid_until,
            )
            rules.save(force_insert=True)
    except IntegrityError:
        raise RulesOutdated from None
    forget()
    logger.info("routing rules published", **level, version=rules.version, by=wanted.published_by)
    return rules


def withdraw_rules(
    *, scope: Scope, rules: RoutingRules, published_by: str, note: str, now: dt.datetime
) -> RoutingRules:
    """Add a version that ends where it begins, so that its level has no rules from now on. Raises what publishing does."""
    wanted = NewRules(
        psp_id=rules.psp_id,
        merchant_id=rules.merchant_id,
        only_store_id=rules.only_store_id,
        document={},
        based_on=rules.version,
        published_by=published_by,
        note=note,
        valid_until=now,
    )
    return publish_rules(scope=scope, wanted=wanted, now=now)


def find_last_version(*, psp_id: int, merchant_id: int, only_store_id: int | None) -> RoutingRules | None:
    """The last version of a level, begun or not. In the caller's transaction."""
    level = RoutingRules.objects.filter(psp_id=psp_id, merchant_id=merchant_id, only_store_id=only_store_id)
    found: RoutingRules | None = level.order_by("-version").first()
    return found


def find_book(
    *, psp_id: int, merchant_id: int, store_id: int, now: dt.datetime
) -> tuple[RoutingRules, RuleBook] | None:
    """The rules that a store goes by now: its own, else its merchant's, else None. In the caller's transaction."""

    def load() -> tuple[RoutingRules, RuleBook] | None:
        begun = RoutingRules.objects.filter(psp_id=psp_id, merchant_id=merchant_id, valid_from__lte=now)
        levels = begun.filter(only_store_id=store_id) | begun.filter(only_store_id=None)
        last = levels.order_by(F("only_store_id").asc(nulls_last=True), "-version").distinct("only_store_id")
        valid = next((each for each in last if each.valid_until is None or each.valid_until > now), None)
        return None if valid is None else (valid, msgspec.convert(valid.document, RuleBook))

    return _recall.get((psp_id, merchant_id, store_id), load, now=now)


def forget() -> None:
    """Ask the database again."""
    _recall.forget_all()


def _check_level(wanted: NewRules) -> None:
    mirrored = {"psp_id": wanted.psp_id, "merchant_id": wanted.merchant_id, "deleted_at": None}
    table = Merchant if wanted.only_store_id is None else Store
    if wanted.only_store_id is not None:
        mirrored["store_id"] = wanted.only_store_id
    if not table.objects.filter(**mirrored).exists():
        raise NotFound


def _unknown_names(document: Any, kind: Any, where: str) -> Iterator[Problem]:
    """Names in a document that mean nothing: a slip of the pen must not become a rule that is about everything."""
    if typing.get_origin(kind) is types.UnionType:
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    if isinstance(document, list) and typing.get_origin(kind) is tuple:
        for position, item in enumerate(document):
            yield from _unknown_names(item, typing.get_args(kind)[0], f"{where}[{position}]")
    if not (isinstance(document, dict) and dataclasses.is_dataclass(kind)):
        return
    known = typing.get_type_hints(kind)
    for name, item in document.items():
        path = f"{where}.{name}".removeprefix(".")
        if name in known:
            yield from _unknown_names(item, known[name], path)
        else:
            yield Problem(path, "There is no such field.")

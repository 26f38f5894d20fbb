"""MijnOverheid as one source: asks the persons register and beside it land, WOZ and vehicle registers.

Owns the order of asking and what a failing register means for the whole: without the persons register there is no
answer, without one of the others there is an answer that says what is missing. It reads no message itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import msgspec

from connectors.access import Access
from connectors.contract import Absent, Context, Failed, Field, Found, Label, Login, Manifest, Skipped
from connectors.mijnoverheid import brk, brp, documents, kadaster, rdw, woz
from connectors.mijnoverheid.estate import Location, Title, Valued, joined
from connectors.mijnoverheid.register import Api, Register, SuwiRegister, outcome
from connectors.outbound import ClientCertificate
from connectors.suwiml import Service
from schemas.base import Provenance
from schemas.records import SELF, Finding, SourceRecords, stamped
from schemas.wealth import RealEstate, Vehicle

SOURCE = "mijnoverheid"
Part = Literal["brp", "brk", "kadaster", "woz", "rdw"]


class NotAsked(msgspec.Struct, frozen=True):
    """No answer because there was no question; `missing` when the profile needed it and the settings lack it."""

    missing: bool = False


_T = TypeVar("_T")
Answered: TypeAlias = tuple[_T, ...] | Failed | NotAsked
Values: TypeAlias = Answered[Valued] | woz.Partly


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The registers this host may ask. Real estate comes from `brk` or, through Suwinet, from `kadaster`."""

    brp: Register
    brk: Register | None = None
    kadaster: SuwiRegister | None = None
    woz: Register | None = None
    rdw: rdw.Settings | None = None

    def __post_init__(self) -> None:
        if self.brk is not None and self.kadaster is not None:
            raise ValueError("brk and kadaster are the same register: choose one")
        self.certificates()

    def registers(self) -> tuple[Access, ...]:
        """Those that may be asked."""
        named = (self.brp, self.brk, self.kadaster, self.woz, self.rdw)
        return tuple(one for one in named if one is not None)

    def certificates(self) -> dict[str, ClientCertificate]:
        """What is shown where, by `host:port`. Raises ValueError when one host is to be shown two things."""
        found: dict[str, ClientCertificate] = {}
        for host, shown in (pair for register in self.registers() for pair in register.certificates().items()):
            if found.setdefault(host, shown) != shown:
                raise ValueError("two registers at one host and port have other certificate files")
        return found


class MijnOverheid:
    """The connector. It keeps nothing between two persons."""

    # DigiD Midden (password and SMS, or the app) is eIDAS low. Substantieel would shut out who has no checked app.
    manifest: ClassVar[Manifest] = Manifest(
        id=SOURCE,
        label=Label(nl="MijnOverheid", en="MijnOverheid"),
        categories=("persons", "possessions"),
        fields=(
            "person.name",
            "person.birth",
            "person.gender",
            "person.nationality",
            "address",
            "relation.partner",
            "relation.children",
            "possession.real-estate",
            "possession.vehicle",
        ),
        login=Login(minimum_level="low"),
        transports=("api", "upload"),
        timeout_seconds=45.0,
        order=10,
    )
    settings_type: ClassVar[type[Any]] = Settings
    read = staticmethod(documents.read)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._brp = Api(settings.brp)
        self._brk = Api(settings.brk) if settings.brk is not None else None
        self._kadaster = Service(settings.kadaster) if settings.kadaster is not None else None
        self._woz = Api(settings.woz) if settings.woz is not None else None
        self._rdw = rdw.Vehicles(settings.rdw) if settings.rdw is not None else None

    def hosts(self) -> frozenset[str]:
        """The `host:port` pairs of all registers in the settings."""
        return frozenset(host for register in self._settings.registers() for host in register.hosts())

    def certificates(self) -> dict[str, ClientCertificate]:
        """What is shown to which of them."""
        return self._settings.certificates()

    async def collect(self, context: Context) -> Found | Absent | Skipped | Failed:
        """Everything the profile's fields need. WOZ comes last: it can only be asked by the addresses of the others."""
        if context.fields.isdisjoint(self.manifest.fields):
            return Skipped(reason="no-field-asked")
        person, titles, vehicles = await asyncio.gather(
            self._person(context), self._titles(context), self._vehicles(context)
        )
        if isinstance(person, Failed):
            return person
        if person is None:
            return Absent()
        valued = await self._valued(context, titles, person.home)
        return Found(records=self._records(context, person, titles, vehicles, valued))

    async def _person(self, context: Context) -> brp.Registered | Failed | None:
        await context.progress("brp")
        place = _wants(context, "possession.real-estate") and self._woz is not None
        found = await outcome(brp.ask(context, self._brp, place=place))
        return _narrowed(context, found) if isinstance(found, brp.Registered) else found

    async def _titles(self, context: Context) -> Answered[Title]:
        if not _wants(context, "possession.real-estate"):
            return NotAsked()
        if self._kadaster is not None and self._settings.kadaster is not None:
            await context.progress("kadaster")
            return await outcome(kadaster.ask(context, self._kadaster, self._settings.kadaster.base_url))
        if self._brk is None:
            return NotAsked(missing=True)
        await context.progress("brk")
        return await outcome(brk.ask(context, self._brk))

    async def _vehicles(self, context: Context) -> Answered[Vehicle]:
        if not _wants(context, "possession.vehicle"):
            return NotAsked()
        if self._rdw is None:
            return NotAsked(missing=True)
        await context.progress("rdw")
        return await outcome(self._rdw.ask(context))

    async def _valued(self, context: Context, titles: Answered[Title], home: Location | None) -> Values:
        """WOZ objects where the land register says they own something; at home when it did not answer."""
        if not _wants(context, "possession.real-estate"):
            return NotAsked()
        if self._woz is None:
            return NotAsked(missing=True)
        locations = [t.location for t in titles] if isinstance(titles, tuple) else [home] if home else []
        await context.progress("woz")
        return await outcome(woz.ask(context, self._woz, locations))

    def _records(
        self,
        context: Context,
        person: brp.Registered,
        titles: Answered[Title],
        vehicles: Answered[Vehicle],
        valued: Values,
    ) -> SourceRecords:
        estates = self._estates(context, person, titles, valued)
        cars = tuple(
            msgspec.structs.replace(vehicle, sources=(_provenance(context, "rdw"),)) for vehicle in _given(vehicles)
        )
        records = stamped(person.records, _provenance(context, "brp"))
        findings = tuple(msgspec.structs.replace(finding, source=SOURCE) for finding in records.findings)
        return msgspec.structs.replace(
            records,
            addresses=records.addresses if _wants(context, "address") else (),
            possessions=(*estates, *cars),
            findings=(
                *findings,
                *_incomplete(self._land(), "possession.real-estate", titles),
                *_incomplete("woz", "possession.real-estate", valued),
                *_incomplete("rdw", "possession.vehicle", vehicles),
            ),
        )

    def _estates(
        self,
        context: Context,
        person: brp.Registered,
        titles: Answered[Title],
        valued: Values,
    ) -> tuple[RealEstate, ...]:
        return joined(
            _given(titles),
            _told(valued),
            _nameable(person.records),
            land=_provenance(context, self._land()),
            woz=_provenance(context, "woz"),
        )

    def _land(self) -> Part:
        return "brk" if self._settings.kadaster is None else "kadaster"


def _wants(context: Context, field: Field) -> bool:
    return field in context.fields


def _narrowed(context: Context, person: brp.Registered) -> brp.Registered:
    """Without relatives for whom no field was asked, should the register tell of them unasked."""
    asked = {"child": "relation.children"}
    records = person.records
    relations = tuple(r for r in records.relations if asked.get(r.kind, "relation.partner") in context.fields)
    known = {SELF, *(relation.person for relation in relations)}
    persons = tuple(one for one in records.persons if one.id in known)
    narrowed = msgspec.structs.replace(records, relations=relations, persons=persons)
    return msgspec.structs.replace(person, records=narrowed)


def _given(answer: Answered[_T]) -> tuple[_T, ...]:
    return answer if isinstance(answer, tuple) else ()


def _told(answer: Values) -> tuple[Valued, ...]:
    return answer.found if isinstance(answer, woz.Partly) else _given(answer)


def _nameable(records: SourceRecords) -> dict[str, str]:
    """Who may be named as an owner: the person and the present partner, by BSN."""
    return {person.bsn: person.id for person in records.persons if person.bsn and person.id in (SELF, "partner")}


def _provenance(context: Context, part: Part) -> Provenance:
    return Provenance(source=SOURCE, part=part, transport="api", retrieved_at=context.now)


def _incomplete(part: Part, field: Field, answer: Answered[object] | woz.Partly) -> Iterator[Finding]:
    """A register that could not be asked or did not answer is said, never passed over."""
    if isinstance(answer, Failed):
        code = f"{part}-unavailable"
    elif isinstance(answer, NotAsked) and answer.missing:
        code = f"{part}-not-configured"
    elif isinstance(answer, woz.Partly):
        code = f"{part}-too-many"
    else:
        return
    yield Finding(kind="incomplete", code=code, source=SOURCE, person=SELF, field=field)

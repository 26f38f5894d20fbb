"""How the land register's word and the WOZ register's word become one home."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.mijnoverheid.estate import Holder, Location, Title, Valued, address_key, joined
from schemas.base import Money, Provenance
from schemas.wealth import Owner, PropertyValue, RealEstate

BSN = "999993653"
PEOPLE = {BSN: "self", "999970136": "partner"}
LAND = Provenance(source="mijnoverheid", part="brk", transport="api", retrieved_at=datetime(2026, 9, 1, tzinfo=UTC))
WOZ = Provenance(source="mijnoverheid", part="woz", transport="api", retrieved_at=datetime(2026, 9, 1, tzinfo=UTC))


def at(*objects: str, designation: str | None = None, address: tuple[str, int, str, str] | None = None) -> Location:
    return Location(
        object_ids=frozenset(objects),
        designation_ids=frozenset({designation} if designation else ()),
        addresses=frozenset({address} if address else ()),
    )


def title(cadastral_id: str, location: Location, *holders: Holder) -> Title:
    return Title(estate=RealEstate(owners=(), cadastral_id=cadastral_id), location=location, holders=holders)


def valued(woz_id: str, location: Location, owner: str | None = None, grounds: tuple[str, ...] = ()) -> Valued:
    value = PropertyValue(amount=Money(amount=Decimal(250000), period="once"), reference_date="2025-01-01")
    estate = RealEstate(owners=(), woz_id=woz_id, values=(value,), street="Kade", area_m2=90)
    return Valued(estate=estate, location=location, cadastral_ids=frozenset(grounds), owner_bsn=owner)


def pairs(titles: list[Title], found: list[Valued]) -> list[tuple[str | None, str | None]]:
    homes = joined(titles, found, PEOPLE, land=LAND, woz=WOZ)
    return [(home.cadastral_id, home.woz_id) for home in homes]


def test_the_best_key_both_have_decides() -> None:
    """BAG object before BAG address before the address written out: equal addresses do not bridge unequal objects."""
    street = ("3077AW", 31, "", "")
    one = title("1", at("A", designation="N", address=street))
    assert pairs([one], [valued("w", at("A", address=("1000AA", 1, "", "")))]) == [("1", "w")]
    assert pairs([one], [valued("w", at("B", designation="N", address=street))]) == [("1", None)]
    assert pairs([one], [valued("w", at(designation="N"))]) == [("1", "w")]
    assert pairs([one], [valued("w", at(address=street))]) == [("1", "w")]
    assert pairs([one], [valued("w", at())]) == [("1", None)]


def test_a_house_letter_is_another_home() -> None:
    """31 and 31A at one postcode are two homes, however the spelling of either register."""
    assert address_key("3077 aw", 31, "a", "bis-1") == ("3077AW", 31, "A", "BIS1")
    found = valued("w", at(address=("3077AW", 31, "A", "")))
    assert pairs([title("1", at(address=("3077AW", 31, "", "")))], [found]) == [("1", None)]


def test_a_value_counts_once() -> None:
    """House and garden are two titles but one WOZ object: its value stands with the house."""
    garden, house = title("garden", at()), title("house", at("A"))
    assert pairs([garden, house], [valued("w", at("A"), grounds=("garden", "house"))]) == [
        ("garden", None),
        ("house", "w"),
    ]


def test_ground_is_recognised_by_its_cadastral_number() -> None:
    """A garage box without an address is joined by the ground that the WOZ object names."""
    assert pairs([title("box", at())], [valued("w", at(), grounds=("box",))]) == [("box", "w")]


def test_two_objects_on_one_title_both_count() -> None:
    """A building with two dwellings is one title and two WOZ objects: the second stands apart, of the same owners."""
    building = title("1", at("A", "B"), Holder(bsn=BSN, share="1/2", right="eigenaar"))
    homes = joined([building], [valued("w", at("A")), valued("x", at("B"))], PEOPLE, land=LAND, woz=WOZ)
    assert [(home.cadastral_id, home.woz_id) for home in homes] == [("1", "w"), (None, "x")]
    assert homes[0].owners == homes[1].owners == (Owner(person="self", share="1/2", right="eigenaar"),)
    assert [home.sources for home in homes] == [(LAND, WOZ), (WOZ,)]


def test_a_neighbours_home_is_dropped() -> None:
    """A search by address may bring along what is somebody else's, or nobody's, or the partner's."""
    others = [valued("w", at("B"), owner) for owner in ("999991905", None, "999970136")]
    assert pairs([title("1", at("A"))], others) == [("1", None)]
    assert pairs([], [valued("w", at("B"), BSN)]) == [(None, "w")]


def test_who_is_found_by_bsn_is_an_owner() -> None:
    """The register was searched by BSN; if its list of holders lacks the person, their right stays, unspecified."""
    (home,) = joined([title("1", at(), Holder(bsn="999970136", share="1/2"))], [], PEOPLE, land=LAND, woz=WOZ)
    assert home.owners == (Owner(person="self"), Owner(person="partner", share="1/2"))


def test_what_the_land_register_lacks_is_filled_up() -> None:
    """Address and size come from the WOZ register where the land register has none, and never over its word."""
    (home,) = joined([title("1", at("A"))], [valued("w", at("A"))], PEOPLE, land=LAND, woz=WOZ)
    assert (home.street, home.area_m2, home.sources) == ("Kade", 90, (LAND, WOZ))
    told = Title(estate=RealEstate(owners=(), street="Laan", area_m2=0), location=at("A"))
    (home,) = joined([told], [valued("w", at("A"))], PEOPLE, land=LAND, woz=WOZ)
    assert (home.street, home.area_m2) == ("Laan", 0)


def test_the_place_comes_from_one_register_only() -> None:
    """Without street and postcode the whole address is the WOZ register's; with either it is the land register's."""
    at_woz: dict[str, Any] = {
        "street": "Kade",
        "number": 2,
        "letter": "B",
        "addition": "3",
        "postcode": "1000AA",
        "city": "Zeewolde",
    }
    rest: dict[str, Any] = {"object_id": "B", "area_m2": 90, "woz_id": "w"}
    value = Valued(estate=RealEstate(owners=(), **at_woz, **rest), location=at("A"))

    def home(**told: Any) -> RealEstate:
        land = Title(estate=RealEstate(owners=(), cadastral_id="1", **told), location=at("A"))
        (made,) = joined([land], [value], PEOPLE, land=LAND, woz=WOZ)
        return made

    both: dict[str, Any] = {"owners": (Owner(person="self"),), "cadastral_id": "1", "sources": (LAND, WOZ)}
    assert home() == home(number=9, city="Elders") == RealEstate(**both, **at_woz, **rest)
    told: dict[str, Any] = {"postcode": "9999ZZ", "object_id": "A", "area_m2": 5}
    assert home(**told) == RealEstate(**both, woz_id="w", **told)
    assert home(street="Laan") == RealEstate(**both, street="Laan", **rest)


def test_what_only_one_register_knows_has_one_source() -> None:
    """A title without a value carries the land register's word, a home by itself the WOZ register's."""
    apart = valued("w", at("B"), BSN)
    homes = joined([title("1", at("A"))], [apart], PEOPLE, land=LAND, woz=WOZ)
    owners = (Owner(person="self"),)
    assert homes == (
        RealEstate(owners=owners, cadastral_id="1", sources=(LAND,)),
        RealEstate(owners=owners, woz_id="w", values=apart.estate.values, street="Kade", area_m2=90, sources=(WOZ,)),
    )


def test_an_address_needs_a_postcode_and_a_number() -> None:
    """Without one of them two registers cannot be compared; a house number of nought is one."""
    assert address_key(None, 31, None, None) is None
    assert address_key("", 31, None, None) is None
    assert address_key("3077AW", None, "A", None) is None
    assert address_key("3077AW", 0, None, None) == ("3077AW", 0, "", "")

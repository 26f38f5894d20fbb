"""Signed SOAP: what we sign holds before somebody else's eyes, and of answers nothing unsigned gets in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from connectors import suwiml
from connectors.suwiml import SuwiAccess
from connectors.wsse import Signer, Unsigned, Verifier
from tests.unit.connectors.envelopes import EXCLUSIVE, ID, NS, Element, found, part, signed, verified
from tests.unit.connectors.pki import Authority, Issued

NAMESPACE = "http://bkwi.nl/SuwiML/Diensten/VoorbeeldGSD/v0100"
ACTION = "http://bkwi.nl/SuwiML/Diensten/VoorbeeldGSD-v0100/Vraag"
BSN = "999990019"
NOW = datetime.now(UTC).replace(microsecond=0)
CONTENT = f'<r:VraagResponse xmlns:r="{NAMESPACE}"><Naam>Echt</Naam></r:VraagResponse>'
FORGED = f'<r:VraagResponse xmlns:r="{NAMESPACE}"><Naam>Vals</Naam></r:VraagResponse>'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def source(authority: Authority) -> Issued:
    return authority.issue("source")


@pytest.fixture
def verifier(authority: Authority) -> Verifier:
    return Verifier(authority.file)


def question(signer: Issued) -> Element:
    message = suwiml.enveloped(suwiml.operation(NAMESPACE, "Vraag", BSN), action=ACTION, to="https://bron.example/x")
    Signer(signer.certificate_file, signer.key_file).sign(message, NOW)
    return etree.fromstring(etree.tostring(message))


def test_a_question_signs_every_header_and_the_body(source: Issued) -> None:
    """Token, Timestamp, To, Action, MessageID and Body: all that the services' WSDL wants signed."""
    message = question(source)
    certificate, parts = verified(message)
    assert certificate == source.certificate
    assert [etree.QName(one).localname for one in parts] == [
        "BinarySecurityToken",
        "Timestamp",
        "To",
        "Action",
        "MessageID",
        "Body",
    ]
    assert parts[-1].findtext(f"{{{NAMESPACE}}}Vraag/Burgerservicenr") == BSN
    headers = [one for one in part(message, "e:Header") if etree.QName(one).localname != "Security"]
    assert all(header in parts for header in headers)


def test_a_question_must_be_understood_and_is_fresh_for_five_minutes(source: Issued) -> None:
    """A receiver that does not know WS-Security has to refuse; an old message cannot be put again."""
    message = question(source)
    security = part(message, "e:Header/o:Security")
    assert security.get(f"{{{NS['e']}}}mustUnderstand") == "1"
    moments = [
        datetime.fromisoformat(part(security, f"u:Timestamp/u:{name}").text or "") for name in ("Created", "Expires")
    ]
    assert moments == [NOW, NOW + timedelta(minutes=5)]


@pytest.mark.parametrize("path", ["e:Body", "e:Header/a:To", "e:Header/a:MessageID", "e:Header/o:Security/u:Timestamp"])
def test_a_question_that_was_changed_on_the_way_no_longer_holds(source: Issued, path: str) -> None:
    """Every signed part counts (and so the second opinion of these tests is able to say no)."""
    message = question(source)
    part(message, path).append(etree.Element("meer"))
    with pytest.raises(AssertionError):
        verified(message)


def test_the_signature_is_over_what_was_signed(source: Issued) -> None:
    """A digest that is changed along with its part breaks the signature itself."""
    message = question(source)
    part(message, "e:Header/o:Security/d:Signature/d:SignedInfo").append(etree.Element("meer"))
    with pytest.raises(InvalidSignature):
        verified(message)


def test_no_two_messages_are_alike(source: Issued) -> None:
    """MessageID and all Ids are new every time, and all Ids of one message differ."""
    one, other = question(source), question(source)
    ids = [[str(id_) for id_ in message.xpath("//@*[local-name()='Id']")] for message in (one, other)]  # pyright: ignore[reportGeneralTypeIssues, reportOptionalIterable]
    assert len(set(ids[0] + ids[1])) == len(ids[0]) + len(ids[1])
    assert part(one, "e:Header/a:MessageID").text != part(other, "e:Header/a:MessageID").text


def read(envelope: Element, verifier: Verifier) -> str | None:
    """The name in the answer, when the verifier lets it through; as it travels, so written out and read again."""
    return verifier.body(suwiml.read_xml(etree.tostring(envelope)), NOW).findtext(f"{{{NAMESPACE}}}VraagResponse/Naam")


def test_a_signed_answer_is_read(source: Issued, verifier: Verifier) -> None:
    """Signed by a certificate that our authority issued, made after the question: that is the answer."""
    assert read(signed(CONTENT, source, NOW), verifier) == "Echt"


def test_a_certificate_of_its_own_can_be_trusted_alone(source: Issued, authority: Authority) -> None:
    """With the source's own certificate in the file, another one of the same authority signs nothing for it."""
    verifier = Verifier(source.certificate_file)
    assert read(signed(CONTENT, source, NOW), verifier) == "Echt"
    with pytest.raises(Unsigned, match="not from whom"):
        read(signed(CONTENT, authority.issue("neighbour"), NOW), verifier)


def test_an_expired_certificate_signs_nothing(authority: Authority) -> None:
    """Neither by its chain nor when it is trusted by itself."""
    old = authority.issue("old", days=-2)
    for verifier in (Verifier(authority.file), Verifier(old.certificate_file)):
        with pytest.raises(Unsigned):
            read(signed(CONTENT, old, NOW), verifier)


def test_a_certificate_that_may_not_sign_signs_nothing(authority: Authority, verifier: Verifier) -> None:
    """Key usage: one that is for encrypting only proves no answer."""
    with pytest.raises(Unsigned, match="not from whom"):
        read(signed(CONTENT, authority.issue("crypter", signs=False), NOW), verifier)


def test_another_authority_signs_nothing(tmp_path: Path, verifier: Verifier) -> None:
    """The same names, other keys."""
    stranger = Authority(tmp_path).issue("source")
    with pytest.raises(Unsigned, match="not from whom"):
        read(signed(CONTENT, stranger, NOW), verifier)


@pytest.mark.parametrize(
    ("made", "expires", "accepted"),
    [
        (timedelta(seconds=-59), timedelta(minutes=5), True),
        (timedelta(seconds=-61), timedelta(minutes=5), False),
        (timedelta(seconds=359), timedelta(minutes=5), True),
        (timedelta(seconds=361), timedelta(minutes=5), False),
        (timedelta(seconds=-50), timedelta(seconds=-9), True),
        (timedelta(seconds=-50), timedelta(seconds=-11), False),
    ],
)
def test_an_answer_is_made_after_its_question(
    source: Issued, verifier: Verifier, made: timedelta, expires: timedelta, accepted: bool
) -> None:
    """Older than the question (by more than the clocks may differ) is another's answer; expired is no answer."""
    answer = signed(CONTENT, source, NOW + made, expires=expires)
    if accepted:
        assert read(answer, verifier) == "Echt"
    else:
        with pytest.raises(Unsigned, match="Timestamp"):
            read(answer, verifier)


def unsigned(envelope: Element) -> None:
    security = part(envelope, "e:Header/o:Security")
    security.remove(part(security, "d:Signature"))


def without_security(envelope: Element) -> None:
    envelope.remove(part(envelope, "e:Header"))


def changed(envelope: Element) -> None:
    [name] = envelope.iter("Naam")
    name.text = "Vals"


def aged(envelope: Element) -> None:
    part(envelope, "e:Header/o:Security/u:Timestamp/u:Created").text = NOW.isoformat()


def zoneless(envelope: Element) -> None:
    part(envelope, "e:Header/o:Security/u:Timestamp/u:Created").text = NOW.replace(tzinfo=None).isoformat()


def timeless(envelope: Element) -> None:
    security = part(envelope, "e:Header/o:Security")
    security.remove(part(security, "u:Timestamp"))


def body_of(envelope: Element, content: str, id_: str | None) -> Element:
    body = etree.SubElement(envelope, f"{{{NS['e']}}}Body")
    body.append(etree.fromstring(content))
    if id_ is not None:
        body.set(ID, id_)
    return body


def moved_into_header(envelope: Element, id_: str | None = None) -> None:
    """The classic: the signed Body goes where nobody reads, a forged one takes its place."""
    wrapper = etree.SubElement(part(envelope, "e:Header"), "Wrapper")
    wrapper.append(part(envelope, "e:Body"))
    body_of(envelope, FORGED, id_)


def moved_under_its_id(envelope: Element) -> None:
    moved_into_header(envelope, "body")


def moved_under_another_kind_of_id(envelope: Element) -> None:
    moved_into_header(envelope)
    part(envelope, "e:Body").set("Id", "body")


def doubled(envelope: Element) -> None:
    body_of(envelope, FORGED, "forged")


def doubled_under_its_id(envelope: Element) -> None:
    envelope.insert(1, body_of(envelope, FORGED, "body"))


def swallowed(envelope: Element) -> None:
    """A forged Body around the signed one."""
    body = part(envelope, "e:Body")
    envelope.remove(body)
    body_of(envelope, FORGED, "forged")[0].append(body)


def two_signatures(envelope: Element) -> None:
    signature = part(envelope, "e:Header/o:Security/d:Signature")
    part(envelope, "e:Header").append(copy.deepcopy(signature))


def two_in_security(envelope: Element) -> None:
    signature = part(envelope, "e:Header/o:Security/d:Signature")
    part(envelope, "e:Header/o:Security").insert(0, copy.deepcopy(signature))


def two_tokens(envelope: Element) -> None:
    token = copy.deepcopy(part(envelope, "e:Header/o:Security/o:BinarySecurityToken"))
    token.set(ID, "token-2")
    part(envelope, "e:Header/o:Security").insert(0, token)


def another_token(envelope: Element) -> None:
    [named] = found(envelope, "e:Header/o:Security/d:Signature/d:KeyInfo/o:SecurityTokenReference/o:Reference")
    named.set("URI", "#elsewhere")


def unnamed_key(envelope: Element) -> None:
    signature = part(envelope, "e:Header/o:Security/d:Signature")
    signature.remove(part(signature, "d:KeyInfo"))


def broken_token(envelope: Element) -> None:
    part(envelope, "e:Header/o:Security/o:BinarySecurityToken").text = "AAAA"


def outside_reference(envelope: Element) -> None:
    found(envelope, "e:Header/o:Security/d:Signature/d:SignedInfo/d:Reference")[1].set("URI", "http://x.example/body")


def no_reference(envelope: Element) -> None:
    information = part(envelope, "e:Header/o:Security/d:Signature/d:SignedInfo")
    information.remove(found(information, "d:Reference")[1])


def weak(envelope: Element) -> None:
    method = part(envelope, "e:Header/o:Security/d:Signature/d:SignedInfo/d:SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")


def keyed(envelope: Element) -> None:
    method = part(envelope, "e:Header/o:Security/d:Signature/d:SignedInfo/d:SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")


@pytest.mark.parametrize(
    "attack",
    [
        unsigned,
        without_security,
        changed,
        aged,
        zoneless,
        timeless,
        moved_into_header,
        moved_under_its_id,
        moved_under_another_kind_of_id,
        doubled,
        doubled_under_its_id,
        swallowed,
        two_signatures,
        two_in_security,
        two_tokens,
        another_token,
        unnamed_key,
        broken_token,
        outside_reference,
        no_reference,
        weak,
        keyed,
    ],
)
def test_an_answer_that_was_tampered_with_is_refused(
    attack: Callable[[Element], None], source: Issued, verifier: Verifier
) -> None:
    """Whatever is moved, doubled, changed or left out: nothing is read, and the refusal repeats nothing of it."""
    answer = signed(CONTENT, source, NOW)
    attack(answer)
    with pytest.raises(Unsigned) as caught:
        read(answer, verifier)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert "Vals" not in str(caught.value)


def emptied(element: Element) -> None:
    element.text = None


def nonsense(element: Element) -> None:
    element.text = "\u00e9 %%"


def stripped(element: Element) -> None:
    element.attrib.clear()


def odd(element: Element) -> None:
    for name in element.attrib:
        element.set(name, "urn:x")


def taken_out(element: Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


@pytest.mark.parametrize("damage", [emptied, nonsense, stripped, odd, taken_out])
def test_damage_anywhere_is_refused_and_never_a_crash(
    damage: Callable[[Element], None], source: Issued, verifier: Verifier
) -> None:
    """Every element of the message in turn: what comes out is the answer as it was signed, or a refusal."""
    whole = signed(CONTENT, source, NOW)
    outcomes: list[str | None] = []
    for number in range(1, len(list(whole.iter()))):
        answer = copy.deepcopy(whole)
        damage(list(answer.iter())[number])
        try:
            outcomes.append(read(answer, verifier))
        except Unsigned:
            outcomes.append("refused")
    assert set(outcomes) <= {"Echt", "refused"}
    assert outcomes.count("refused") >= 7  # as many elements have text that counts


@pytest.mark.parametrize("covered", [("body",), ("time",), ("token",), ()])
def test_body_and_timestamp_are_both_signed(source: Issued, verifier: Verifier, covered: tuple[str, ...]) -> None:
    """A signature that holds is not enough: it has to be over what is read, and over when it was made."""
    with pytest.raises(Unsigned):
        read(signed(CONTENT, source, NOW, covered=covered), verifier)


@pytest.mark.parametrize(
    "transforms",
    [
        (),
        ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315",),
        (EXCLUSIVE, "http://www.w3.org/2000/09/xmldsig#base64"),
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", EXCLUSIVE),
    ],
)
def test_a_part_is_signed_as_it_stands(source: Issued, verifier: Verifier, transforms: tuple[str, ...]) -> None:
    """Transforms can make something else of a part before it is signed: only exclusive C14N is accepted."""
    with pytest.raises(Unsigned, match="exclusive C14N"):
        read(signed(CONTENT, source, NOW, transforms=transforms), verifier)


def test_a_chain_of_certificates_is_no_token(source: Issued, verifier: Verifier) -> None:
    """Only a single X.509 certificate is read as a token."""
    with pytest.raises(Unsigned, match="certificate"):
        read(signed(CONTENT, source, NOW, value_type="http://x.example/#X509PKIPathv1"), verifier)


def test_files_are_judged_at_the_start(authority: Authority, source: Issued, tmp_path: Path) -> None:
    """A missing file, a key of another certificate, of another kind or too short: said at once, naming no file."""
    other = authority.issue("other")
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    for stem, key in (
        ("short", rsa.generate_private_key(65537, 1024)),  # noqa: S505 - which is the point
        ("curve", ec.generate_private_key(ec.SECP256R1())),
    ):
        (tmp_path / stem).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for certificate_file, key_file, said in (
        (source.certificate_file, other.key_file, "not a pair"),
        (str(empty), source.key_file, "signing_certificate_file"),
        (str(tmp_path / "gone"), source.key_file, "signing_certificate_file"),
        (source.certificate_file, str(tmp_path / "gone"), "signing_key_file"),
        (source.certificate_file, str(tmp_path / "short"), "2048"),
        (source.certificate_file, str(tmp_path / "curve"), "RSA"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            Signer(certificate_file, key_file)
        assert str(tmp_path) not in str(caught.value)
    for path in (empty, tmp_path / "gone"):
        with pytest.raises(ValueError, match="answer_authority_file"):
            Verifier(str(path))
    with pytest.raises(ValueError, match="belong together"):
        SuwiAccess(signing_key_file=source.key_file)

"""The guide's shell: both signatures of a webhook, and a payload of nlgov, with `openssl` alone.

The blocks run as they stand, without `set -e`: what does not hold must end them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from broker import providers
from broker.delivery import signature_headers
from broker.keys import Keys, make, renewed
from ophaalbrug_provider import new_secret
from sandbox.registration import ProfileEntry
from sandbox.stage import FIELDS, SOURCES
from tests.answering import answering
from tests.house import House
from tests.integration.provider.receiver import Receiver
from tests.integration.provider.test_toolkit_guide import PURPOSE, Office, needed
from tests.unit.test_guides import ROOT, block

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = new_secret()


async def refused(office: Office, *names: str, **variables: str) -> str:
    """What the last of these blocks prints before it ends badly."""
    with pytest.raises(AssertionError) as raised:
        await office.sh(*names, **variables)
    return str(raised.value)


@pytest.fixture
def shell(house: House, tmp_path: Path) -> Office:
    """A folder with a webhook's body."""
    needed("openssl", "sh", "bash", "sed", "od")
    (tmp_path / "body").write_bytes(b"{}")
    return Office(house, tmp_path, "gids-schelp")


def headers_of(keys: Keys, at: float, secret: str = SECRET) -> dict[str, str]:
    """The three headers of the body above, as the guide calls them."""
    made = signature_headers(keys, providers.Webhook(url="http://x", secret=secret), "evt_1", int(at), b"{}")
    return {name: made[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}


async def test_a_key_of_the_broker_that_is_replaced(house: House, shell: Office) -> None:
    """Two signatures: whoever knows only the former key goes on, and a key that made neither does not."""
    before = make()
    new, variables = Keys(renewed(before)), {"WEBHOOK_SECRET": SECRET}
    headers = headers_of(new, house.now())
    for keys in (Keys(before), new):
        variables["WEBHOOK_KEY"] = keys.webhook_public()
        assert await shell.sh("tools.sh", "verify.sh", **headers, **variables) == "v1 holds\nv1a holds\n"
    variables["WEBHOOK_KEY"] = Keys(make()).webhook_public()
    assert "v1a holds" not in await refused(shell, "tools.sh", "verify.sh", **headers, **variables)


@pytest.mark.parametrize("signature", ["v1,", "v1, v1a,", "", "*"])
async def test_no_secret_of_ours_and_no_signature_of_theirs(house: House, shell: Office, signature: str) -> None:
    """Where `openssl` makes nothing, an empty signature is not the same."""
    variables = {"WEBHOOK_SECRET": "", "WEBHOOK_KEY": house.parts.keys.webhook_public()}
    headers = {**headers_of(house.parts.keys, house.now()), "signature": signature}
    assert "holds" not in await refused(shell, "tools.sh", "verify.sh", **headers, **variables)


async def test_a_time_that_is_no_number_is_not_run(shell: Office) -> None:
    """bash looks in an index of an array for commands, also when it only counts."""
    shell.environment |= {"id": "evt_1", "timestamp": "a[$(touch run)]", "signature": "v1,", "WEBHOOK_SECRET": SECRET}
    process = await shell.started("bash", "-c", f"{block('toolkit', 'tools.sh')}\n{block('toolkit', 'verify.sh')}")
    await process.communicate()
    assert (process.returncode, (shell.folder / "run").exists()) == (1, False)


async def test_a_shell_opens_what_is_sealed_to_rsa(house: House, tmp_path: Path) -> None:
    """A webhook of a real broker, and its payload, whose signature shows any change before it is written out."""
    needed("openssl", "curl", "sh", "sed", "od")
    office = Office(house, tmp_path, "gids-shell")
    receiver = Receiver(house.office)
    nlgov = ProfileEntry(id="bijstand", purpose=PURPOSE, required=SOURCES, fields=FIELDS, sealing="nlgov")
    async with answering(receiver.answer) as address:
        await office.register(nlgov, webhook_url=address)
        office.write("office.py", "create.py")
        office.environment["PYTHONPATH"] = str(ROOT / "toolkit")
        await office.consented(await office.run(sys.executable, "create.py", "dossier-3"))
        came = (await receiver.wait_for(lambda came: any(one.kind == "data" for one in came), seconds=30))[:]
    data = next(one for one in came if one.kind == "data")
    (tmp_path / "body").write_bytes(data.body)
    headers = {name: data.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
    assert await office.sh("tools.sh", "verify.sh", **headers) == "v1 holds\nv1a holds\n"
    (tmp_path / "body").write_bytes(data.body + b" ")
    await refused(office, "tools.sh", "verify.sh")
    (tmp_path / "body").write_bytes(data.body)
    for off in (-301, 310):  # whose signatures hold, and which is old, or of a clock that is wrong
        at = int(house.now()) + off
        webhook = providers.Webhook(url="http://x", secret=office.environment["WEBHOOK_SECRET"])
        signed = signature_headers(house.parts.keys, webhook, data.headers["webhook-id"], at, data.body)
        of_then = {"timestamp": str(at), "signature": signed["webhook-signature"]}
        await refused(office, "tools.sh", "verify.sh", **of_then)
    sealed = data.event["data"]["payload"]
    (tmp_path / "payload.jwe").write_text(sealed)
    await office.sh("tools.sh", "open.sh")
    payload = json.loads((tmp_path / "payload.json").read_text())
    assert (payload["sessionId"], payload["reference"]) == (data.event["data"]["sessionId"], "dossier-3")
    head, key, iv, content, tag = sealed.split(".")
    changed = content[:2000] + ("A" if content[2000] != "A" else "B") + content[2001:]
    (tmp_path / "payload.jwe").write_text(".".join((head, key, iv, changed, tag)))
    (tmp_path / "payload.json").unlink()
    await refused(office, "tools.sh", "open.sh")
    assert not (tmp_path / "payload.json").exists()

"""What the platform decides before anything starts."""

import json
import socket
from pathlib import Path

import pytest

from config.local import environment, secrets
from config.local.environment import Addresses
from config.local.errors import LocalPlatformError, PortInUse, StateInUse
from config.local.options import Options
from config.local.processes import free_port
from config.local.state import forget, hold

ADDRESSES = Addresses(
    database_url="postgresql://h/mpac", admin_database_url="postgresql://root@h/mpac", redis_url="r"
)


def options(**given: str) -> Options:
    return Options.from_environment(given)


def test_secrets_are_made_once_and_private(tmp_path):
    first = secrets.load_or_create(tmp_path, contexts=["portal"])
    again = secrets.load_or_create(tmp_path, contexts=["portal"])
    assert first == again
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_secrets_of_a_new_context_are_added_and_the_others_stay(tmp_path):
    first = secrets.load_or_create(tmp_path, contexts=["portal"])
    second = secrets.load_or_create(tmp_path, contexts=["portal", "ledger"])
    assert second.runtime_passwords["portal"] == first.runtime_passwords["portal"]
    assert len({*second.runtime_passwords.values(), *second.owner_passwords.values()}) == 4


def test_processes_that_face_outside_know_neither_the_owners_nor_the_superuser():
    known = secrets.Secrets()
    known.add_contexts(["portal", "pgw"])
    built = environment.build(options=options(), secrets=known, addresses=ADDRESSES, given={})
    owners = {"MPAC_DB_OWNER_PASSWORD_PORTAL", "MPAC_DB_OWNER_PASSWORD_PGW"}
    assert not owners & built.runtime.keys()
    assert owners < built.upkeep.keys()
    assert built.upkeep["DATABASE_URL"] == "postgresql://h/mpac"
    assert "MPAC_ADMIN_DATABASE_URL" not in built.upkeep
    assert built.admin["MPAC_ADMIN_DATABASE_URL"] == "postgresql://root@h/mpac"
    assert json.loads(built.runtime["MPAC_SERVICE_KEYS"]) == known.service_keys


def test_a_variable_that_is_set_by_hand_wins():
    given = {"MPAC_PUBLIC_URL": "https://pos.example", "DATABASE_URL": "postgresql://root:secret@h/mpac"}
    built = environment.build(options=options(), secrets=secrets.Secrets(), addresses=ADDRESSES, given=given)
    assert built.runtime["MPAC_PUBLIC_URL"] == "https://pos.example"
    assert built.runtime["DATABASE_URL"] == "postgresql://h/mpac"


def test_a_database_url_with_a_user_is_the_administrators():
    given = environment.given_addresses(
        options(DATABASE_URL="postgresql://root:pw@h:5/mpac", REDIS_URL="redis://h")
    )
    assert given.admin_database_url == "postgresql://root:pw@h:5/mpac"
    assert given.database_url == "postgresql://h:5/mpac"


def test_a_taken_port_is_named_together_with_its_variable(monkeypatch):
    monkeypatch.setattr("config.local.options.PORT_WAIT_S", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = options(MPAC_PORT=str(free_port()), MPAC_WS_PORT=str(port), MPAC_SIM_PORT=str(free_port()))
        with pytest.raises(PortInUse, match=f"Port {port} is in use.*MPAC_WS_PORT"):
            wanted.require_ports()


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(LocalPlatformError, match="MPAC_SIM_PORT must be a port number"):
        options(MPAC_SIM_PORT=text)


def test_two_processes_cannot_share_a_port():
    with pytest.raises(PortInUse, match="three different ports"):
        options(MPAC_PORT="9000", MPAC_WS_PORT="9000").require_ports()


def test_a_state_is_held_by_one_platform_and_then_forgotten(tmp_path):
    state = tmp_path / "state"
    servers = tmp_path / "elsewhere"
    servers.mkdir()
    with hold(state):
        (state / "servers").symlink_to(servers)
        with pytest.raises(StateInUse):
            forget(state)
    assert forget(state)
    assert not state.exists()
    assert not servers.exists()
    assert not forget(state)


def test_a_directory_that_was_somebody_elses_is_not_removed(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with hold(tmp_path):
        pass
    with pytest.raises(LocalPlatformError, match="by hand"):
        forget(tmp_path)
    assert (tmp_path / "thesis.txt").exists()

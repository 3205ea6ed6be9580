"""The embedded servers."""

import shutil
import signal

import psycopg
import pytest
import redis

from config.local.embedded import Embedded, server_home
from config.local.errors import ServerFailed, StateInUse
from config.local.osuser import OsUser
from config.local.state import forget, hold


@pytest.fixture
def state(tmp_path):
    """A state directory, forgotten afterwards: for root the servers' data lies elsewhere."""
    state = tmp_path / "state"
    with hold(state):
        yield state
    forget(state)


def test_keep_their_data_over_a_restart(state):
    with Embedded(state) as servers:
        with psycopg.connect(servers.admin_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.set("kept", "42")
    with Embedded(state) as servers:
        with psycopg.connect(servers.admin_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.get("kept") == b"42"


def test_come_back_at_the_same_address_after_being_killed(state):
    with Embedded(state) as servers:
        database_url, redis_url = servers.admin_url, servers.redis_url
        for server in servers.servers:
            process = server.process
            process.ask_to_stop()
            process.wait(20)
            server.launch()
            server.wait_until_ready()
        assert (servers.admin_url, servers.redis_url) == (database_url, redis_url)
        with psycopg.connect(database_url) as connection, redis.Redis.from_url(redis_url) as client:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert client.ping()


def test_survive_the_kill_of_the_database_server(state):
    with Embedded(state, redis=False) as servers:
        with psycopg.connect(servers.admin_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server = servers.postgres
        server.process._popen.send_signal(signal.SIGKILL)
        server.process.wait(20)
        server.launch()
        server.wait_until_ready()
        with psycopg.connect(servers.admin_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_refuse_a_state_that_another_process_holds(state):
    with Embedded(state, postgres=False), pytest.raises(StateInUse, match="MPAC_STATE"):
        Embedded(state, postgres=False).start()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where root's servers keep their data, in this test."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr("config.local.embedded.ROOTS_PLACE", place)
    return place


def test_find_roots_data_through_the_state_even_when_it_was_moved(place, tmp_path):
    account = OsUser(name="nobody", uid=65534, gid=65534)
    home = server_home(tmp_path / "state", run_as=account)
    assert home.parent == place
    assert server_home(tmp_path / "state", run_as=account) == home
    (tmp_path / "state").rename(tmp_path / "moved")
    assert server_home(tmp_path / "moved", run_as=account) == home


def test_begin_anew_in_a_state_that_was_removed_by_hand(place, tmp_path):
    """The new state has new secrets, which would not open the old data."""
    account = OsUser(name="nobody", uid=65534, gid=65534)
    old = server_home(tmp_path / "state", run_as=account)
    (old / "data").touch()
    shutil.rmtree(tmp_path / "state")
    new = server_home(tmp_path / "state", run_as=account)
    assert new != old
    assert list(new.iterdir()) == []
    shutil.rmtree(new)
    assert server_home(tmp_path / "state", run_as=account).is_dir()


def test_refuse_a_link_to_somewhere_else(place, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "servers").symlink_to(tmp_path)
    with pytest.raises(ServerFailed, match="no place"):
        server_home(tmp_path / "state", run_as=OsUser(name="nobody", uid=65534, gid=65534))


def test_leave_nothing_behind_when_they_are_thrown_away():
    with Embedded(None, durable=False, redis=False) as servers:
        directories = [servers.state, servers.postgres.socket_directory]
        assert all(directory.exists() for directory in directories)
    assert not any(directory.exists() for directory in directories)


def test_let_no_role_but_the_superuser_in_without_its_password():
    with Embedded(None, durable=False, redis=False, tcp=True) as servers:
        with psycopg.connect(servers.admin_url, autocommit=True) as connection:
            connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'right'")
        for host in ("127.0.0.1", str(servers.postgres.socket_directory)):
            arguments = {"host": host, "user": "clerk", "port": servers.postgres.port, "dbname": "mpac"}
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(password="wrong", **arguments)
            psycopg.connect(password="right", **arguments).close()
        with pytest.raises(psycopg.OperationalError, match=r"password|fe_sendauth"):
            psycopg.connect(host="127.0.0.1", user="postgres", port=servers.postgres.port, dbname="mpac")

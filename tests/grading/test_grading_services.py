"""The services that a handler calls: what they see of it, and what they cannot be made to see."""

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from lambdacourse.grading import services
from lambdacourse.grading.services import Services, environment


@pytest.fixture
def served():
    with Services(lambda service, path: {"said": f"{service}{path}"}, {"greek": "def pi():\n    return 3\n"}) as served:
        yield served


def used(served):
    return [(request.connection, request.service) for request in served.requests]


def test_a_client_keeps_its_connection(served):
    """Two requests of a client go over one connection; another client has another; one that was closed connects anew."""
    _, connect = environment(served.connections())
    users, orders = connect("users"), connect("orders")
    assert users.get("/1") == {"said": "users/1"} and orders.get("/2") == {"said": "orders/2"}
    users.get("/3")
    users.close()
    users.get("/4")
    assert used(served) == [(0, "users"), (1, "orders"), (0, "users"), (2, "users")]


def test_a_library_is_loaded_once(served):
    """The first load asks for a library, the second finds it; one that is not there says so."""
    load, _ = environment(served.connections())
    assert load("greek").pi() == 3 and load("greek") is load("greek")
    assert used(served) == [(0, "libraries")]
    with pytest.raises(LookupError, match="no /latin"):
        load("latin")


def test_requests_meet_only_at_the_same_time(served):
    """Those that are waited for meet when one thread asks for each of them; one after the other they do not, and are answered."""
    _, connect = environment(served.connections())
    users, orders = connect("users"), connect("orders")
    served.hold(("users", "orders"), 60)
    with ThreadPoolExecutor() as pool:
        assert {each["said"] for each in pool.map(lambda client: client.get("/"), (users, orders))} == {"users/", "orders/"}
    assert served.met
    served.hold(("users", "orders"), 0.05)
    assert users.get("/") and orders.get("/") and not served.met


def test_two_of_the_same_do_not_meet(served):
    """Two requests to one service at the same time are not the two that are waited for."""
    _, connect = environment(served.connections())
    served.hold(("users", "orders"), 0.05)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda client: client.get("/"), (connect("users"), connect("users"))))
    assert not served.met


def test_a_dropped_connection_is_an_error_and_then_a_new_one(served):
    """What the services closed raises once, and the client connects anew with its next request."""
    _, connect = environment(served.connections())
    users = connect("users")
    users.get("/")
    served.drop()
    with pytest.raises(ConnectionError, match="users has closed"):
        users.get("/")
    assert users.get("/") == {"said": "users/"}


def test_a_client_ends_with_its_environment(served):
    """What an earlier environment made is of no use in the next, and says why."""
    _, connect = environment(served.connections())
    before = connect("users")
    before.get("/")
    environment(served.connections())
    with pytest.raises(RuntimeError, match="inside make_handler"):
        before.get("/")


def test_no_more_than_they_take(served, monkeypatch):
    """Connections and requests are limited: whoever opens ever more, or never stops asking, gets errors and no answer."""
    monkeypatch.setattr(services, "REQUESTS", services.CONNECTIONS + 1)
    _, connect = environment(served.connections())
    for _ in range(services.CONNECTIONS):
        client = connect("users")
        client.get("/")
    with pytest.raises(ConnectionError, match="no more than 32"):
        connect("users").get("/")
    client.get("/")
    with pytest.raises(ConnectionError):
        client.get("/")
    assert len(served.requests) == services.CONNECTIONS + 1


@pytest.mark.parametrize(
    "nonsense", [b"\n" * 100, b"GET\r\n\r\n", b"\xff" * 70_000 + b"\r\n", b"POST / HTTP/1.1\r\nHost: users\r\n\r\n"]
)
def test_nonsense_is_no_request(served, nonsense):
    """Whatever else comes over a connection is not counted, and the services go on."""
    ends = served.connections()
    ends[0].sendall(nonsense)
    _, connect = environment(ends[1:])
    assert connect("users").get("/") == {"said": "users/"}
    assert used(served) == [(1, "users")]


def test_a_port_of_this_machine(served):
    """The same services answer any HTTP client, over the network, and keep its connection."""
    client = HTTPConnection("127.0.0.1", served.listen())
    for _ in range(2):
        client.request("GET", "/", headers={"Host": "users"})
        assert client.getresponse().read() == b'{"said": "users/"}'
    client.close()
    assert used(served) == [(0, "users"), (0, "users")]

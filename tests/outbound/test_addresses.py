"""Where what customers have us send may go: as it is written, and by the address behind the name."""

import ipaddress

import pytest

from tollhouse.outbound.addresses import LONGEST_URL, NotAllowed, destination, is_public

PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "2606:4700::1111", "2001:200::1"]
NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",  # metadata at Alibaba
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",  # Azure
    "169.254.169.254",  # metadata nearly everywhere
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",  # metadata at Oracle
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",  # 127.0.0.1, the old way
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::a9fe:a9fe",  # 169.254.169.254 through NAT64
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",  # 127.0.0.1 through 6to4
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata at Amazon
    "fe80::1",
    "fec0::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    destination("https://hooks.example/x", private=False).admit(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_is_not_also_when_it_is_wrapped(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(NotAllowed, match="not a public one"):
        destination("https://hooks.example/x", private=False).admit(address)
    destination("https://hooks.example/x", private=True).admit(address)


def test_an_address_with_a_zone_is_judged_without_it() -> None:
    with pytest.raises(NotAllowed):
        destination("https://hooks.example/x", private=False).admit("fe80::1%eth0")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://hooks.example/x?y=1", "hooks.example", 443),
        ("https://HOOKS.Example:8443", "hooks.example", 8443),
        ("https://xn--exmple-cua.com/", "xn--exmple-cua.com", 443),
        ("https://1.1.1.1/", "1.1.1.1", 443),
        ("https://[2606:4700::1111]:444/", "2606:4700::1111", 444),
    ],
)
def test_what_may_be_written(text: str, host: str, port: int) -> None:
    made = destination(text, private=False)
    assert (made.host, made.port) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "https:///x",
        "https://user@hooks.example/",
        "https://user:secret@hooks.example/",
        "https://1.1.1.1\\@hooks.example/",
        "https://hooks.example/#part",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://hooks.example:port/",
        "https://hooks example/",
        "https://hooks.example/\r\nHost: other",
        "https://exämple.com/",
        "https://%61.example/",
        "https://localhost/",
        "https://localhost.:8080/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        f"https://hooks.example/{'x' * LONGEST_URL}",
    ],
)
def test_what_must_not_be_written(text: str) -> None:
    with pytest.raises(NotAllowed):
        destination(text, private=False)


@pytest.mark.parametrize("text", ["http://localhost:8080/x", "http://127.0.0.1/", "http://[::1]/", "https://10.0.0.1/"])
def test_an_installation_may_allow_private_receivers_and_plain_http_to_itself(text: str) -> None:
    destination(text, private=True)
    with pytest.raises(NotAllowed):
        destination(text, private=False)


@pytest.mark.parametrize("text", ["http://hooks.example/", "http://10.0.0.1/", "http://1.1.1.1/", "ftp://localhost/"])
def test_even_then_plain_http_stays_on_this_machine(text: str) -> None:
    with pytest.raises(NotAllowed):
        destination(text, private=True)


def test_a_name_that_only_looks_like_this_machine_is_found_out() -> None:
    made = destination("http://localhost/", private=True)
    made.admit("127.0.0.1")
    with pytest.raises(NotAllowed, match="this machine only"):
        made.admit("10.0.0.1")

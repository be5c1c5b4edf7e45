"""Which network addresses are public. Own tables: `ipaddress.is_global` lets through what can reach inside.

Sources: IANA special-purpose address registries; RFC 4291, 6052, 3056, 4380, 5214 for embedded IPv4 addresses.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_PRIVATE_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # the metadata service of Azure has a public-looking address
    )
)  # fmt: skip
_PRIVATE_V6 = tuple(
    IPv6Network(text)
    for text in (
        "::/128", "::1/128", "100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
        "fec0::/10", "ff00::/8", "64:ff9b:1::/48",
    )
)  # fmt: skip
_TEREDO = IPv6Network("2001::/32")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)


def is_public(text: str) -> bool:
    """Whether an address (as resolved, perhaps with a zone) is public, whatever form it hides an IPv4 address in."""
    address = ip_address(text.split("%", 1)[0])
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _PRIVATE_V4)
    if any(address in network for network in (*_PRIVATE_V6, _TEREDO)):
        return False
    return all(is_public(str(inner)) for inner in _embedded(address))


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    if address.ipv4_mapped is not None or address in _NAT64 or address in _COMPATIBLE:
        yield low
    if address in _SIX_TO_FOUR:
        yield IPv4Address((number >> 80) & 0xFFFFFFFF)
    if (number >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        yield low

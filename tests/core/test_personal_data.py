"""What is personal data or a secret and what only looks like it. All values are invented or published."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.personal_data import find, foreign, masked

HIDDEN = [
    ("email", "Write to anna.b+hr@mail.example.co.uk, please.", "anna.b+hr@mail.example.co.uk"),
    ("email", "<jörg@example.de>", "jörg@example.de"),
    ("phone", "Call +49 30 1234567 after nine.", "+49 30 1234567"),
    ("phone", "call +1 (415) 555-2671.", "+1 (415) 555-2671"),
    ("phone", "My number: 415-555-2671", "415-555-2671"),
    ("phone", "(415) 555-2671", "(415) 555-2671"),
    ("phone", "Rappelez le 06 12 34 56 78.", "06 12 34 56 78"),
    ("phone", "London office: 020 7946 0958", "020 7946 0958"),
    ("phone", "Tel.: 0171/2345678", "0171/2345678"),
    ("phone", "my mobile is 07700 900123", "07700 900123"),
    ("iban", "to DE89 3704 0044 0532 0130 00 BIC COBADEFF", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB29NWBK60161331926819.", "GB29NWBK60161331926819"),
    ("card", "4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("card", "the card 5555555555554444 was declined", "5555555555554444"),
    ("card", "3782-822463-10005", "3782-822463-10005"),
    ("national_id", "SSN 078-05-1120", "078-05-1120"),
    ("national_id", "my NI number QQ123456C? no: AB 12 34 56 C", "AB 12 34 56 C"),
    ("national_id", "1 84 12 76 451 089 46", "1 84 12 76 451 089 46"),
    ("national_id", "DNI 12345678Z", "12345678Z"),
    ("national_id", "RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("national_id", "personnummer 811228-9874", "811228-9874"),
    ("national_id", "CPF 529.982.247-25", "529.982.247-25"),
    ("national_id", "BSN: 123456782", "123456782"),
    ("national_id", "passport number is C01234567", "C01234567"),
    ("ip_address", "It came from 203.0.113.77 again", "203.0.113.77"),
    ("ip_address", "the gateway 10.0.0.1 is down", "10.0.0.1"),
    ("ip_address", "2001:db8:85a3::8a2e:370:7334", "2001:db8:85a3::8a2e:370:7334"),
    ("api_key", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("api_key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("api_key", "use sk-proj-abcDEF1234567890abcDEF", "sk-proj-abcDEF1234567890abcDEF"),
    ("api_key", "ih_Zk3uQ0a9XvTq7Lr2NnBb", "ih_Zk3uQ0a9XvTq7Lr2NnBb"),
    ("api_key", "xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012-abcdefABCDEF"),
    (
        "api_key",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP", None),
    ("token", "Authorization: Bearer 9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
    ("private_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", None),
    ("private_key", "-----BEGIN PRIVATE KEY-----\nMIIEowcut off", None),
    ("password", "postgres://inhouse:s3cret!@db.example.com/x", "s3cret!"),
    ("password", "https://example.com/login?user=a&password=hunter22", "hunter22"),
    ("password", "PASSWORD=Tr0ub4dor", "Tr0ub4dor"),
]

KEPT = [
    "Order 4111111111111111 was sent.",
    "order no. 415-555-2671",
    "Invoice number: 078-05-1120",
    "ticket #415-555-2671",
    "Order 2024-11-25-000123 costs $1,234,567.89.",
    "The card 4111 1111 1111 1112 has a wrong check digit.",
    "DE89 3704 0044 0532 0130 01 has a wrong check digit.",
    "AB12 CDEF 3456 is a part.",
    "From 2024-01-31 to 2025-12-31, 08:30-17:00.",
    "25.11.2026 and 11/25/2026 and 20261125",
    "Version 1.2.3.4 and v10.20.30.40, release 192.168.0.1",
    "See section 4.2.1.3 and 1.2.3.4.",
    "12:30:45 std::vector a::b 00:1A:2B:3C:4D:5E",
    "127.0.0.1 and 0.0.0.0 with 255.255.255.0",
    "Prices: 1 000 000, 12.345.678,90 EUR, +20% and 100-200-300",
    "ISBN 978-3-16-148410-0",
    "git@github.com:org/repo.git and logo@2x.png and package@1.2.3",
    "000-12-3456 and 666-12-3456 and 900-12-3456 are never given out.",
    "sk-learn, task-force-2024-11-25-planning-document, ih_short",
    "postgres://user:<password>@host/db and ?token=$TOKEN and password=YOUR_PASSWORD",
    "Your password must have 12 characters; password: required.",
    "The budget 2023 2024 2025 2026 was 10 20 30 40 50.",
    "12345678A is no DNI: the letter is wrong.",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "550e8400-e29b-41d4-a716-446655440000",
    "Room 020-7946, extension 4411, 24/7, 9-5, 1-800 lines",
    "@anna on Slack, anna@ and at example.com",
]


@pytest.mark.parametrize(("kind", "text", "value"), HIDDEN)
def test_personal_data_is_found_and_masked(kind: str, text: str, value: str | None) -> None:
    value = value or text
    assert (kind, value) in [(found.kind, text[found.start : found.end]) for found in find(text)]
    assert masked(text) == text.replace(value, f"[{kind}]")


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert masked(text) == text


def test_two_values_in_one_text_are_both_masked() -> None:
    assert masked("a@example.com or +44 20 7946 0958?") == "[email] or [phone]?"


def test_data_that_the_sources_hold_is_not_foreign() -> None:
    sources = ["Pay to DE89 3704 0044 0532 0130 00, ask hr@example.com"]
    assert foreign("Pay to DE89370400440532013000 and ask HR@example.com.", sources) is None
    assert foreign("Ask ceo@example.com.", sources) == "email"


def test_the_shipped_handbook_keeps_its_text_but_for_addresses_and_numbers() -> None:
    kinds = {
        found.kind
        for path in Path("examples").rglob("*.md")
        for found in find(path.read_text(encoding="utf-8"))
    }
    assert kinds <= {"email", "phone", "ip_address"}


@pytest.mark.parametrize("piece", ["a.", "1 ", "+1-", "0", "ab@", "a:", "x@y.", "A1", "://a:", "eyJ.", "1."])
def test_time_grows_with_the_length_and_not_faster(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    started = time.perf_counter()
    find(text)
    assert time.perf_counter() - started < 2

"""What is shown of addresses and of servers' texts."""

import pytest

from pipeline.download import masking


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:pass@host:1/a/b.tar?sig=x#y", "https://host:1/a/b.tar"),
        ("http://host/a@b", "http://host/a@b"),
        ("data/a.tar", "data/a.tar"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(url: str, expected: str) -> None:
    assert masking.shown(url) == expected


def test_the_longest_secret_goes_first() -> None:
    text = "key abcdefgh, and abcdefghij"
    assert masking.masked(text, ["abcdefgh", "abcdefghij"]) == "key ***, and ***"


def test_short_texts_are_no_secrets() -> None:
    assert masking.masked("HTTP 404", ["4", "HTTP", ""]) == "HTTP 404"


def test_one_line_of_limited_length() -> None:
    text = masking.presentable("a\r\n b\t" + "c" * 999)
    assert text.startswith("a b c")
    assert len(text) == 300


def test_addresses_in_a_text_lose_their_signature() -> None:
    text = "moved to https://u:p@host/x?sig=1 and http://other/y?z"
    assert masking.presentable(text) == "moved to https://host/x and http://other/y"


def test_a_secret_is_found_encoded_and_decoded() -> None:
    secrets = masking.secrets_of("http://me:pa%2Fssword@host/x?token=a%2Bbcdefg")
    for form in ("pa/ssword", "pa%2Fssword", "a+bcdefg", "a%2Bbcdefg"):
        assert masking.masked(f"<{form}>", secrets) == "<***>"


@pytest.mark.parametrize("url", ["http://[bad/x", "", "images.tar"])
def test_what_is_no_address_has_no_secrets(url: str) -> None:
    assert not any(masking.secrets_of(url))

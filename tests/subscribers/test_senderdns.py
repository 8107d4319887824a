"""What DNS says about a sender, judged record by record."""

from base64 import b64encode

import pytest

from subscribers.senderdns import (
    Verdict,
    judge_bounce_domain,
    judge_dkim,
    judge_dmarc,
    judge_reverse,
    judge_spf,
    parents,
)

OURS = bytes(range(256)) * 2
KEY = b64encode(OURS).decode()


@pytest.mark.parametrize(
    "texts, verdict",
    [
        ([], Verdict.WRONG),
        (["google-site-verification=x"], Verdict.WRONG),
        (["v=spf1 mx ~all"], Verdict.OK),
        (["other", "V=SPF1 ip4:192.0.2.1 -all"], Verdict.OK),
        (["v=spf1 redirect=_spf.mail.example"], Verdict.OK),
        (["v=spf1 mx ~all", "v=spf1 -all"], Verdict.WRONG),
        (["v=spf1 mx +all"], Verdict.WRONG),
        (["v=spf1 all"], Verdict.WRONG),
        (["v=spf1 mx ?all"], Verdict.WARNING),
        (["v=spf1 mx"], Verdict.WARNING),
        (["v=spf1 " + " ".join(f"include:s{n}.example" for n in range(11)) + " -all"], Verdict.WRONG),
        (["v=spf10 mx -all"], Verdict.WRONG),
    ],
)
def test_spf(texts: list[str], verdict: Verdict) -> None:
    finding = judge_spf("portaal.example", texts)
    assert finding.verdict is verdict
    assert bool(finding.advice) == (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    "texts, bits, verdict",
    [
        ([f"v=DKIM1; k=rsa; p={KEY}"], 2048, Verdict.OK),
        ([f"v=DKIM1;p={KEY[:100]} {KEY[100:]}"], 2048, Verdict.OK),
        ([f"v=DKIM1; p={KEY}"], 1024, Verdict.WARNING),
        ([], 2048, Verdict.WRONG),
        (["v=DKIM1; p="], 2048, Verdict.WRONG),
        (["v=DKIM1; p=!!!"], 2048, Verdict.WRONG),
        ([f"v=DKIM1; p={b64encode(b'another').decode()}"], 2048, Verdict.WRONG),
    ],
)
def test_dkim(texts: list[str], bits: int, verdict: Verdict) -> None:
    finding = judge_dkim("w1._domainkey.portaal.example", texts, OURS, bits)
    assert finding.verdict is verdict
    if verdict is Verdict.WRONG:
        assert "".join(finding.advice.partition('"')[2].split('" "')).rstrip('"').endswith(KEY)


@pytest.mark.parametrize(
    "texts, dkim, envelope, verdict",
    [
        (["v=DMARC1; p=reject"], "portaal.example", "elders.example", Verdict.OK),
        (["v=DMARC1; p=none"], "portaal.example", "portaal.example", Verdict.OK),
        (["v=DMARC1; p=quarantine"], "", "terug.portaal.example", Verdict.WARNING),
        (["v=DMARC1; p=quarantine; aspf=s"], "", "terug.portaal.example", Verdict.WRONG),
        (["v=DMARC1; p=quarantine; adkim=s"], "mail.portaal.example", "elders.example", Verdict.WRONG),
        (["v=DMARC1; p=quarantine"], "elders.example", "elders.example", Verdict.WRONG),
        (["v=DMARC1; p=quarantine"], "", "nietportaal.example", Verdict.WRONG),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "portaal.example", "", Verdict.WRONG),
        ([], "portaal.example", "portaal.example", Verdict.WRONG),
    ],
)
def test_dmarc(texts: list[str], dkim: str, envelope: str, verdict: Verdict) -> None:
    assert judge_dmarc("portaal.example", texts, dkim=dkim, envelope=envelope).verdict is verdict


def test_the_rest() -> None:
    assert judge_bounce_domain("terug.example", []).verdict is Verdict.WRONG
    assert judge_bounce_domain("terug.example", ["mx.example"]).verdict is Verdict.OK
    assert judge_reverse("192.0.2.1", [], []).verdict is Verdict.WRONG
    assert judge_reverse("192.0.2.1", ["a.example"], ["192.0.2.2"]).verdict is Verdict.WRONG
    assert judge_reverse("192.0.2.1", ["a.example"], ["192.0.2.1"]).verdict is Verdict.OK
    assert parents("a.b.portaal.example") == ["b.portaal.example", "portaal.example"]

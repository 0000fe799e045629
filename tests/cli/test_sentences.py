"""Every finding can be told in both languages."""

import pytest

from eightysix.cli.checking.sentence import SENTENCES, sentence
from eightysix.core.finding import Finding, Rule
from eightysix.core.key import StoreKey, sku_key


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_finding_is_a_sentence(rule, language, monkeypatch):
    monkeypatch.setenv("EIGHTYSIX_LANG", language)
    finding = Finding(rule, StoreKey(1, "b", "s"), sku_key(7), "o-1", 12, 1500, 2000, "real")
    text = sentence(finding)
    assert text.startswith("[b/s] ")
    assert text.endswith("." if language == "en" else "。")
    assert "{" not in text


def test_quantities_are_told_in_portions(monkeypatch):
    monkeypatch.setenv("EIGHTYSIX_LANG", "en")
    finding = Finding(Rule.LOCKED_SUM, StoreKey(1, "b", "s"), sku_key(7), expected=1500, found=2000)
    assert sentence(finding) == "[b/s] SKU 7: locked is 2, but the live locks hold 1.5."


def test_every_rule_has_its_sentence():
    assert set(SENTENCES) == set(Rule)

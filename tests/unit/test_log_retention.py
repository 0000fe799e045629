"""How long the log is kept is a setting with a floor."""

import pytest

from eightysix.settings import BadSetting, load

NAME = "EIGHTYSIX_LOG_RETENTION_DAYS"


def test_thirty_days_are_the_least() -> None:
    settings, _ = load({NAME: "30"})
    assert settings.log_retention_days == 30
    with pytest.raises(BadSetting, match="log_retention_days"):
        load({NAME: "29"})

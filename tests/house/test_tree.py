"""What no file of the project may hold."""

import re

from .tree import ROOT, texts

PRIVATE_PATH = re.compile(r"(?<![\w.:/~-])/(root|work|home)(?=[/\s\"'`:;,)]|$)", re.MULTILINE)
ADDRESS = re.compile(r"https?://(?!127\.|localhost)\S+|--(extra-)?index-url|--find-links|--trusted-host|file://")
LOCK = re.compile(r"(\.lock|lock\.json|lock\.ya?ml|requirements[^/]*\.txt|constraints[^/]*\.txt|\.npmrc)$")


def test_no_path_of_one_machine() -> None:
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        for path, text in texts()
        for match in PRIVATE_PATH.finditer(text)
    ]
    assert not found, "absolute paths of a private folder"


def test_lock_files_name_no_address() -> None:
    locks = [(path, text) for path, text in texts() if LOCK.search(path.name)]
    assert len(locks) >= 3
    found = [f"{path}: {match[0]}" for path, text in locks for match in ADDRESS.finditer(text)]
    assert not found, "names, versions and hashes only"


def test_lock_files_agree() -> None:
    """`make run` and `make test` share one environment, so neither may move the other's versions."""
    pin = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)
    everything = dict(pin.findall((ROOT / "requirements-dev.lock").read_text(encoding="utf-8")))
    for name in ("requirements.lock", "requirements-build.lock"):
        part = dict(pin.findall((ROOT / name).read_text(encoding="utf-8")))
        assert part
        assert part.items() <= everything.items(), name


def test_both_readmes_show_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "make run" in text, name
        assert "make test" in text, name


def test_both_readmes_have_the_same_shape() -> None:
    """The same sections, code and links, so that neither language falls behind unnoticed."""
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    for part in (r"^#+ ", r"^```[\s\S]*?^```", r"\]\((?!README)[^)]*\)"):
        found = [re.findall(part, text, re.MULTILINE) for text in (english, chinese)]
        assert found[0] == found[1], part

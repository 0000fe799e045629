"""What is read out of a page, and what isn't let through."""

from pathlib import Path

import pytest

from .example import Answer, Example, Take, steps

PAGE = """\
# Page

```sh
ADDRESS=http://127.0.0.1:8686
KEY=the-key-that-was-printed

curl "$ADDRESS/a" -d '{
  "a": 1}'

# whatever a comment says
# 201, again 409 ALREADY_EXISTS
curl "$ADDRESS/b"
NAME=the-field-of-that-answer
```

Text.

```sh
# 200, again the same
curl "$ADDRESS/c"
# 204, again 404
curl "$ADDRESS/d" \\
  -X DELETE
```

```
curl not-a-shell
```
"""


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_what_a_page_tells_to_do(tmp_path: Path) -> None:
    assert steps(written(tmp_path, PAGE)) == [
        Example('curl "$ADDRESS/a" -d \'{\n  "a": 1}\''),
        Example('curl "$ADDRESS/b"', 201, 409, "ALREADY_EXISTS"),
        Take("NAME", "field"),
        Example('curl "$ADDRESS/c"', is_same=True),
        Example('curl "$ADDRESS/d" \\\n  -X DELETE', 204, 404),
    ]


@pytest.mark.parametrize(
    "block",
    ["# 200, again\ncurl a", "# 200 again 200\ncurl a", "# 200, again 200\n\ncurl a", "ID=some-id\ncurl a",
     "curl a\n# 200, again 200", "ID=the-id-of-the-answer\ncurl a"],
)  # fmt: skip
def test_what_it_can_t_make_out(tmp_path: Path, block: str) -> None:
    with pytest.raises(AssertionError):
        steps(written(tmp_path, f"```sh\n{block}\n```\n"))


@pytest.mark.parametrize(
    ("example", "first", "second"),
    [
        (Example("a"), Answer(200, {"x": 1}), Answer(200, {"x": 1})),
        (Example("a"), Answer(200, {"x": 1}), Answer(200, {"x": 2, "replayed": True})),
        (Example("a"), Answer(201, {"x": 1}), Answer(200, {"x": 1, "replayed": True})),
        (Example("a", 409, 409), Answer(409, {}), Answer(409, {})),
        (Example("a", 201, 409, "A"), Answer(201, {}), Answer(409, {"code": "B"})),
        (Example("a", 200, 200), Answer(200, {}), Answer(503, {})),
        (Example("a", is_same=True), Answer(200, {"x": 1}), Answer(200, {"x": 2})),
    ],
)
def test_what_isn_t_as_the_page_says(example: Example, first: Answer, second: Answer) -> None:
    with pytest.raises(AssertionError):
        example.check(first, second)


@pytest.mark.parametrize(
    ("example", "first", "second"),
    [
        (Example("a"), Answer(200, {"x": 1, "replayed": False}), Answer(200, {"x": 1, "replayed": True})),
        (Example("a", 204, 404), Answer(204, ""), Answer(404, {"code": "B"})),
        (Example("a", 200, 200), Answer(200, {"x": 1}), Answer(200, {"x": 2})),
        (Example("a", is_same=True), Answer(200, "a,b"), Answer(200, "a,b")),
    ],
)
def test_what_is(example: Example, first: Answer, second: Answer) -> None:
    example.check(first, second)

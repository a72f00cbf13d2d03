"""What docs/local.md shows runs."""

from pathlib import Path

from markdown_it import MarkdownIt

from transload.local.drivers._driver import Call, Driver, Read

_PAGE = Path(__file__).parents[2] / "docs/local.md"


def _blocks() -> list[str]:
    return [block.content for block in MarkdownIt().parse(_PAGE.read_text()) if block.type == "fence" and block.info == "py"]


def test_the_example_for_tests_runs():
    exec(compile(_blocks()[0], _PAGE, "exec"), {})


def test_the_example_of_a_driver_is_one():
    driver = eval(compile(_blocks()[1], _PAGE, "eval"), {"Driver": Driver, "Call": Call, "Read": Read})
    assert driver.check("app", {})["name"].startswith("app-")

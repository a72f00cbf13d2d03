"""What the docs show runs: every Python block of the README and of a component's page is a whole program."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/components").glob("*.md"))]


def _programs():
    for page in PAGES:
        for block in MarkdownIt().parse(page.read_text()):
            if block.type == "fence" and block.info == "python" and block.map:
                line = block.map[0] + 2
                yield pytest.param(page, line, block.content, id=f"{page.name}:{line}")


@pytest.mark.parametrize(("page", "line", "code"), list(_programs()))
def test_a_program_in_the_docs_runs_offline(record, page, line, code):
    program = compile("\n" * (line - 1) + code, page, "exec")

    recording = record(lambda: exec(program, {"__name__": "__main__"}))

    assert recording.findings == ()
    assert any(resource.type.startswith("transload:") for resource in recording.resources)


def test_every_component_has_a_page():
    import transload

    components = [name for name in transload.__all__ if not name.endswith(("Args", "Ref"))]
    pages = "\n".join(page.read_text().splitlines()[0] for page in PAGES)

    assert components
    assert [name for name in components if f"# {name}" not in pages] == []

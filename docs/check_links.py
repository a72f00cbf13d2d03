"""Fail on a link in a Markdown file of this repository that leads to a file or a heading that is not there."""

import re
import subprocess
import sys
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent


def anchors(markdown: str) -> set[str]:
    """The anchors that a forge makes of the headings: lower case, spaces to hyphens, punctuation dropped."""
    tokens = MarkdownIt().parse(markdown)
    titles = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(markdown: str) -> list[tuple[int, str]]:
    """Every link target and image source, with the line its paragraph begins on."""
    found = []
    for block in MarkdownIt().enable("table").parse(markdown):
        line = (block.map or [0])[0] + 1
        for token in block.children or []:
            target = token.attrGet("href") or token.attrGet("src")
            if target:
                found.append((line, str(target)))
    return found


def dead(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    aim = (page.parent / path).resolve() if path else page
    if not aim.exists():
        return True
    return bool(anchor) and aim.suffix == ".md" and anchor not in anchors(aim.read_text())


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pages = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    problems = [
        f"{page.relative_to(ROOT)}:{line}: dead link {target}"
        for page in pages
        for line, target in links(page.read_text())
        if not re.match(r"[a-z]+:", target) and dead(page, target)
    ]
    print("\n".join(problems) or f"{len(pages)} pages, no dead link")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

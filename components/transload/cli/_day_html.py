"""The day of all jobs as one HTML file: no assets, light and dark, readable without seeing the picture."""

from collections import Counter
from datetime import datetime, timedelta
from html import escape

from transload.cli import _day, _when
from transload.cli._day import Bar, Day

_LEFT, _WIDTH, _LANE, _LOAD, _TOP = 170, 1000, 26, 110, 34
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5a6472; --line: #d8dde3; --back: #ffffff; --stripe: #f5f7f9;
  --succeeded: #1a7f4b; --failed: #c62828; --stopped: #a15c00; --running: #0b6bcb; --expected: #9fb0c3; --load: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --line: #343b44; --back: #14181d; --stripe: #1b2026;
  --succeeded: #3fb27f; --failed: #ff6b6b; --stopped: #e0a24a; --running: #58a6ff; --expected: #56657a; --load: #58a6ff; } }
body { margin: 2rem auto; max-width: 1240px; padding: 0 1.25rem; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.35rem; margin: 0; } .sub { color: var(--soft); margin: .15rem 0 1.25rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 0 0 1.25rem; }
.facts dt { color: var(--soft); font-size: .8rem; } .facts dd { margin: 0; font-weight: 600; }
figure { margin: 0; overflow-x: auto; } svg { display: block; min-width: 820px; width: 100%; height: auto; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink); } svg .soft { fill: var(--soft); }
svg .over { paint-order: stroke; stroke: var(--back); stroke-width: 5px; }
.stripe { fill: var(--stripe); } .grid { stroke: var(--line); } .now { stroke: var(--ink); stroke-dasharray: 3 3; }
.succeeded { fill: var(--succeeded); } .failed { fill: var(--failed); } .stopped { fill: var(--stopped); }
.running { fill: var(--running); } .expected { fill: var(--expected); }
.skipped { fill: none; stroke: var(--stopped); stroke-width: 1.5; } .missed { fill: none; stroke: var(--failed); stroke-width: 2; }
.area { fill: var(--load); fill-opacity: .18; stroke: var(--load); stroke-width: 1.5; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: .75rem 0 1.5rem;
  color: var(--soft); font-size: .85rem; }
.legend svg { display: inline-block; min-width: 0; width: 16px; height: 12px; vertical-align: -1px; margin-right: .35rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; }
summary { cursor: pointer; margin: 1rem 0 .5rem; font-weight: 600; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:nth-child(n+2) { font-variant-numeric: tabular-nums; }
"""
_KINDS = ("succeeded", "failed", "stopped", "running", "expected", "skipped", "missed")


def page(day: Day, zone: str, cluster: str) -> str:
    """The whole document."""
    date = f"{day.start:%A %d %B %Y}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(cluster)}, {date}</title><style>{_STYLE}</style></head>
<body><main>
<h1>Jobs of {escape(cluster)}</h1><p class="sub">{date}, {escape(zone)}; as of {_when.clock(day.now, zone, year=True)}</p>
{_facts(day, zone)}
<figure>{_svg(day, zone, date)}</figure>
{_legend(day)}
{_overlaps(day)}
{_table(day, zone)}
</main></body></html>
"""


def _facts(day: Day, zone: str) -> str:
    counts = Counter(bar.kind for bar in day.bars)
    facts = {"runs": ", ".join(f"{counts[kind]} {kind}" for kind in _KINDS if counts[kind]) or "none"}
    if found := _day.peak(day):
        facts["vCPU at peak"] = f"{found.vcpu:g} at {found.at.astimezone(day.start.tzinfo):%H:%M}"
        facts["running then"] = ", ".join(found.jobs)
    if day.guessed:
        facts["length not known yet, drawn as 1 min"] = ", ".join(day.guessed)
    return (
        '<dl class="facts">'
        + "".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items())
        + "</dl>"
    )


def _x(day: Day, at: datetime) -> float:
    whole = (day.end - day.start).total_seconds() if day.end.utcoffset() == day.start.utcoffset() else _seconds(day.start, day.end)
    return _LEFT + _WIDTH * min(max(_seconds(day.start, at) / whole, 0), 1)


def _seconds(start: datetime, end: datetime) -> float:
    return end.timestamp() - start.timestamp()


def _svg(day: Day, zone: str, date: str) -> str:
    lanes = _TOP + _LOAD + 24
    bottom = lanes + _LANE * len(day.jobs)
    found = _day.peak(day)
    told = f"at the peak {found.vcpu:g} vCPU at {_when.clock(found.at, zone)}" if found else "no run"
    parts = [
        f'<svg viewBox="0 0 {_LEFT + _WIDTH + 20} {bottom + 12}" role="img" aria-labelledby="t d">'
        f'<title id="t">Timeline of {date}</title><desc id="d">{len(day.jobs)} jobs, {len(day.bars)} runs, {escape(told)}. '
        "The table below holds every run.</desc>"
    ]
    for number, job in enumerate(day.jobs):
        y = lanes + _LANE * number
        if number % 2 == 0:
            parts.append(f'<rect class="stripe" x="0" y="{y}" width="{_LEFT + _WIDTH}" height="{_LANE}"/>')
        shown = job if len(job) <= 24 else job[:23] + "…"
        parts.append(f'<text x="4" y="{y + 17}">{escape(shown)}<title>{escape(job)}</title></text>')
    parts += _hours(day, bottom)
    parts += _load(day)
    where = {job: lanes + _LANE * number for number, job in enumerate(day.jobs)}
    parts += [_bar(day, bar, where[bar.job], zone) for bar in day.bars]
    if day.start <= day.now < day.end:
        x = _x(day, day.now)
        parts.append(f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom}"/>')
        parts.append(f'<text x="{x + 4:.1f}" y="{bottom + 11}" class="soft">now</text>')
    return "".join([*parts, *_peak(day), "</svg>"])


def _hours(day: Day, bottom: int) -> list[str]:
    parts = []
    at, zone = day.start, day.start.tzinfo
    while at.timestamp() <= day.end.timestamp():
        local = at.astimezone(zone)
        if local.hour % 3 == 0 and local.minute == 0:
            x = _x(day, at)
            last = at.timestamp() >= day.end.timestamp()
            label = "24:00" if last else f"{local:%H:%M}"
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom}"/>')
            parts.append(
                f'<text class="soft" x="{x:.1f}" y="{_TOP - 14}" text-anchor="{"end" if last else "middle"}">{label}</text>'
            )
        at = datetime.fromtimestamp(at.timestamp() + 3600, zone)
    return parts


def _load(day: Day) -> list[str]:
    base = _TOP + _LOAD
    parts = [
        f'<text x="4" y="{base - 4}">vCPU</text><line class="grid" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{base}" y2="{base}"/>'
    ]
    found = _day.peak(day)
    if found is None:
        return parts
    scale = (_LOAD - 18) / found.vcpu
    steps = _day.load(day.bars)
    needed = next((vcpu for time, vcpu in reversed(steps) if time <= day.start), 0.0)
    path = [f"M{_LEFT},{base} V{base - needed * scale:.1f}"]
    for time, vcpu in steps:
        if day.start < time < day.end:
            path.append(f"H{_x(day, time):.1f} V{base - vcpu * scale:.1f}")
    parts.append(f'<path class="area" d="{" ".join(path)} H{_LEFT + _WIDTH} V{base} Z"/>')
    return parts


def _peak(day: Day) -> list[str]:
    """What is needed at the peak, in words, drawn last: where the line of now runs through them it is left out."""
    found = _day.peak(day)
    if found is None:
        return []
    x, near_end = _x(day, found.at), _seconds(found.at, day.end) < 4 * 3600
    anchor, shift = ("end", -4) if near_end else ("start", 4)
    label = f"{found.vcpu:g} vCPU at {found.at.astimezone(day.start.tzinfo):%H:%M}"
    return [f'<text class="over" x="{x + shift:.1f}" y="{_TOP + 11}" text-anchor="{anchor}">{label}</text>']


def _bar(day: Day, bar: Bar, y: int, zone: str) -> str:
    x, end = _x(day, bar.start), _x(day, bar.end)
    took = f", {_when.length((bar.end - bar.start).total_seconds())}" if bar.works else ""
    title = f"<title>{escape(bar.job)}: {bar.kind}, {_when.clock(bar.start, zone)}{took}</title>"
    middle = y + _LANE / 2
    if bar.kind == "missed":
        return f'<path class="missed" d="M{x - 4:.1f},{middle - 4} l8,8 m0,-8 l-8,8">{title}</path>'
    if bar.kind == "skipped":
        return f'<circle class="skipped" cx="{x:.1f}" cy="{middle}" r="4">{title}</circle>'
    tall = bar.kind == "failed"
    # A run of a minute is a hair: 2 wide it can still be seen and pointed at.
    return (
        f'<rect class="{bar.kind}" x="{x:.1f}" y="{y + (3 if tall else 6)}" width="{max(end - x, 2):.1f}" '
        f'height="{_LANE - (6 if tall else 12)}" rx="1.5">{title}</rect>'
    )


def _legend(day: Day) -> str:
    there = {bar.kind for bar in day.bars}
    words = {"failed": "failed (taller)", "missed": "due and did not run", "expected": "expected, by the last runs"}
    marks = {
        "missed": '<path class="missed" d="M4,2 l8,8 m0,-8 l-8,8"/>',
        "skipped": '<circle class="skipped" cx="8" cy="6" r="4"/>',
    }
    items = [
        f'<li><svg viewBox="0 0 16 12" aria-hidden="true">{marks.get(kind) or _swatch(kind)}</svg>{words.get(kind, kind)}</li>'
        for kind in _KINDS
        if kind in there
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _swatch(kind: str) -> str:
    return f'<rect class="{kind}" width="16" height="12" rx="1.5"/>'


def _overlaps(day: Day) -> str:
    rows = [
        f"<tr><td>{escape(one)}</td><td>{escape('itself' if one == other else other)}</td><td>{_length(length)}</td></tr>"
        for one, other, length in _day.overlaps(day)
    ]
    if not rows:
        return ""
    head = "<thead><tr><th scope=col>job</th><th scope=col>runs beside</th><th scope=col>together</th></tr></thead>"
    return f"<details open><summary>Overlaps ({len(rows)})</summary><table>{head}<tbody>{''.join(rows)}</tbody></table></details>"


def _length(length: timedelta) -> str:
    return _when.length(length.total_seconds())


def _table(day: Day, zone: str) -> str:
    rows = [
        f"<tr><td>{escape(bar.job)}</td><td>{_when.clock(bar.start, zone)}</td>"
        f"<td>{_length(bar.end - bar.start) if bar.works else ''}</td>"
        f"<td>{bar.kind}</td><td>{bar.vcpu:g}</td><td>{escape(bar.run or '')}</td></tr>"
        for bar in day.bars
    ]
    names = ("job", "start", "length", "how", "vCPU", "run")
    head = "<thead><tr>" + "".join(f"<th scope=col>{name}</th>" for name in names) + "</tr></thead>"
    return f"<details><summary>Every run ({len(rows)})</summary><table>{head}<tbody>{''.join(rows)}</tbody></table></details>"

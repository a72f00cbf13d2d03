"""Column names and types as Athena reads JSON lines."""

import re
from collections.abc import Iterator, Sequence

_PLAIN = "boolean tinyint smallint int bigint float double string date timestamp"
_HINTS = {
    "integer": "int",
    "long": "bigint",
    "number": "double",
    "real": "float",
    "bool": "boolean",
    "str": "string",
    "text": "string",
    "varchar": "string",
    "datetime": "timestamp",
    "json": "string",
}
# Words that SELECT can't take as a column without quotes (Athena user guide, "Escape reserved keywords").
_RESERVED = """
    alter and as between by case cast constraint create cross cube current_catalog current_date current_path
    current_schema current_time current_timestamp current_user deallocate delete describe distinct drop else end escape
    except exists extract false first for from full group grouping having in inner insert intersect into is join
    json_array json_exists json_object json_query json_table json_value last left like listagg localtime localtimestamp
    natural normalize not null on or order outer prepare recursive right rollup select skip table then trim true uescape
    union unnest using values when where with
"""
_TOKEN = re.compile(r"\s*([a-z_][a-z0-9_]*|\d+|[<>(),:])", re.IGNORECASE)


def problem_with_columns(columns: Sequence[tuple[str, str]]) -> str | None:
    """What Athena would refuse, or silently read as nothing, in these (name, type) columns; None if all is well."""
    seen: set[str] = set()
    for name, type_ in columns:
        problem = _problem_with_name(name, seen) or problem_with_type(type_)
        if problem:
            return f"column {name!r}: {problem}"
        seen.add(name)
    return None


def _problem_with_name(name: str, seen: set[str]) -> str | None:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,254}", name):
        return (
            "a name is lower-case letters, digits and underscores, no digit first (Athena folds the keys of a line to lower case)"
        )
    if name == "dt":
        return "dt is the partition column, the day of arrival; choose another name"
    if name in _RESERVED.split():
        return f"{name} is a reserved word of SQL and would need quotes in every query; choose another name"
    return "is listed twice" if name in seen else None


def problem_with_type(text: str) -> str | None:
    """Why `text` is no column type, or None."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text) or not tokens:
        return f"type {text!r} is not understood"
    rest = iter(tokens)
    try:
        _type(rest)
    except (StopIteration, ValueError) as problem:
        return f"type {text!r} " + (str(problem) or "ends too early")
    left = next(rest, None)
    return f"type {text!r} has {left!r} too much" if left else None


def _type(tokens: Iterator[str]) -> None:
    word = next(tokens)
    if word in _PLAIN.split():
        return
    if word == "array":
        _expect(tokens, "<")
        _type(tokens)
        _expect(tokens, ">")
    elif word == "map":
        _expect(tokens, "<")
        _type(tokens)
        _expect(tokens, ",")
        _type(tokens)
        _expect(tokens, ">")
    elif word == "struct":
        _fields(tokens)
    elif word == "decimal":
        _decimal(tokens)
    else:
        hint = _HINTS.get(word.lower()) or (word.lower() if word.lower() in _PLAIN.split() else None)
        known = ", ".join((*_PLAIN.split(), "decimal(p,s)", "array<...>", "map<...>", "struct<...>"))
        raise ValueError(f"has {word!r}" + (f", did you mean {hint}?" if hint else f", known are {known}"))


def _fields(tokens: Iterator[str]) -> None:
    mark = "<"
    _expect(tokens, mark)
    while mark != ">":
        next(tokens)
        _expect(tokens, ":")
        _type(tokens)
        mark = next(tokens)
        if mark not in {",", ">"}:
            raise ValueError(f"needs ',' or '>' where {mark!r} stands")


def _decimal(tokens: Iterator[str]) -> None:
    _expect(tokens, "(")
    precision = next(tokens)
    _expect(tokens, ",")
    scale = next(tokens)
    _expect(tokens, ")")
    if not (precision.isdigit() and scale.isdigit() and 1 <= int(precision) <= 38 and int(scale) <= int(precision)):
        raise ValueError("needs a precision of 1 to 38 and a scale no larger, such as decimal(12,2)")


def _expect(tokens: Iterator[str], mark: str) -> None:
    found = next(tokens)
    if found != mark:
        raise ValueError(f"needs {mark!r} where {found!r} stands")

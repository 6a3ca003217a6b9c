#!/usr/bin/env python3
"""`make bench`: every ruler in turn; writes the tables of docs/performance.md.

usage: run.py [--quick] [--dry-run] [--work NAME ...] [--server NAME ...] [-n ROUNDS] [-d SECONDS]

--quick      one short round of each: shows that it runs and the order of things, and is not
             written to the document
--dry-run    print the tables and leave the document alone
"""

import argparse
import datetime
import sys
from pathlib import Path

import compare
import idle
import micro
import peers
from measure import ServerFailed, machine, raise_file_limit
from servers import LOGGED, catalogue

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/performance.md"
START, END = "<!-- results: written by bench/run.py -->", "<!-- end of results -->"
WORKS = (
    "plaintext",
    "browser",
    "json",
    "pipeline",
    "close",
    "post64k",
    LOGGED,
    "page",
    "static",
)
CONNECTIONS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--work", action="append", choices=compare.WORKS)
    parser.add_argument("--server", action="append", metavar="NAME")
    parser.add_argument("-n", type=int, metavar="ROUNDS")
    parser.add_argument("-d", type=int, metavar="SECONDS")
    options = parser.parse_args()
    rounds = options.n or (1 if options.quick else 3)
    seconds = options.d or (1 if options.quick else 3)
    works = options.work or WORKS

    compare.prepare()
    raise_file_limit()
    versions = peers.set_up()
    compiled = compare.is_compiled()
    if not compiled:
        print("Whirlwind is not compiled here: only its plain form is measured.")
    servers = catalogue(compiled)
    if options.server:
        if unknown := set(options.server) - set(servers):
            parser.error(f"unknown server {', '.join(unknown)}; known: {', '.join(servers)}")
        servers = {name: servers[name] for name in options.server}

    results: dict[str, dict[str, compare.Row]] = {}
    notes: list[str] = []
    for work in works:
        able = [row[work] for row in servers.values() if work in row]
        rows, failures = compare.compare(work, able, rounds, seconds, CONNECTIONS)
        compare.show(work, rows, failures)
        sys.stdout.flush()
        results[work] = rows
        notes += [f"{work}: {reason}" for reason in failures.values()]
        notes += [f"{work}: {name}: {row.complaint}" for name, row in rows.items() if row.complaint]

    memory: dict[str, float] = {}
    for name, row in servers.items():
        if "plaintext" in row:
            try:
                memory[name] = idle.measure(row["plaintext"], 500 if options.quick else 4000)
                print(f"  {name:24} {memory[name]:6.1f} KiB per idle connection", flush=True)
            except ServerFailed as failure:
                notes.append(f"idle connections: {failure}")
                print(f"  FAILED {failure}")

    programs: dict[str, tuple[float, float, float]] = {}
    for name in micro.PROGRAMS:
        try:
            programs[name] = micro.ratio(name, rounds)
            print(f"{name:18} {programs[name][2]:5.2f} times less CPU", flush=True)
        except micro.ProgramFailed as failure:
            notes.append(f"same program, {name}: {failure}")
            print(f"{name:18} FAILED {failure}")

    names = [name for name in servers if any(name in rows for rows in results.values())]
    how = f"{rounds} rounds of {seconds} s, {CONNECTIONS} connections"
    text = report(names, results, memory, programs, notes, versions, how)
    if options.quick or options.dry_run:
        print("\n" + text)
    else:
        write(text)
        print(f"wrote the tables of {DOCUMENT.relative_to(ROOT)}")


def report(
    names: list[str],
    results: dict[str, dict[str, compare.Row]],
    memory: dict[str, float],
    programs: dict[str, tuple[float, float, float]],
    notes: list[str],
    versions: dict[str, str],
    how: str,
) -> str:
    """Put the results into Markdown."""
    date = datetime.date.today()
    lines = [f"Measured {date.day} {date:%B %Y} on {machine()}; {how}."]
    if versions:
        lines.append("Peers: " + ", ".join(f"{n} {v}" for n, v in sorted(versions.items())) + ".")

    lines += ["", "### CPU microseconds per request", ""]
    lines += _table(
        ["server", *results],
        [
            [name, *(_number(rows[name].cpu) if name in rows else "-" for rows in results.values())]
            for name in names
        ],
    )
    if names:
        lines += ["", f"### How many times less CPU than {names[0]}", ""]
        lines += _table(
            ["server", *results],
            [
                [name, *(f"{r[name].ratio:.1f}" if name in r else "-" for r in results.values())]
                for name in names[1:]
            ],
        )
    lines += ["", "### Requests per second of one core", ""]
    lines += _table(
        ["server", *results],
        [
            [name, *(f"{r[name].rate:,.0f}" if name in r else "-" for r in results.values())]
            for name in names
        ],
    )
    if memory:
        lines += ["", "### Memory of an idle keep-alive connection", ""]
        lines += _table(["server", "KiB"], [[n, f"{value:.1f}"] for n, value in memory.items()])
    if programs:
        lines += ["", "### The same program on Tornado and on Whirlwind", ""]
        lines += _table(
            ["program", "Tornado, CPU s", "Whirlwind, CPU s", "times less"],
            [[n, f"{a:.3f}", f"{b:.3f}", f"{c:.2f}"] for n, (a, b, c) in programs.items()],
        )
    if notes:
        lines += ["", "Not measured, or with complaints:", ""]
        lines += [f"- {note.replace(str(ROOT), '.')}" for note in notes]
    return "\n".join(lines)


def write(text: str) -> None:
    """Replace what stands between the document's markers."""
    document = DOCUMENT.read_text()
    before, found, rest = document.partition(START)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{DOCUMENT.name} lacks the markers {START} and {END}.")
    DOCUMENT.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}")


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    rule = "|---|" + "---:|" * (len(head) - 1)
    return [f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()

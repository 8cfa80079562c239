"""The command line of ./dev."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import bench, clean, demo, i18n, lint, many_databases, tests, wheel
from .acceptance import check
from .bootstrap import odoo
from .console import Failure, say
from .databases import cluster, database
from .environment import environment
from .pictures import screenshots
from .process import run_in_front

DEFAULT_PORT = 8069


def main(arguments: Sequence[str]) -> int:
    """Run a sub-command; returns the exit status."""
    # Explicit, since a shell starts background jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, end)
    try:
        # What follows these is not ours to understand, not even --help.
        if arguments and arguments[0] in PASSING_ON:
            return PASSING_ON[arguments[0]](arguments[1:])
        return run(parser().parse_args(arguments))
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("Interrupted; run it again to go on.")
        return 128 + signal.SIGINT


def end(signum: int, frame: object) -> None:
    """End by way of every ``finally``, which stops what runs."""
    sys.exit(128 + signum)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="./dev",
        description="Provisions Odoo 19 in .dev of this checkout and runs the addon.",
    )
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo_parser = commands.add_parser(
        "demo", help="serve a database with a generated sales organisation"
    )
    demo_parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    demo_parser.add_argument(
        "--check",
        action="store_true",
        help="play the acceptance scenario over HTTP instead, print the manager's "
        "dashboard as JSON, and fail where a value is wrong",
    )
    add_bench(commands)
    clean_parser = commands.add_parser("clean", help="remove all that was provisioned")
    clean_parser.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser(
        "test",
        help="run the tests: ./dev test [--sales] [PYTEST ARGUMENTS]; with --sales "
        "those of orders and invoices, in a database that has them",
    )
    commands.add_parser(
        "lint", help="run the hooks of .pre-commit-config.yaml over all files"
    )
    commands.add_parser("wheel", help="build the wheel odoo-addon-crm_cqrs")
    commands.add_parser("i18n", help="export what can be translated into i18n/")
    commands.add_parser(
        "screenshots", help="take the pictures of the README and of the app's page"
    )
    commands.add_parser("odoo", help="run Odoo: ./dev odoo shell -d demo --no-http")
    commands.add_parser("psql", help="run psql: ./dev psql [-d NAME] ...")
    return result


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    result = commands.add_parser(
        "bench", help="measure the addon beside what people would use instead"
    )
    result.add_argument(
        "--data",
        choices=bench.SIZES,
        help="only make a large organisation, with this many opportunities, and time "
        "the addon's first build",
    )
    pace = result.add_mutually_exclusive_group()
    pace.add_argument(
        "--quick",
        action="store_const",
        dest="pace",
        const="quick",
        default="full",
        help=f"fewer repetitions, and {bench.SIZE_BY_PACE['quick']} opportunities",
    )
    pace.add_argument(
        "--once",
        action="store_const",
        dest="pace",
        const="once",
        help="no repetitions, to see that all of it works, and "
        f"{bench.SIZE_BY_PACE['once']} opportunities",
    )
    result.add_argument(
        "--size",
        choices=bench.SIZES,
        help="measure at this many opportunities; "
        f"{bench.SIZE_BY_PACE['full']} by default",
    )
    result.add_argument(
        "--only",
        nargs="+",
        choices=(*bench.PARTS, *bench.OPTIONAL, many_databases.PART),
        default=bench.PARTS,
        metavar="PART",
        help=f"of {', '.join(bench.PARTS + bench.OPTIONAL)}; by default all but the"
        f" last {len(bench.OPTIONAL)}. {many_databases.PART}, alone: what databases"
        " cost in which nobody works",
    )
    result.add_argument(
        "--count",
        type=int,
        default=200,
        metavar="NUMBER",
        help="of the part databases: so many of them; 200 by default",
    )
    result.add_argument(
        "--accounts",
        type=int,
        metavar="NUMBER",
        help="of the part sales: measure with this many customers, each of whom has "
        f"five invoices; {bench.ACCOUNTS['1m']} by default at 1m",
    )
    result.add_argument(
        "--against",
        metavar="VERSION",
        help="measure reads and writes of another version as well: a revision of git's"
        " history, or a folder with the addon",
    )
    result.add_argument(
        "--json", type=Path, metavar="FILE", help="write the ratios and the figures"
    )
    result.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write the tables, in place of those in a document such as "
        "docs/benchmarks.md",
    )
    result.add_argument(
        "--charts",
        type=Path,
        metavar="FOLDER",
        default=bench.CHARTS,
        help=f"draw the charts there, as SVG; by default in {bench.CHARTS}",
    )


def run_bench(options: argparse.Namespace) -> int:
    if options.data:
        return bench.run(options.data)
    if many_databases.PART in options.only:
        if len(options.only) > 1:
            raise Failure(f"{many_databases.PART} is measured alone.")
        return many_databases.measure(options.count)
    return bench.measure(
        bench.Options(
            size=options.size or bench.SIZE_BY_PACE[options.pace],
            pace=options.pace,
            parts=tuple(options.only),
            against=options.against,
            json=options.json,
            markdown=options.markdown,
            charts=options.charts,
            accounts=options.accounts,
        )
    )


def run(options: argparse.Namespace) -> int:
    if options.command == "bench":
        return run_bench(options)
    if options.command == "clean":
        return clean.run(confirmed=options.yes)
    if options.command == "i18n":
        return i18n.run()
    if options.command == "lint":
        return lint.run()
    if options.command == "wheel":
        return wheel.run()
    if options.command == "screenshots":
        return screenshots.run()
    return check.run() if options.check else demo.serve(options.port)


def run_odoo(arguments: Sequence[str]) -> int:
    """Run Odoo's own command line."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-d", "--database")
    name = parser.parse_known_args(arguments)[0].database
    with environment() as env:
        if name == demo.NAME and not database.exists(env.environ, name):
            raise Failure(
                f"There is no database {name} yet. Make and serve it: ./dev demo"
            )
        return run_in_front([odoo.COMMAND, *arguments], environ=env.environ)


def run_psql(arguments: Sequence[str]) -> int:
    """Run psql, on the demo database unless another is named."""
    with environment() as env:
        exists = database.exists(env.environ, demo.NAME)
        return run_in_front(
            [cluster.programs() / "psql", *arguments],
            environ={
                **env.environ,
                "PGDATABASE": demo.NAME if exists else database.MAINTENANCE,
            },
        )


PASSING_ON: dict[str, Callable[[Sequence[str]], int]] = {
    "test": tests.run,
    "odoo": run_odoo,
    "psql": run_psql,
}

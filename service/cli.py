"""`inhouse`: the command line. Nothing heavy is imported before a command runs.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but some files could not be read, 130 interrupted.
With `--json` the last line of stdout is one
JSON object, of an error too; progress and messages go to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from core.errors import InhouseError
from service.argument_types import moment, names, positive, tolerance
from service.errors import body_of, error_body

EPILOG = "Settings come from INHOUSE_* variables and inhouse.toml. Start with: inhouse reindex FOLDER"
KINDS = ("reader", "causal", "seq2seq")
FORMATS = (
    "pairs",
    "question-answer",
    "instruction",
    "alpaca",
    "input-output",
    "prompt-completion",
    "text",
    "messages",
)


class UsageError(Exception):
    """What people read, and the message alone."""


class Parser(argparse.ArgumentParser):
    """argparse that raises wrong usage instead of exiting, so that it can be told as JSON too."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.format_usage()}{self.prog}: {message}", message)


def build_parser() -> argparse.ArgumentParser:
    shared = Parser(add_help=False)
    shared.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line of stdout"
    )
    shared.add_argument(
        "--data-dir", metavar="DIR", help="where index, adapters and reports live (default .inhouse)"
    )
    again = Parser(add_help=False, argument_default=argparse.SUPPRESS)  # `shared`, behind an action
    again.add_argument("--json", action="store_true", help="as above")
    again.add_argument("--data-dir", metavar="DIR", help="as above")
    parser = Parser(
        prog="inhouse", description="An assistant that answers from your documents.", epilog=EPILOG
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[shared])

    command = add("reindex", "bring the index up to date with folders, files or database tables")
    command.add_argument("paths", nargs="+", metavar="PATH", help="or sqlite:///file.db?table=NAME")
    command.add_argument("--full", action="store_true", help="build everything anew")

    command = add("search", "show the passages that are found for a query")
    command.add_argument("query")
    command.add_argument("-k", type=positive, default=5, metavar="N", help="how many (default 5)")

    command = add("ask", "answer one question with citations")
    command.add_argument("question")

    add("generate-qa", "make question-answer pairs from the indexed documents")

    command = add("import-qa", "take question-answer pairs over from files, or write them in another format")
    command.add_argument(
        "names",
        nargs="+",
        metavar="FILE",
        help="JSONL, JSON or CSV; a `datasets` folder or hub id owner/name",
    )
    command.add_argument("--out", metavar="FILE", help="default: imported.jsonl among the data sets")
    command.add_argument("--format", choices=FORMATS, default="pairs", help="to write (default pairs)")
    command.add_argument("--split", default="train", metavar="NAME", help="of a data set that has several")
    command.add_argument(
        "--off-topic",
        action="append",
        default=[],
        metavar="ANSWER",
        help="how answers that decline begin; repeatable",
    )
    command.add_argument("--grounded-only", action="store_true", help="drop answers that no document holds")

    command = add("retrain", "tune a model on the pairs and promote it if it is better")
    command.add_argument("--kind", choices=KINDS, default="reader")
    command.add_argument("--base", metavar="MODEL", help="model to start from (default: the one in use)")
    command.add_argument("--dataset", metavar="FILE", help="pairs to tune on (default: the newest generated)")
    command.add_argument("--recipe", metavar="FILE", help="YAML of settings for this run, such as epochs: 2")

    command = add("evaluate", "measure arms on a question file, or compare reports, and write a report")
    asked = command.add_mutually_exclusive_group(required=True)
    asked.add_argument(
        "--questions",
        metavar="FILE",
        help="ask these; `held-out`: the generated ones that tuning did not learn from",
    )
    asked.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two reports, or their folders")
    asked.add_argument("--replay", action="store_true", help="ask again what the interaction log holds")
    command.add_argument(
        "--arms",
        type=names,
        default=[],
        metavar="A,B",
        help="base, tuned, adapter ids, oracle, nearest, base-closed, base+prompt=qa …, by comma "
        "(default base,tuned; of a replay the one that serves)",
    )
    command.add_argument(
        "--training", metavar="FILE", help="whose answers `nearest` copies (default: the newest data set)"
    )
    command.add_argument(
        "--regression",
        action="store_true",
        help="also ask about a bundled handbook, and measure what generating models can do elsewhere",
    )
    command.add_argument(
        "--off-topic",
        action="append",
        default=[],
        metavar="ANSWER",
        help="how answers that decline begin, in a file of questions and answers alone; repeatable",
    )
    command.add_argument("--gate", action="store_true", help="exit 1 where something is worse than before")
    command.add_argument(
        "--save-baseline", action="store_true", help="keep the report as what later ones are gated by"
    )
    command.add_argument(
        "--baseline", metavar="FILE", help="where it is kept (default: reports/baselines/NAME.json)"
    )
    command.add_argument(
        "--tolerance",
        type=tolerance,
        action="append",
        default=[],
        metavar="METRIC=POINTS",
        help="how much of a metric may be lost; repeatable",
    )
    command.add_argument("--since", type=moment, metavar="DATE", help="of a replay: what was asked from then")

    command = add("models", "list tuned adapters, change the active one, or export one")
    command.add_argument("action", choices=("list", "activate", "rollback", "export"))
    command.add_argument("id", nargs="?", help="adapter id, for activate and export")
    command.add_argument("--to", metavar="FOLDER", help="for export: a new folder")
    command.add_argument(
        "--as", dest="form", choices=("merged", "onnx", "gguf"), default="merged", help="for export"
    )
    command.add_argument("--kind", choices=KINDS, default="reader", help="for rollback (default reader)")

    command = add("export", "turn the interaction log into questions to measure by, or pairs to tune on")
    command.add_argument("file", metavar="FILE")
    command.add_argument("--to", choices=("questions", "pairs"), required=True)
    command.add_argument("--since", type=moment, metavar="DATE", help="only what was asked from then on")
    command.add_argument("--rated-only", action="store_true", help="only what somebody rated or corrected")

    command = add("log", "delete from the interaction log")
    command.add_argument("action", choices=("purge",))
    command.add_argument(
        "--before", type=moment, metavar="DATE", help="asked before (default: log.keep_days)"
    )
    command.add_argument("--conversation", default="", metavar="ID", help="of this conversation")
    command.add_argument("--key", default="", metavar="ID", help="asked with this API key")
    command = add("keys", "make, list and revoke API keys")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    create = actions.add_parser("create", help="make a key, which is shown once", parents=[again])
    create.add_argument("name", metavar="NAME", help="whose it is")
    create.add_argument(
        "--scope", action="append", choices=("chat", "admin"), help="may be repeated (default chat)"
    )
    create.add_argument(
        "--group", action="append", default=[], metavar="G", help="whose documents may be found; repeatable"
    )
    create.add_argument("--expires-days", type=positive, metavar="N", help="(default: never)")
    actions.add_parser("list", help="show all keys, without the keys themselves", parents=[again])
    revoke = actions.add_parser("revoke", help="take a key out of use within a second", parents=[again])
    revoke.add_argument("id", metavar="ID", help="as `list` shows it")

    command = add("serve", "start the HTTP server and chat page")
    command.add_argument("--host")
    command.add_argument("--port", type=int)

    add("worker", "run the jobs that the server is given; `serve` starts one beside itself")

    command = add("jobs", "list jobs, show one with its log, or cancel one")
    command.add_argument("action", choices=("list", "show", "cancel"), nargs="?", default="list")
    command.add_argument("id", nargs="?", help="job id, for show and cancel")

    add("status", "show what is indexed and which model answers")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    try:
        return run(parse(argv))
    except UsageError as error:
        told, message = error.args
        print(told, file=sys.stderr)
        if "--json" in argv:
            print(json.dumps(error_body(message, status=400, code="wrong_usage")))
        return 2
    except BrokenPipeError:  # the reader of our output went away, as in `inhouse search x | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "models":
        if (arguments.action in ("activate", "export")) != (arguments.id is not None):
            parser.error("`models activate` and `export` need an adapter id; `list` and `rollback` take none")
        if (arguments.action == "export") != (arguments.to is not None):
            parser.error("`models export` needs --to FOLDER; the other actions take none")
    if arguments.command == "jobs" and (arguments.action == "list") != (arguments.id is None):
        parser.error("`jobs show` and `jobs cancel` need a job id; `list` takes none")
    if arguments.command == "evaluate":
        check_evaluate(parser, arguments)
    return arguments


def check_evaluate(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Options that do nothing beside the others are wrong usage."""
    if arguments.since and not arguments.replay:
        parser.error("`evaluate --since` belongs to --replay")
    if (arguments.save_baseline or arguments.baseline) and not arguments.questions:
        parser.error("`evaluate --baseline` and `--save-baseline` belong to --questions")
    if arguments.baseline and not (arguments.gate or arguments.save_baseline):
        parser.error("`evaluate --baseline` needs --gate or --save-baseline")
    if arguments.tolerance and not arguments.gate:
        parser.error("`evaluate --tolerance` belongs to --gate")
    arguments.tolerance = dict(arguments.tolerance)


def run(arguments: argparse.Namespace) -> int:
    from service import commands, environment

    environment.prepare()
    try:
        result = commands.run(arguments)
        if result is not None:
            print(
                json.dumps(result.payload, ensure_ascii=False) if arguments.json else result.text, flush=True
            )
            return result.status
    except InhouseError as error:
        return fail(arguments, error.message, body_of(error))
    except BrokenPipeError:
        raise
    except OSError as error:  # disk full, no permission, a file that went away
        message = (
            f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
        )
        return fail(arguments, message, error_body(message, status=500, code="io_error"))
    except Exception as error:  # a fault of ours: the trace is what we need to mend it
        traceback.print_exc()
        return fail(arguments, f"Unexpected fault: {error}", error_body(str(error), status=500))
    return 0


def fail(arguments: argparse.Namespace, message: str, body: dict[str, Any]) -> int:
    print(f"inhouse: {message}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(body, ensure_ascii=False), flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())

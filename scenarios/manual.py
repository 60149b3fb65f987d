"""The help pages of the command line and what is said of a misused command, in the language of the session.

Help texts in `scenarios.cli` are keys of the words catalogue; they are said when a page is asked for, because the language
may be chosen on the very same line.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from twin.errors import ScenarioError
from twin.words import Word, near, say


class UsageError(ScenarioError):
    """A command that there is not, or one used with what it does not take."""


class Command(TyperCommand):
    """A command whose help page is in the session's language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help page."""
        _print_page(self, ctx, {})


class Group(TyperGroup):
    """A group of commands whose help page is in the session's language."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help page."""
        _print_page(self, ctx, self._commands(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is asked for; raise UsageError with near matches when there is none."""
        if self.get_command(ctx, args[0]) is None:
            known = list(self._commands(ctx))
            raise UsageError("command_unknown", found=args[0], near=near(args[0], known), command=ctx.command_path)
        return super().resolve_command(ctx, args)

    def _commands(self, ctx: Any) -> dict[str, Any]:
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: command for name, command in found.items() if command is not None and not command.hidden}


def _print_page(command: Any, ctx: Any, commands: dict[str, Any]) -> None:
    """Print usage, purpose, arguments, options and commands."""
    params = [p for p in command.get_params(ctx) if not getattr(p, "hidden", False)]
    arguments = [p for p in params if p.param_type_name == "argument"]
    options = [p for p in params if p.param_type_name == "option"]
    usage = [_placeholder(p) for p in arguments] + ([say("help.command")] if commands else [])
    page = Console(highlight=False, markup=False, emoji=False)
    page.print(Text(" ".join([say("help.usage"), ctx.command_path, *usage, say("help.options_place")])), soft_wrap=True)
    page.print(Text(f"\n{say(command.help)}"))
    rows = {
        "help.arguments": [(_placeholder(p), _meaning(p)) for p in arguments],
        "help.options": [(_spelling(p), _meaning(p)) for p in options],
        "help.commands": [(name, say(sub.help)) for name, sub in commands.items()],
    }
    width = max(len(name) for part in rows.values() for name, _ in part)
    for title, part in rows.items():
        if part:
            table = Table.grid(padding=(0, 2))
            table.add_column(min_width=width + 2, no_wrap=True)
            table.add_column(overflow="fold")
            for name, meaning in part:
                table.add_row(Text(f"  {name}"), Text(meaning))
            page.print(Text(f"\n{say(title)}"))
            page.print(table)


def _placeholder(argument: Any) -> str:
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _spelling(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.metavar or option.name.strip('_').upper()}"


def _meaning(param: Any) -> str:
    """Return the help of an argument or option, with its default where it has one worth saying."""
    if param.name == "help":
        return say("help.help")
    plain = param.default if isinstance(param.default, str | int) and not isinstance(param.default, bool) else None
    return say(param.help) + (say("help.default", value=plain) if plain is not None else "")


def fronted(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with --lang and --debug first, so that they may be written anywhere; UsageError for a --lang alone."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--lang")
    parser.add_argument("--debug", action="store_true")
    try:
        given, rest = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise UsageError("option_value", name="--lang", command="anlan") from error
    return [*(["--lang", given.lang] if given.lang else []), *(["--debug"] if given.debug else []), *rest]


def misuse(error: Any) -> UsageError | None:
    """Return what to say of one of typer's own usage errors; None where the help page has been printed instead.

    They are told apart by name: typer has taken their module in, and keeps it to itself.
    """
    kind, ctx, param = type(error).__name__, getattr(error, "ctx", None), getattr(error, "param", None)
    command = ctx.command_path if ctx is not None else "anlan"
    if kind == "NoArgsIsHelpError":
        return None
    if kind == "NoSuchOption" and ctx is not None:
        known = [name for p in ctx.command.get_params(ctx) for name in p.opts if p.param_type_name == "option"]
        return UsageError(
            "option_unknown", found=error.option_name, near=near(error.option_name, known), command=command
        )
    if kind == "MissingParameter" and param is not None:
        return UsageError("argument_missing", name=_name(param), command=command)
    if kind == "BadOptionUsage":
        return UsageError("option_value", name=error.option_name, command=command)
    if kind == "BadParameter" and param is not None:
        wanted = Word("schema.int_parsing") if "integer" in error.message else error.message
        return UsageError("argument_value", name=_name(param), text=wanted, command=command)
    extra = error.format_message().rpartition("(")[2].rstrip(")")
    return UsageError("arguments_extra", found=extra, command=command)


def _name(param: Any) -> str:
    return _placeholder(param).strip("[]") if param.param_type_name == "argument" else param.opts[0]

"""`latentsweep`: the commands, and the one place that turns a user's mistake into one line."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, cast

import typer

from latentsweep.commands.data import data
from latentsweep.commands.evaluate import evaluate
from latentsweep.commands.explore import explore
from latentsweep.commands.export import export
from latentsweep.commands.options import flag_of
from latentsweep.commands.output import guarded, plain
from latentsweep.commands.recommend import recommend
from latentsweep.commands.report import report
from latentsweep.commands.run import run
from latentsweep.commands.studies import studies
from latentsweep.commands.summary import summary
from latentsweep.errors import LatentsweepError, StudyError, nearest, refusal, shortened

app = typer.Typer(
    name="latentsweep",
    help="How many latent dimensions does my data need, and how sure can I be?",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (run, recommend, summary, evaluate, report, explore, export, studies, data):
    app.command()(command)

# Click's error, which versions of Typer have from Click or in themselves: two above one that they
# all export. Its kind for an unknown option is the one that has both of these.
_ClickException = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])
_NO_SUCH_OPTION = "option_name", "possibilities"
INTERRUPTED = 130
USER_MISTAKE = 2
_LONGEST = 300  # characters of a mistake


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    warnings.showwarning = _show_warning
    with guarded() as lost:
        code = _ended(sys.argv[1:] if arguments is None else list(arguments))
        if (failed := lost()) and not code:
            code = _mistake(f"standard output: {failed.strerror}; send it elsewhere. All is done")
    return code


def _ended(given: list[str]) -> int:
    try:
        _check_encoded(given)
        ended = app(args=given or ["--help"], standalone_mode=False)
    except LatentsweepError as error:
        return _mistake(str(error))
    except _ClickException as error:
        if all(hasattr(error, name) for name in _NO_SUCH_OPTION):
            return _mistake(_unknown_option(error))
        return _mistake(error.format_message().replace("Value error, ", ""))
    except OSError as error:
        return _mistake(refusal(error))
    except MemoryError:
        return _mistake(
            "memory: there is not enough free; take fewer examples, or end other programs"
        )
    except (RuntimeError, AssertionError):
        if not (missing := _platform_missing()):
            raise
        return _mistake(missing)
    except (KeyboardInterrupt, typer.Abort):
        ended = INTERRUPTED
    if ended == INTERRUPTED:  # Typer returns this code where it has caught the interrupt itself
        print(
            "\nStopped. Everything up to the last finished epoch is saved: "
            "the same command goes on from there.",
            file=sys.stderr,
        )
    return ended or 0


def _check_encoded(given: Sequence[str]) -> None:
    """Refuse what is no UTF-8: files named so can't be written by all that writes files."""
    for each in given:
        try:
            each.encode()
        except UnicodeEncodeError:
            raise StudyError(
                f"{each}: a name in UTF-8 is needed; rename it, or choose another"
            ) from None


def _platform_missing() -> str:
    """What to do where JAX can't start on what JAX_PLATFORMS asks for, "" where it can."""
    if not (asked := os.environ.get("JAX_PLATFORMS")):
        return ""
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError):
        return (
            f"JAX_PLATFORMS: a platform that JAX finds here is needed, such as cpu, got '{asked}'; "
            "unset the variable, or install what that platform needs"
        )
    return ""


def entry() -> None:
    """The console script."""
    sys.exit(main())


def _mistake(message: str) -> int:
    print(shortened(plain(f"latentsweep: {' '.join(message.split())}"), _LONGEST), file=sys.stderr)
    return USER_MISTAKE


def _unknown_option(error: Any) -> str:
    """The nearest option, also for the field's other words: `--latent-dim` is `--latents`."""
    from latentsweep.study import Study
    from latentsweep.study.other_words import OTHER_WORDS

    word: str = error.option_name.lstrip("-").replace("-", "_")
    field = OTHER_WORDS.get(word, word)
    taken = [name for each in error.ctx.command.params for name in each.opts] if error.ctx else []
    if (option := flag_of(field)) and option in taken:
        hint = f"; did you mean '{option}'?"
    elif field in Study.model_fields and "--set" in taken:
        hint = f"; write --set {field}=VALUE"
    else:
        hint = nearest(error.option_name, error.possibilities or taken)
    return f"unknown option {error.option_name}{hint or '; see --help'}"


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"latentsweep: warning: {plain(str(message))}", file=sys.stderr)

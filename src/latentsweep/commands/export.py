"""`latentsweep export`: a network of a run for other tools."""

import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd


class Format(StrEnum):
    """What is written of a network."""

    ONNX = "onnx"
    PARQUET = "parquet"


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    latent: Annotated[
        int | None,
        typer.Option(help="The network's latent size; needed where the run has several."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What it was trained with: elbo, keras-blog, or another name of the run's table, "
            "such as elbo_b4.",
            metavar="NAME",
            show_default="elbo, if the run has it",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The network's seed.", show_default="the first")
    ] = None,
    to: Annotated[
        Format,
        typer.Option(
            help="onnx: its encoder and decoder as two files that any ONNX runtime runs; "
            "parquet: a table of the test split's codes."
        ),
    ] = Format.ONNX,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The folder to write to.", show_default="RUN/export"),
    ] = None,
) -> None:
    """Write a network of a run for other tools: as ONNX files, or its codes as a table."""
    from latentsweep.export.member import chosen
    from latentsweep.record.folder import RunFolder
    from latentsweep.record.lock import locked

    folder = RunFolder.opened(run)
    member = chosen(folder, latent, objective, seed)
    with locked(folder.path) if output is None else nullcontext():
        if to is Format.PARQUET:
            from latentsweep.export.codes import write_codes

            lines = list(_table_lines(*write_codes(folder, member, output)))
        else:
            from latentsweep.export.onnx import write_onnx

            files = write_onnx(folder, member, output)
            lines = [f"Wrote {path}: {graph}" for path, graph in files.items()]
            lines += ["Open them with ONNX Runtime; x is in the unit of the data."]
    print("\n".join(lines))


def _table_lines(path: Path, table: "pd.DataFrame") -> Iterator[str]:
    """What the file holds, and what opens it."""
    yield f"Wrote {path}: {len(table):,} test examples; {_columns(table)}"
    if "x" not in table:
        yield "It has no x and y, since the run did not project this network."
        yield f"Open {path}"
        return
    placed = int(table["x"].notna().sum())
    command = f"embedding-atlas {shlex.quote(str(path))} --x x --y y"
    if placed < len(table):
        yield f"{placed:,} of them were projected and have x and y; the query shows those alone."
        command += ' --query "SELECT * FROM data WHERE x IS NOT NULL"'
    yield f"Open it with: {command}"


def _columns(table: "pd.DataFrame") -> str:
    """The names of the columns, those of the latent dimensions in short."""
    names = [str(name) for name in table]
    latent = [name for name in names if name[1:].isdigit()]
    short = latent[0] if len(latent) == 1 else f"{latent[0]} to {latent[-1]}"
    return ", ".join(
        short if name == latent[0] else name for name in names if name not in latent[1:]
    )

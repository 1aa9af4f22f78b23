"""`fmnbench report`: boards made from the records of a store."""

from fmnbench.cli import report_options as option
from fmnbench.cli.options import (
    DEFAULT_STORE,
    PluginOption,
    StoreOption,
    SuiteOption,
    load_plugins,
    require_folder,
    seeds,
)


def report_command(  # noqa: PLR0913, PLR0917 - one parameter an option
    store: StoreOption = DEFAULT_STORE,
    suite: SuiteOption = None,
    track: option.TrackOption = None,
    seed_list: option.SeedsOption = None,
    plugin: PluginOption = None,
    protocol: option.ProtocolOption = None,
    format_: option.FormatOption = None,
    out: option.OutOption = None,
    compare: option.CompareOption = False,
    power: option.PowerOption = False,
    columns: option.ColumnsOption = None,
    sort: option.SortOption = None,
    alpha: option.AlphaOption = None,
    pictures: option.PicturesOption = False,
) -> int:
    """Show the leaderboard, made from the records alone.

    Tables of mean(std) over seeds, one a track.

    \b
    Examples:
      fmnbench report --suite quick
      fmnbench report --track toy-mlp+epochs=2
      fmnbench report --suite asokan --seeds 0-2
      fmnbench report > leaderboards/README.md
      fmnbench report --suite asokan --protocol as-published --compare
      fmnbench report --out table.csv
      fmnbench report --track toy-mlp --columns nll,mi --sort nll --format latex
      fmnbench report --out leaderboards/site/index.html
      fmnbench report --power
      fmnbench report --pictures --out leaderboards/README.md
    """  # noqa: D301 - \b is typer's mark for lines to be kept
    from fmnbench.cli.leaderboard import Request, show  # a help page need not wait for it

    numbers = None if seed_list is None else seeds(seed_list)
    require_folder(store, exists=True)
    load_plugins(plugin)
    return show(
        Request(
            store=store,
            suites=suite or (),
            tracks=track or (),
            seeds=numbers,
            protocol=protocol,
            format=format_,
            out=out,
            compare=compare,
            columns=[name.strip() for name in (columns or "").split(",") if name.strip()],
            sort=sort,
            **({} if alpha is None else {"alpha": alpha}),
            pictures=pictures,
            power=power,
        )
    )

"""`latentsweep data`: the known data sets, and whether they are there."""


def data() -> None:
    """List the known data sets, where they are looked for, and how to get them."""
    from latentsweep.data.catalogue import known

    for dataset in known():
        print(f"{dataset.name:16}{dataset.description}")
        if dataset.how == dataset.found:
            continue
        print(f"        {'found in ' + dataset.found if dataset.found else 'not on this machine'}")
        print(f"        looked for in {', '.join(dataset.where)}")
        if not dataset.found:
            print(f"        to get it: {dataset.how}")
    print(
        "\nYour own: latentsweep recommend DATA, or latentsweep run --data DATA, with a table "
        "(.csv, .parquet),\nan array (.npy, or .npz with 'values' and 'labels') or a folder of "
        "images: docs/data.md"
    )

"""`latentsweep studies`: what is built in."""


def studies() -> None:
    """List the built-in studies."""
    from latentsweep.study import built_in_studies, load_study

    for name in built_in_studies():
        study = load_study(name)
        models = len(study.latent_sizes) * len(study.variants) * len(study.seeds)
        print(f"{name:14}{study.description} ({models} models)")
    print("\nRun one with 'latentsweep run NAME'; its run folder holds it as study.toml to edit.")

"""The tables that come with scikit-learn, by name; their classes are the labels.

References:
    Fisher (1936), The use of multiple measurements in taxonomic problems (iris); Wolberg, Street &
    Mangasarian (1995), Wisconsin diagnostic breast cancer; Aeberhard & Forina (1991), Wine; Efron
    et al. (2004), Least angle regression (diabetes).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import sklearn
from sklearn import datasets

from latentsweep.data.raw import Known, Raw
from latentsweep.data.sources import table
from latentsweep.study import Study


class _Bundled(NamedTuple):
    load: Callable[..., Any]
    classes: bool
    description: str


_LABEL = "class"
_ALL = {
    "iris": _Bundled(datasets.load_iris, True, "150 flowers of 3 species, 4 lengths"),
    "wine": _Bundled(datasets.load_wine, True, "178 wines of 3 growers, 13 measurements"),
    "breast_cancer": _Bundled(
        datasets.load_breast_cancer, True, "569 tumours of 2 kinds, 30 measurements of nuclei"
    ),
    "diabetes": _Bundled(datasets.load_diabetes, False, "442 patients, 10 measurements"),
    "linnerud": _Bundled(datasets.load_linnerud, False, "20 men, 3 exercises"),
}


def read(study: Study) -> Raw:
    """The table that a study names, its parts as it names them.

    Raises:
        DataError: the study names a column that is not there.
    """
    bundled = _ALL[study.data]
    found = bundled.load(as_frame=True)
    frame = found.data
    if bundled.classes:
        names = found.target_names.astype(str)
        frame = frame.assign(**{_LABEL: names[found.target.to_numpy()]})
        study = study.changed({"label": study.label or _LABEL})
    return table.parted(
        table.Named(study.data, f"scikit-learn {sklearn.__version__}", frame), study
    )


def known() -> list[Known]:
    """The tables, for people."""
    where, how = "scikit-learn", "comes with scikit-learn"
    return [Known(name, each.description, (where,), where, how) for name, each in _ALL.items()]

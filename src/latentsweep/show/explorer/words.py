"""Every word of the explorer, by the name that its template and its scripts call it.

Placeholders that no one fills in here are filled in by the page.
"""

from collections.abc import Mapping
from typing import Any

from latentsweep.language import _, pgettext
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style
from latentsweep.show.members import objectives


def words(run: RunFolder, *, runs: bool) -> dict[str, str]:
    """The page's words in the language of the moment.

    Args:
        runs: whether any network can run in the page.
    """
    manifest = run.manifest()
    item, items = sentences.item(manifest), sentences.items(manifest)
    named = {"item": item, "items": items, "data": manifest["data"]["name"]}
    image = bool(manifest["data"]["image"])
    told = {**_whole_page(), **_draw(image), **_maps(), **_item(), **_travel(), **_others()}
    told |= {} if runs else _at_rest()
    return {name: _filled(text, named) for name, text in told.items()} | {
        f"objective_{name}": style.TRAINED_WITH[name] for name in objectives(run.results())
    }


def _filled(text: str, named: Mapping[str, Any]) -> str:
    """A text with what is known of the data; other placeholders stay."""
    for name, value in named.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def _whole_page() -> dict[str, str]:
    return {
        "title": _("Play with {data}"),
        "lede": _(
            "One network a latent size is in this page and answers at once, offline: what each "
            "size makes of one {item}, and where that lies in its space."
        ),
        "skip": _("Skip to the drawing"),
        "undo": _("Undo"),
        "redo": _("Redo"),
        "reset": _("Start again"),
        "share": _("Copy address"),
        "shared": _("The address is copied: it opens this page as it stands now."),
        "not_shared": _("Copy the address from the address bar: it holds the page as it is."),
        "language": _("Language"),
        "history": _("Steps"),
        "objective": _("Networks"),
        "tools": _("Tools"),
        "about": _(
            "One seed a latent size. Pictures are decode(mean), and the nats under them are "
            "−log p(x | decode(mean)). Weights and codes are rounded to 16 bits, so that last "
            "digits differ from the report's."
        ),
        "cannot": _("This network cannot run in the page."),
        "test_item": _("test {item} {place}"),
    }


def _at_rest() -> dict[str, str]:
    """What is said otherwise where no network can run in the page."""
    return {
        "lede": _(
            "What each latent size made of one {item}, and where that lies in its space. These "
            "networks cannot run in the page: what is shown was decoded beforehand."
        ),
        "skip": _("Skip to the maps"),
        "shown_hint": _("Choose another in a map: every size shows what it made of it."),
        "about": _(
            "One seed a latent size. Pictures are decode(mean). Codes are rounded to 16 bits, so "
            "that last digits differ from the report's."
        ),
    }


def _draw(image: bool) -> dict[str, str]:
    hint = (
        _(
            "Draw with mouse or finger; with keys: arrows move, space puts the pen down and up. "
            "Every size encodes what you draw and decodes it again."
        )
        if image
        else _(
            "Drag across the bars to set values; with keys: arrows move, space starts and ends. "
            "Every size encodes the row and decodes it again."
        )
    )
    return {
        "draw": _("Draw"),
        "draw_here": _("Draw here") if image else _("Drag here"),
        "draw_hint": hint,
        "pad": _("The drawing: what every network is given"),
        "clear": _("Clear"),
        "over": _("on top of the {item}"),
        "fit": _("centred like the data"),
        "colour": _("Pen"),
        "seen": _("What the networks get"),
    }


def _maps() -> dict[str, str]:
    return {
        "spaces": _("Every size"),
        "spaces_hint": _(
            "Point at a dot to see its {item}, click it to choose it, drag around dots to select "
            "them in all maps. With keys: arrows go to the next {item} in that direction."
        ),
        "size": pgettext("heading of a latent size", "{size} dim."),
        "enlarge": _("Enlarge the map of size {size}"),
        "reconstruction_of": _("Reconstruction with latent size {size}"),
        "map_of": _("Map of latent size {size}"),
        "nats": _("{loss} nats"),
        "tsne": _("t-SNE"),
        "tsne_approximate": _("t-SNE, about here"),
        "codes": _("the codes themselves"),
        "two_dimensions": _("two dimensions of most KL"),
        "marks": _("Show"),
        "dots": _("dots"),
        "pictures": _("pictures"),
        "classes": _("Select a class"),
        "unselect": _("Unselect"),
        "search": _("Find"),
        "wanted": _("number or class"),
        "found_number": _("Test {item} {number}."),
        "found_class": _("Class {name} is selected."),
        "found_nothing": _("No class and no number is called “{text}”."),
        "found_nearest": _(
            "Test {item} {number} is not among those in the page; this is {nearest}."
        ),
        "selected": _("{count} of {total} selected"),
        "more": _("and {count} more"),
    }


def _item() -> dict[str, str]:
    return {
        "tab_item": _("Chosen {item}"),
        "item_hint": _(
            "What each size makes of it: its loss, its code (bars from the dimension of greatest "
            "KL on, to three standard deviations of the prior), and its nearest neighbours there. "
            "Click a neighbour to choose it."
        ),
        "your_drawing": _("your drawing"),
        "column_size": _("size"),
        "column_loss": _("−log p(x | decode(mean)), nats"),
        "column_neg_elbo": _("−ELBO as measured, nats"),
        "column_code": _("code"),
        "column_neighbours": _("nearest by code"),
        "code_words": _("The code: {values}"),
    }


def _travel() -> dict[str, str]:
    return {
        "tab_travel": _("Travel"),
        "travel_hint": _(
            "Drag across the plane, or move a slider: the decoded {item} follows. The plane can "
            "lie along two dimensions, the principal axes, or through the three {items} that were "
            "chosen last."
        ),
        "travel_size": _("Space of size"),
        "plane_kind": _("Plane"),
        "plane_dimensions": _("two dimensions"),
        "plane_principal": _("principal axes"),
        "plane_three": _("through three {items}"),
        "across": _("across"),
        "up": _("up"),
        "dimension": _("z{dimension} (KL {kl} nats)"),
        "plane": _("The plane: arrow keys move"),
        "decoded": _("decoded by size {size}"),
        "to_item": _("Go to the {item}"),
        "to_centre": _("Go to the centre"),
        "sliders": _("Active dimensions, by KL"),
        "sliders_note": _("Active dimensions: {active} of {size}; sliders: {shown}."),
        "beforehand": _(
            "This network cannot run in the page: it shows a lattice that was decoded beforehand."
        ),
        "no_plane": _("Choose three {items} that do not lie on a line."),
    }


def _others() -> dict[str, str]:
    return {
        "tab_walk": _("Walk"),
        "walk_hint": _(
            "Seven steps on a straight line between the codes of the two {items} chosen last, in "
            "every space at once. Click other {items} in the maps to walk elsewhere."
        ),
        "walk_lacking": _("Choose two {items} in the maps."),
        "walk_step": _("Latent size {size}, step {step} of {steps}"),
        "tab_prior": _("Sample"),
        "prior_hint": _(
            "Codes drawn from N(0, I), the prior, and decoded. Where a size has learned to fill "
            "the prior, they look like the data; the squares in its map are where they lie."
        ),
        "again": _("Sample again"),
        "sample": _("Latent size {size}, sample {place}"),
    }

"""A recommendation in words: the answer, what it holds for, what else is known."""

from collections.abc import Mapping
from typing import Any

from latentsweep.language import _, headed, marked, printed
from latentsweep.show.words.answer import answer_words, measure_words, named
from latentsweep.show.words.evidence import evidence_sentences, linear_sentence, losing_sentence
from latentsweep.show.words.remarks import doubt_sentence, remark_sentences, why_not_judged
from latentsweep.show.words.search import left_open
from latentsweep.show.words.setting import setting_words

SCOPE = marked(
    "It says nothing of another network, of longer or other training, of data from another source, "
    "or of another task: samples, classes or pictures to look at may want another size."
)


def recommendation_in_words(found: Mapping[str, Any]) -> dict[str, Any]:
    """A recommendation with its words; as it stands if they are all that it has."""
    if "reason" in found:
        return {**found, "sentence": why_not_judged(found["reason"])}
    if "setting" not in found:
        return dict(found)  # of a folder of an earlier version, or refused for its files
    setting, answer = setting_words(found["setting"]), answer_words(found)
    sentence = _("For {data}, {architecture}, {budget}: {answer}").format(**setting, answer=answer)
    before, after = linear_sentence(found["linear"]), doubt_sentence(found.get("doubt"))
    told = [" ".join(filter(None, (before, each, after))) for each in (headed(answer), sentence)]
    words = {
        **setting,
        "measure": measure_words(found),
        "answer": told[0],
        "sentence": told[1],
        "methods": _methods(found, setting),
        "scope": _(SCOPE),
        "evidence_sentences": evidence_sentences(found),
        "notes": [
            *(note for remark in found["remarks"] for note in remark_sentences(remark)),
            *filter(None, [losing_sentence(found["linear"])]),
        ],
    }
    if "ending" in found:
        words["open"] = left_open(found["ending"])
    return {**found, **words}


def _methods(found: Mapping[str, Any], setting: Mapping[str, str]) -> str | None:
    """The sentence for a paper; None where there is no size to report."""
    if found["latent_size"] is None:
        return None
    # Translators: {measure} is such as "held-out −ELBO", {criterion} such as "is at most 0.25".
    words = _(
        "The latent size of {size} is the smallest of those compared ({tried}) whose {measure} "
        "{criterion} (one-sided 95 % bound; {percent} set of sizes: {set}), for {architecture}, "
        "{budget}, compared on {count} held-out examples of {data} (latentsweep)."
    )
    told = {**named(found), "count": printed(found["setting"]["held_out"], ",")}
    return words.format(**told, **setting, size=found["latent_size"])

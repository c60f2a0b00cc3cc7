"""What was told apart from an answer's losses, in words, and whether plain means say the same."""

from latentsweep.answers.recommendation import Recommendation, Rule
from latentsweep.answers.wording import Measure, in_words
from latentsweep.language import _, ngettext, printed


def apart_sentences(found: Recommendation, rule: Rule, measure: Measure) -> list[str]:
    """What is absurd among the losses, and what it would do to the answer; mostly nothing."""
    apart, plain = found.apart, found.plain
    if apart is None or plain is None:
        return []
    told = []
    if apart.examples:
        words = ngettext(
            "On {count} held-out example some networks are absurd, with losses up to {worst}: it "
            "is like nothing that they were trained on. There a loss counts as 30 times the usual "
            "spread at most.",
            "On {count} held-out examples some networks are absurd, with losses up to {worst}: "
            "they are like nothing that those were trained on. There a loss counts as 30 times the "
            "usual spread at most.",
            apart.examples,
        )
        told.append(words.format(count=apart.examples, worst=printed(apart.worst, ".2g")))
    if apart.networks:
        words = _(
            "Set apart as absurd, being worse than no latent at all by more than there is to gain: "
            "{names}."
        )
        one = _("size {size} seed {seed}")
        names = ", ".join(one.format(size=size, seed=seed) for size, seed in apart.networks)
        told.append(words.format(names=names))
    same = _key(found) == _key(plain)
    words = _("Plain means, with all of that, give the same answer.")
    if not same:
        words = _("By plain means, with all of that, the answer would be: {answer}")
    return [*told, words.format(answer=in_words(plain, rule, measure))]


def _key(found: Recommendation) -> tuple[object, ...]:
    return found.status, found.latent_size, found.low, found.high

"""Answers in words: nothing is hidden, and nothing of another run is shown as if of this one."""

import json

import pytest

from latentsweep import language
from latentsweep.show import answers as showing
from latentsweep.show.answers import answers, fingerprint, published
from latentsweep.show.report import write_report
from shouting import catalogue, lower_case

RECOMMENDED = {
    "status": "ok",
    "criterion": "elbo",
    "latent_size": 8,
    "set": [8, 9],
    "confidence": 0.9,
    "sentence": "for digits, dense VAEs, 4 epochs: 8 latent dimensions (90 % set 8 to 9).",
    "evidence_sentences": ["The data's nearest neighbours read 6.1 to 8.0."],
    "scope": "It says nothing of another network.",
    "notes": ["The keras-blog models have no part in it."],
    "open": None,
}


def claim(verdict, sentence, objective="elbo", part="1", **more):
    return more | {
        "claim": "reconstruction",
        "part": part,
        "says": "The larger, the better",
        "objective": objective,
        "verdict": verdict,
        "sentence": sentence,
    }


FEW = "Too few seeds to tell (1 where 5 are needed): so far 2 of 2; 4 more seeds are needed."


LACKING = {"lacking": 4, "lacking_seconds": 3000.0}


@pytest.fixture
def shouting(monkeypatch):
    """In Portuguese, marked words are in capital letters while the test lasts."""
    monkeypatch.setattr(language, "_catalogue", catalogue)


@pytest.fixture
def run(usual_run):
    return usual_run


def published_in(name):
    with language.speaking(name):
        return published()


def test_a_run_that_was_not_answered_has_no_words(run):
    assert answers(run) is None


def test_verdicts_are_shown_and_open_ones_counted_once(run):
    claims = [
        claim("reproduced", "Every step helps."),
        claim("inconclusive", FEW, lacking=4),
        claim("inconclusive", FEW, "keras-blog", lacking=4),
        claim("inconclusive", "From 4 to 8 nothing is clear."),
        claim("not measured", "Not measured: latentsweep evaluate RUN measures it."),
        claim("not measured", "Not measured: latentsweep evaluate RUN measures it.", "keras-blog"),
    ]
    run.write_answers({"recommendation": RECOMMENDED, "claims": claims})
    found = answers(run)
    assert [(v.objective, v.verdict) for v in found.verdicts] == [("ELBO", "reproduced")]
    assert found.unjudged == (
        "2 verdicts on the report's claims can't be given yet: 4 more seeds are needed "
        "('latentsweep run' with --seeds). answers.json says what was seen.",
        "Not measured: latentsweep evaluate RUN measures it.",
        "Inconclusive: The larger, the better (ELBO). From 4 to 8 nothing is clear.",
    )
    assert found.recommended[0].startswith("For digits, dense VAEs")
    assert found.recommended[1:] == (
        "The data's nearest neighbours read 6.1 to 8.0.",
        "It says nothing of another network.",
        "The keras-blog models have no part in it.",
    )
    assert found.evidence == found.recommended[1:]
    assert found.published == ()
    assert found.published_recommended == ""


@pytest.mark.parametrize(
    ("lacking", "needed"),
    [
        ((LACKING, LACKING), "4 more seeds are needed and take about 50 min here"),
        (({"lacking": 1, "lacking_seconds": None}, LACKING), "4 more seeds are needed and take"),
        (({"lacking": 1, "lacking_seconds": None},), "1 more seed is needed ("),
        (({"lacking": 1, "lacking_seconds": 30.0},), "1 more seed is needed and takes about 30 s"),
    ],
)
def test_lacking_seeds_are_told_from_their_number(run, lacking, needed):
    claims = [claim("inconclusive", "Few. What else.", **each) for each in lacking]
    run.write_answers({"recommendation": RECOMMENDED, "claims": claims})
    (words,) = answers(run).unjudged
    count = "1 verdict on" if len(lacking) == 1 else "2 verdicts on"
    assert words.startswith(f"{count} the report's claims can't be given yet: {needed}")
    assert "('latentsweep run' with --seeds). answers.json says what was seen." in words


def test_seeds_that_are_there_and_lack_a_number_are_no_lack_of_seeds(run):
    claims = [claim("inconclusive", FEW, lacking=0, lacking_seconds=None)]
    run.write_answers({"recommendation": RECOMMENDED, "claims": claims})
    assert answers(run).unjudged == (f"Inconclusive: The larger, the better (ELBO). {FEW}",)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        ("reproduced", "yes"),
        ("reproduced up to 16", "partly"),
        ("not reproduced", "no"),
        ("inconclusive", "open"),
        ("not measured", "open"),
    ],
)
def test_a_verdict_has_its_words_and_its_state(run, shouting, verdict, state):
    up_to = 16 if state == "partly" else None
    claims = [claim(verdict, "Why.", up_to=up_to)]
    run.write_answers({"recommendation": RECOMMENDED, "claims": claims})
    found, told = answers(run), showing._verdict(claims[0])
    assert (told.verdict, told.state) == (verdict, state)
    assert (told in found.verdicts) == (state != "open")
    with language.speaking("pt"):
        told = showing._verdict(claims[0])
    assert (told.verdict, told.state) == (verdict.upper(), state)


def test_a_folder_of_an_earlier_version_is_told_in_the_words_that_it_has(run, shouting):
    """They are English; what is made anew is in the language of the moment."""
    mnist = run.manifest()
    mnist["data"]["name"] = "mnist"
    run.write_manifest({key: value for key, value in mnist.items() if key != "format"})
    claims = [claim("inconclusive", FEW, "keras-blog", **LACKING), claim("not measured", "Why.")]
    run.write_answers({"recommendation": RECOMMENDED, "claims": claims})
    with language.speaking("pt"):
        found = answers(run)
    assert found.recommended == answers(run).recommended
    assert not lower_case(found.unjudged[0])
    assert not lower_case(found.published_note)
    assert found.published_recommended == published_in("pt")["recommendation"]["answer"]


def test_the_project_s_own_verdicts_stand_beside_an_unjudged_run_of_mnist_alone(run):
    run.write_answers({"recommendation": RECOMMENDED, "claims": [claim("inconclusive", FEW)]})
    assert answers(run).published == ()
    manifest = run.manifest()
    manifest["data"]["name"] = "mnist"
    run.write_manifest({key: value for key, value in manifest.items() if key != "format"})
    found = answers(run)
    assert len(found.published) == len(published()["claims"]) == 18
    assert found.published_note.startswith("Not of this run: what latentsweep ")
    assert found.published_recommended.startswith(
        "16 or fewer (9 to 15 not tried) latent dimensions (90 % set 16); "
    )
    run.write_answers({"recommendation": RECOMMENDED, "claims": [claim("reproduced", "Yes.")]})
    assert answers(run).published == ()


def test_a_summary_changed_by_hand_is_noticed(monkeypatch, tmp_path):
    content = published()
    assert content["sha256"] == fingerprint(content)
    content["claims"][0]["verdict"] = "not reproduced"
    assert content["sha256"] != fingerprint(content)
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "mnist-claims.json").write_text(json.dumps(content))
    monkeypatch.setattr(showing.resources, "files", lambda _: tmp_path)
    with pytest.raises(AssertionError, match="changed by hand"):
        published()


def test_a_summary_has_its_sentences_in_every_language(shouting):
    english, other = published(), published_in("pt")
    assert list(english["told"]) == ["pt"]
    told = english["told"]["pt"]
    assert [claim["sentence"] for claim in other["claims"]] == told["claims"]
    assert other["recommendation"]["answer"] == told["answer"]
    assert not any(lower_case(claim["says"]) for claim in other["claims"])
    keys = set(english["claims"][0]) - {"part", "says", "sentence"}
    for one, its_other in zip(english["claims"], other["claims"], strict=True):
        assert {key: one[key] for key in keys} == {key: its_other[key] for key in keys}


def test_the_report_tells_them_and_lets_nothing_through(run, only_words):
    hostile = {**RECOMMENDED, "sentence": "for <script>alert(1)</script>: 8 latent dimensions."}
    claims = [claim("reproduced", 'Every "step" & <b>more</b>.')]
    run.write_answers({"recommendation": hostile, "claims": claims})
    page = write_report(run).read_text()
    assert "8 latent dimensions for made &lt;up&gt;" in page
    assert "For &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>more</b>" not in page
    assert ">reproduced</strong>" in page

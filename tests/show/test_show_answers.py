"""Answers in words: nothing is hidden, and nothing of another run is shown as if of this one."""

import json

import pytest

from latentsweep.show import answers as showing
from latentsweep.show.answers import answers, fingerprint, published
from latentsweep.show.report import write_report

RECOMMENDED = {
    "status": "ok",
    "latent_size": 8,
    "set": [8, 9],
    "sentence": "for digits, dense VAEs, 4 epochs: 8 latent dimensions (90 % set 8 to 9).",
    "evidence_sentences": ["The data's nearest neighbours read 6.1 to 8.0."],
    "scope": "It says nothing of another network.",
    "notes": ["The keras-blog models have no part in it."],
    "open": None,
}


def claim(verdict, sentence, objective="elbo", part="1"):
    return {
        "claim": "reconstruction",
        "part": part,
        "says": "The larger, the better",
        "objective": objective,
        "verdict": verdict,
        "sentence": sentence,
    }


FEW = "Too few seeds to tell (1 where 5 are needed): so far 2 of 2; 4 more seeds are needed."


@pytest.fixture
def run(usual_run):
    return usual_run


def test_a_run_that_was_not_answered_has_no_words(run):
    assert answers(run) is None


def test_verdicts_are_shown_and_open_ones_counted_once(run):
    claims = [
        claim("reproduced", "Every step helps."),
        claim("inconclusive", FEW),
        claim("inconclusive", FEW, "keras-blog"),
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
    assert found.published == ()


def test_the_project_s_own_verdicts_stand_beside_an_unjudged_run_of_mnist_alone(run):
    run.write_answers({"recommendation": RECOMMENDED, "claims": [claim("inconclusive", FEW)]})
    assert answers(run).published == ()
    manifest = run.manifest()
    manifest["data"]["name"] = "mnist"
    run.write_manifest({key: value for key, value in manifest.items() if key != "format"})
    found = answers(run)
    assert len(found.published) == len(published()["claims"]) == 18
    assert found.published_note.startswith("Not of this run: what latentsweep ")
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


def test_the_report_tells_them_and_lets_nothing_through(run):
    hostile = {**RECOMMENDED, "sentence": "for <script>alert(1)</script>: 8 latent dimensions."}
    claims = [claim("reproduced", 'Every "step" & <b>more</b>.')]
    run.write_answers({"recommendation": hostile, "claims": claims})
    page = write_report(run).read_text()
    assert "How many dimensions" in page
    assert "For &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>more</b>" not in page
    assert "<strong>reproduced</strong>" in page

"""What the pages let run: their own scripts, by their hashes, and nothing that names bring in."""

import re
from pathlib import Path

import pytest

from latentsweep.show.explorer.page import explorer
from latentsweep.show.policy import allowed

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
SCRIPT = re.compile(r"<script(?! type=\"application/json\")[^>]*>(.*?)</script>", re.S)
INJECTED = """
<script>window.injected = 1</script>
<script src="data:text/javascript,window.injected = 2"></script>
<img src="x" onerror="window.injected = 3">
</body>"""
POSTED = """() => {
  const blocked = new Promise((told) => document.addEventListener(
    "securitypolicyviolation", (event) => told(event.effectiveDirective)));
  const form = document.createElement("form");
  form.action = "http://127.0.0.1:9/"; form.method = "post";
  document.body.append(form); form.submit();
  return blocked;
}"""


def page_of(kind: str, run_of, report_of) -> str:
    if kind == "explorer":
        return explorer(run_of("usual"), "en")
    return report_of("usual").report_path.read_text("utf-8")


@pytest.mark.parametrize("kind", ["explorer", "report"])
def test_the_policy_names_each_script_of_the_page_and_nothing_else(kind, run_of, report_of):
    page = page_of(kind, run_of, report_of)
    (policy,) = POLICY.findall(page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    scripts = SCRIPT.findall(page)
    sources = rules["script-src"].removeprefix("'strict-dynamic' ")
    assert scripts
    assert sources == allowed(scripts)
    assert (rules["default-src"], rules["form-action"], rules["base-uri"]) == ("'none'",) * 3


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["explorer", "report"])
def test_what_is_injected_into_a_page_neither_runs_nor_posts(
    kind, run_of, report_of, browser, tmp_path: Path
):
    file = tmp_path / "page.html"
    page = page_of(kind, run_of, report_of)
    assert page.count("</body>") == 1
    file.write_text(page.replace("</body>", INJECTED), "utf-8")
    tab = browser.new_page()
    tab.goto(file.as_uri())
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.injected") is None
    assert tab.evaluate("typeof (window.latentsweep ?? window.Bokeh)") in ("object", "function")
    assert tab.evaluate(POSTED) == "form-action"
    tab.close()

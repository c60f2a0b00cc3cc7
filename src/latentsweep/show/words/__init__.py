"""The sentences: facts and reason codes of a run, told in the language of the moment."""

"""Four words in one order, and what becomes of all others."""

import pytest

from lookout.alerts.severity import SYNONYMS, Severity, severity_of, worst


@pytest.mark.parametrize("severity", Severity)
def test_the_four_words_mean_themselves(severity: Severity) -> None:
    assert severity_of({"severity": severity.value}) is severity


def test_the_order_is_critical_error_warning_info() -> None:
    by_rank = sorted(Severity, key=lambda severity: severity.rank, reverse=True)
    assert by_rank == [Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO]


@pytest.mark.parametrize("word", ["CRITICAL", " critical ", "Critical\n"])
def test_case_and_space_do_not_matter(word: str) -> None:
    assert severity_of({"severity": word}) is Severity.CRITICAL


@pytest.mark.parametrize("word", SYNONYMS)
def test_synonyms_are_known(word: str) -> None:
    assert severity_of({"severity": word.upper()}) is SYNONYMS[word]


@pytest.mark.parametrize("labels", [{}, {"severity": "P0"}, {"severity": "rank"}], ids=["none", "unknown", "attribute"])
def test_an_unknown_word_is_a_warning(labels: dict[str, str]) -> None:
    assert severity_of(labels) is Severity.WARNING


def test_configured_synonyms_replace_the_defaults() -> None:
    assert severity_of({"severity": "p1"}, {"p1": Severity.ERROR}) is Severity.ERROR
    assert severity_of({"severity": "page"}, {"p1": Severity.ERROR}) is Severity.WARNING


def test_a_synonym_cannot_redefine_one_of_the_four() -> None:
    assert severity_of({"severity": "info"}, {"info": Severity.CRITICAL}) is Severity.INFO


def test_without_the_label_the_annotation_of_that_name_counts() -> None:
    assert severity_of({}, annotations={"severity": "page"}) is Severity.CRITICAL
    assert severity_of({"severity": "info"}, annotations={"severity": "page"}) is Severity.INFO


def test_the_worst_is_the_highest() -> None:
    assert worst([Severity.INFO, Severity.ERROR, Severity.WARNING]) is Severity.ERROR

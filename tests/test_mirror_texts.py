"""What a mirror says in its README, in its example, and for a changelog."""

from backprop_lift.mirror.distribution import badge, distribution_files
from backprop_lift.mirror.example import example_of
from backprop_lift.mirror.ledger import Finding, Ledger
from backprop_lift.mirror.plan import Line, Page, Plan
from backprop_lift.mirror.summary import changes


def payment(rate, periods, value=0.0):
    """Payment of a loan.

    >>> payment(rates, 12)  # doctest: +SKIP
    >>> payment(3, 12)  # doctest: +SKIP
    >>> result = loans.payment(0.05 / 12, periods=12 * 15)  # doctest: +SKIP
    """
    return rate * value / periods


def growth(years):
    """Growth of a sum, without an example."""
    return years**2


def _plan(*lines, absent=None, licence="MIT"):
    page = Page("loans", lines, (), (), (), False, "")
    return Plan("loans", "Loans", "1.2", "loans_bp", licence, (page,), absent or {})


def _line(function, status="composite", differentiable=("rate", "periods"), reason=""):
    name = function.__name__
    return Line(name, "function", f"loans.{name}", status, differentiable, reason, function)


# --- the example --------------------------------------------------------------------------------


def test_example_is_a_call_of_a_docstring_with_numbers_alone():
    source = example_of(_plan(_line(growth), _line(payment)))

    assert source == (
        "from backprop_lift import grad_bp\n"
        "from loans_bp import payment\n"
        "\n"
        "grad_bp(lambda rate: payment(rate, periods=12 * 15), 0.05 / 12)"
    )


def test_example_moves_only_what_is_differentiable():
    source = example_of(_plan(_line(payment, differentiable=("periods",))))

    assert "lambda periods: payment(0.05 / 12, periods=periods), 12 * 15)" in source


def test_example_is_left_away_where_no_docstring_has_one():
    assert example_of(_plan(_line(growth, differentiable=("years",)))) == ""


def test_example_takes_no_function_that_refuses():
    assert example_of(_plan(_line(payment, status="noGrad"))) == ""


# --- the README ---------------------------------------------------------------------------------


def _readme(plan):
    return distribution_files(plan, {}, "backprop-lift>=0.1")["README.md"]


def test_readme_says_how_much_can_be_differentiated_and_what_cannot():
    plan = _plan(_line(payment), _line(growth, "noGrad", (), "no sample"))

    text = _readme(plan)

    assert "1 of 2 functions and classes can be differentiated" in text
    assert "- no sample: `growth`" in text


def test_readme_names_the_modules_that_are_left_out():
    text = _readme(_plan(_line(payment), absent={"loans.gui": "no toolkit"}))

    assert "## Left out\n\n- `loans.gui`: no toolkit" in text


def test_readme_says_so_where_no_licence_is_found():
    assert "No licence of the package was found" in _readme(_plan(_line(payment), licence=""))


def test_pyproject_needs_the_package_and_this_library_without_extras():
    text = distribution_files(_plan(_line(payment)), {"NOTICE": ""}, "backprop-lift>=0.1")

    assert 'dependencies = ["backprop-lift>=0.1", "Loans>=1.2"]' in text["pyproject.toml"]
    assert 'license-files = ["NOTICE"]' in text["pyproject.toml"]


def test_badge_shows_the_share():
    assert ">87 %</text>" in badge(7, 8)


# --- the changelog ------------------------------------------------------------------------------


def _ledger(version="1.2", **statuses):
    findings = [
        Finding(f"loans.{name}", "-", status, detail=f"because of {name}")
        for name, status in statuses.items()
    ]
    return Ledger(findings, {"loans": version})


def test_changes_are_none_between_equals():
    assert changes(_ledger(pay="composite"), _ledger(pay="composite"), "loans") == ""


def test_changes_name_what_came():
    text = changes(_ledger(pay="noGrad"), _ledger(pay="composite", grow="lifted"), "loans")

    assert (
        text == "### Added\n\n- Gradients of 2 functions of loans 1.2: `loans.grow`, `loans.pay`."
    )


def test_changes_count_what_came_where_it_is_much():
    many = {f"f{i}": "composite" for i in range(40)}

    text = changes(Ledger(), _ledger(**many), "loans")

    assert text == "### Added\n\n- Gradients of 40 functions and methods of loans 1.2."


def test_changes_say_why_a_gradient_went():
    before = _ledger(pay="composite", grow="lifted", gone="composite")
    after = _ledger(pay="noGrad", grow="composite")

    text = changes(before, after, "loans")

    assert text == (
        "### Changed\n\n"
        "- `loans.grow` is composite, and was lifted.\n\n"
        "### Removed\n\n"
        "- `loans.gone`, which is gone from loans.\n"
        "- The gradient of `loans.pay`: because of pay."
    )

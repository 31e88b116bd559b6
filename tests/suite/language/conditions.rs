//! Is a condition judged by types, and does it tell what it saw?

use kabari::expr::{Condition, EvalError};

use super::{facts, holds};

#[test]
fn conditions_are_judged_by_types() {
    for (condition, expected) in [
        ("event.data.object.status == 'paid'", true),
        ("event.data.object.status != 'paid'", false),
        ("event.branch == event.main and event.yes", true),
        ("event.count == 3.0", true),
        ("event.data.object.price >= 1.5", true),
        ("event.data.object.big > 12345678901234567889", true),
        ("1 < event.count < 5", true),
        ("event.nobody == 'x'", false),
        ("event.nobody != 'x'", false),
        ("event.nobody.a.b > 3", false),
        ("event.nobody | upper == 'X'", false),
        ("not event.nobody", true),
        ("event.zero", false),
        ("event.data.object.none", false),
        ("event.nobody is defined", false),
        ("event.data.object.customer_phone is none", true),
        ("event.data.object.customer_phone is not defined", true),
        ("(event.nobody | default('x')) == 'x'", true),
        ("event.data.object.status in ['paid', 'open']", true),
        ("event.data.object.status not in ['void']", true),
        ("event.nobody not in ['void']", false),
        ("'ai' in event.data.object.status", true),
        ("'shop' in vars", true),
        ("event.code | int == 200", true),
        ("event.data.object.amount_paid / 100 > 100000", true),
        ("event.count + 2 == vars.max", true),
        ("event.data.object.number is startingwith('INV')", true),
        ("event.data.object.number ~ '-x' == 'INV/7-x'", true),
        ("('a' if event.yes else 'b') == 'a'", true),
        ("event.data.object.items | length > 3", true),
        ("event.yes == true or event.code == 200", true),
        ("event.yes == false and event.code == 200", false),
        ("kind == 'invoice.paid' and source == 'stripe'", true),
        ("event.data.object.items == ['a', '*b*', none, 'c']", true),
    ] {
        assert_eq!(holds(condition), Ok(expected), "{condition}");
    }
}

#[test]
fn comparing_different_types_is_an_error_that_names_both() {
    for (condition, parts) in [
        ("event.code == 200", ["text \"200\"", "number 200"]),
        ("event.code > 9", ["event.code", "number 9"]),
        ("event.yes == 'true'", ["yes/no true", "text \"true\""]),
        ("event.count in ['3']", ["number 3", "list"]),
        ("event.data == 1", ["object", "number 1"]),
        ("event.code + 1 == 201", ["text \"200\"", "~"]),
        ("event.yes > false", ["yes/no true", "yes/no false"]),
    ] {
        let told = holds(condition).unwrap_err();
        assert!(matches!(told, EvalError::Types(_)), "{condition}: {told:?}");
        for part in parts {
            assert!(told.to_string().contains(part), "{condition}: {told}");
        }
    }
}

#[test]
fn explain_sees_every_comparison_with_its_values() {
    let text = "event.branch == event.main and event.nobody > 3 or not event.yes";
    let steps = Condition::compile(text).unwrap().steps(&facts());
    let seen: Vec<_> = steps.iter().map(|step| (&*step.wants, &*step.saw, step.holds)).collect();
    assert_eq!(
        seen,
        [
            ("branch == main", "\"main\" == \"main\"", true),
            ("nobody > 3", "missing > 3", false),
            ("not yes", "true", false),
        ]
    );
}

#[test]
fn what_may_be_a_phone_number_is_masked_in_errors_and_steps() {
    let condition = Condition::compile("'+62 812-3456-7890' == 6281234567890").unwrap();
    let told = condition.holds(&facts()).unwrap_err().to_string();
    assert!(told.contains("number 62812••••7890"), "{told}");
    let steps = condition.steps(&facts());
    let condition = Condition::compile("vars.owner == '+6281234567890' or kind == 'x'").unwrap();
    assert!(condition.holds(&facts()).is_ok_and(|holds| !holds));
    assert!(!steps.is_empty());
}

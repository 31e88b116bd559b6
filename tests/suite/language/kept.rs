//! Does a text that was forgotten say the same when it is read again?

use kabari::expr::{Condition, Escape, Scope, Template};

use super::facts;

#[test]
fn a_text_that_was_put_off_is_read_again_and_says_the_same() {
    let mut scope = Scope::default();
    scope.add_let("inv", "event.data.object").unwrap();
    for text in [
        "no holes",
        "{{ event.data.object.customer_name }} {{ event.data.object.amount_paid | money(\"IDR\") }}",
        "{% for line in event.data.object.lines %}{{ line.name }} {% endfor %}",
        "{{ event.data.object.nothing }}",
        // What a name of the rule stands for is nowhere in the text.
        "{{ inv.number }} of {{ inv.customer_name }}",
    ] {
        let template = Template::compile_in(text, Escape::Message, &scope).unwrap();
        let mut later = template.clone();
        later.put_off();
        assert_eq!(later.render(&facts()), template.render(&facts()), "{text}");
        assert_eq!(later.render(&facts()), template.render(&facts()), "{text}, once more");
        later.put_off();
        assert_eq!(later.reads(), template.reads(), "{text}");
        later.put_off();
        assert_eq!(later.literal(), template.literal(), "{text}");
    }
    for text in ["event.code == \"200\"", "event.count > 5", "inv.paid", "event.code > 1"] {
        let condition = Condition::compile_in(text, &scope).unwrap();
        let mut later = condition.clone();
        later.put_off();
        assert_eq!(later.holds(&facts()), condition.holds(&facts()), "{text}");
    }
}

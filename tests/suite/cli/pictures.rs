//! Do the commands look as they are meant to? Whole pictures, as people see them.

use super::{Said, home_with};

const RULES: &str = r#"wachat: { token: "${WACHAT_TOKEN}", instance: toko }
sources:
  midtrans: { secret: "${MIDTRANS_SERVER_KEY}" }
  stripe: { secret: "${STRIPE_SECRET}" }
rules:
  - name: receipt
    source: stripe
    kind: checkout.session.completed
    send:
      number: "6281211110001"
      message: Pesanan #42 lunas, terima kasih
  - name: settled
    source: midtrans
    send:
      number: "6281211110001"
      message: |
        Uang *{{ event.gross_amount | rupiah }}* sudah masuk.
"#;

#[test]
fn check_points_at_each_mistake_and_ends_with_a_count_and_what_is_not_set() {
    let home = home_with(RULES, "http://127.0.0.1:1");
    let said = Said::from(home.say(&["check", "--rules", "rules.yaml"], "")).is(1);
    let (unset, rest) = said.out.split_once("\n\n").unwrap();
    assert!(unset.starts_with("warning[unset-variable]"), "{unset}");
    let expected = r#"error[yaml-comment]: ` #` starts a comment: the text would be just "Pesanan"
  --> rules.yaml:11:24
   |
11 |       message: Pesanan #42 lunas, terima kasih
   |                        ^^^^^^^^^^^^^^^^^^^^^^^ not part of the text
   |
   = in: rules[0] receipt, send.message
   = help: put the text in quotes: message: "Pesanan #42 lunas, terima kasih"

error[unknown-filter]: there is no filter `rupiah`
  --> rules.yaml:17:39
   |
17 |         Uang *{{ event.gross_amount | rupiah }}* sudah masuk.
   |                                       ^^^^^^
   |
   = in: rules[1] settled, send.message
   = help: write `money("IDR")`

rules.yaml: 2 rules, 2 sources: 2 errors, 1 warning. Not set here: MIDTRANS_SERVER_KEY.
A running server keeps its last good file.
"#;
    assert_eq!(rest, expected);
}

#[test]
fn check_shows_all_variables_that_are_not_set_in_one_block() {
    let text = r#"wachat: { token: "${NO_TOKEN}", instance: toko }
sources:
  midtrans: { secret: "${NO_KEY}" }
  stripe: { secrets: ["${NO_KEY}", "${NO_OTHER:-x}-and-sixteen-more"] }
"#;
    let home = home_with(text, "http://127.0.0.1:1");
    let said = Said::from(home.say(&["check", "--rules", "rules.yaml"], "")).is(0);
    let expected = "\
warning[unset-variable]: 2 variables are not set here
 |
 = NO_TOKEN: rules.yaml:1:19 wachat.token
 = NO_KEY: rules.yaml:3:24 sources.midtrans.secret
 = NO_KEY: rules.yaml:4:24 sources.stripe.secrets[0]
 = help: set them in the environment, or write `${NAME:-default}`

rules.yaml: 0 rules, 2 sources: 0 errors, 3 warnings. Not set here: NO_TOKEN, NO_KEY.
";
    assert_eq!(said.out, expected);
}

const TEAM: &str = r#"wachat: { token: "${WACHAT_TOKEN}", instance: ops }
sources:
  github: { secret: "${GITHUB_SECRET}" }
rules:
  - name: ci-broke
    source: github
    kind: workflow_run.completed
    match:
      workflow_run.conclusion: [failure, timed_out]
    when: event.workflow_run.head_branch == event.repository.default_branch
    send: { number: "6281311110001", message: CI is red }
  - name: released
    source: github
    kind: release.published
    send: { number: "6281311110001", message: a release }
"#;

#[test]
fn explain_shows_what_was_wanted_what_was_there_and_how_to_try_it() {
    let body = r#"{"action":"completed","repository":{"default_branch":"main"},
                   "workflow_run":{"conclusion":null,"head_branch":"main"}}"#;
    let home = home_with(TEAM, "http://127.0.0.1:1");
    let words = ["explain", "--source", "github", "--kind", "workflow_run", "-"];
    let said = Said::from(home.say(&words, body)).is(0);
    let expected = "\
event  github workflow_run.completed   from standard input: signature and duplicates not checked

✗ ci-broke                                                          rules.yaml:5
    ✓ kind   workflow_run.completed
    ✗ match  workflow_run.conclusion   wants \"failure\" or \"timed_out\"
                                       saw   null                             :9
    ✓ when   head_branch == default_branch   \"main\" == \"main\"                :10
· 1 rule wants another kind (--all shows them)

No message. Closest: ci-broke, 1 condition short.
Try it:  kabari explain … --set workflow_run.conclusion=failure
";
    assert_eq!(said.out, expected);
    let set = ["--set", "workflow_run.conclusion=failure"];
    Said::from(home.say(&[&words[..], &set].concat(), body)).is(0).says(&["would be sent"]);
}

#[test]
fn a_sample_is_found_by_its_kind_and_by_its_preset_though_both_may_have_a_slash() {
    let text = r#"wachat: { token: "${WACHAT_TOKEN}", instance: ops }
sources:
  shopify: { secret: "${STRIPE_SECRET}" }
  stripe: { secret: "${STRIPE_SECRET}" }
"#;
    let home = home_with(text, "http://127.0.0.1:1");
    for (words, kind) in [
        (&["--source", "shopify", "--sample", "orders/paid"][..], "shopify orders/paid"),
        (&["--sample", "shopify/orders/paid"], "shopify orders/paid"),
        (&["--source", "stripe", "--sample", "invoice.paid"], "stripe invoice.paid"),
        (&["--sample", "stripe/invoice.paid"], "stripe invoice.paid"),
        (&["--source", "stripe", "--sample", "stripe/invoice.paid"], "stripe invoice.paid"),
    ] {
        let said = super::run(&home, &[&["explain"][..], words].concat()).is(0);
        said.says(&[&format!("event  {kind}")]);
    }
    let words = ["explain", "--source", "shopify", "--sample", "orders/paide"];
    super::run(&home, &words).is(1).says(&["there is no sample shopify/orders/paide"]);
    let words = ["explain", "--sample", "nobody/push"];
    super::run(&home, &words).is(1).says(&["there is no sample nobody/push"]);
}

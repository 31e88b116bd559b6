//! What is a request to fuzz sent to? One pipeline with a source of each scheme.

use std::path::PathBuf;
use std::sync::LazyLock;

use jiff::Timestamp;
use kabari::config::{LoadOptions, load_text};
use kabari::model::EventId;
use kabari::pipeline::Pipeline;
use kabari::verify::Request;

const RULES: &str = r#"
wachat: { token: unused, instance: fuzz }
sources:
  github: { secret: fuzz-secret-of-some-length }
  stripe: { secret: fuzz-secret-of-some-length }
  standard-webhooks: { secret: whsec_ZnV6ei1zZWNyZXQtb2Ytc29tZS1sZW5ndGg= }
  standard-webhooks-v1a: { secret: whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4= }
  paddle: { secret: fuzz-secret-of-some-length }
  recurly: { secret: fuzz-secret-of-some-length }
  zendesk: { secret: fuzz-secret-of-some-length }
  mercadopago: { secret: fuzz-secret-of-some-length }
  netlify: { secret: fuzz-secret-of-some-length }
  contentful: { secret: fuzz-secret-of-some-length }
  paypal: { secret: fuzz-secret-of-some-length }
  twilio: { secret: fuzz-secret-of-some-length, url: https://hooks.shop.example/hooks/twilio }
  postmark-basic: { secret: "user:fuzz-secret-of-some-length" }
rules:
  - name: everything
    source: github
    match: { action: [{ exists: true }], a.b: [{ numeric: [">", 1] }, { prefix: x }] }
    when: event.a.c == 1 or event.action == "opened"
    send:
      number: "{{ event.number | default('+62 812-3456-7890') }}"
      message: "{{ event.a.b | text | truncate(20) }} {{ event.title | first_line | code }}"
"#;

/// A source of each shape of signature, and one rule.
pub static PIPELINE: LazyLock<Pipeline> = LazyLock::new(|| {
    let options = LoadOptions { lenient: false, variable: &|_| None };
    match load_text(PathBuf::from("rules.yaml"), RULES.to_owned(), &options) {
        Ok(loaded) => loaded.pipeline,
        Err(report) => panic!("{}", report.render(false)),
    }
});

/// A request that arrived at [`now`].
pub fn request(source: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Request::new(
        EventId(uuid::Uuid::nil()),
        now(),
        source,
        "POST",
        format!("/hooks/{source}"),
        headers.collect(),
        body.to_vec().into(),
    )
}

/// A fixed time: what is found can be found again.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time in range")
}

//! What kinds of mistakes are there?

/// A kind of mistake, by the short name that a report has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// As in `error[unknown-key]`.
    pub name: &'static str,
    /// Whether it may be a warning, which `kabari check --allow` silences.
    pub warns: bool,
    /// What it says.
    pub meaning: &'static str,
}

const fn error(name: &'static str, meaning: &'static str) -> Code {
    Code { name, warns: false, meaning }
}

const fn warning(name: &'static str, meaning: &'static str) -> Code {
    Code { name, warns: true, meaning }
}

/// All of them, sorted.
pub static CODES: &[Code] = &[
    error("address", "no address with a port"),
    error("admin-open", "the admin address can be reached from outside, and there is no token"),
    error("alias", "aliases make the file grow without measure, or stand inside what they name"),
    warning("audio-caption", "sound with a `message`, which WhatsApp does not show"),
    error("bad-burst", "a burst of nothing"),
    error("bad-header", "no name of a header"),
    error("bad-in-flight", "nothing could ever be on its way"),
    error("bad-scheme", "not exactly one way to verify"),
    error("bad-signed", "a signed text that this program cannot build"),
    error("base-url", "no address, or one over which the token would travel unencrypted"),
    error("broken-presets", "the program was built with a broken table"),
    error("compares-none", "a comparison with `none`, which never holds"),
    error("documents", "a second YAML document"),
    error("duplicate-key", "a key that stands there twice"),
    error("duplicate-name", "two rules of one name, in this file or another"),
    error("empty-secret", "a secret with nothing in it: anyone could sign"),
    error("event", "a test's event that cannot be made"),
    warning("file-type", "the ending of `fileName` is not that of `mimetype`"),
    error("impossible-field", "fields that cannot go together"),
    warning("include", "an included file that is not there or cannot be read"),
    warning("literal-type", "a literal of another type than the sender writes there"),
    error("match-path", "a path of `match` that begins outside the body"),
    error("missing-field", "a field of `send` that its type needs"),
    error("missing-header", "a scheme without the header of its signature"),
    error("missing-key", "a key that is needed"),
    error("name-taken", "a name that templates have for something else"),
    warning("never-matches", "a pattern that no event can fit"),
    warning("no-file-name", "a document without `fileName`, which the phone shows without a name"),
    error("no-id", "a source that does not say by what a second delivery is recognised"),
    error("no-secret", "a source without a secret"),
    error("no-template", "a text where a template is needed"),
    error("no-timestamp", "a signed text with a time that comes from nowhere"),
    error("not-yet", "what a later version will know"),
    warning("number", "a number, written out, that cannot be one"),
    warning("page-as-media", "a web page as `mediaUrl`, where Wachat needs a file"),
    warning("secret-in-clear", "a secret that stands in the file itself"),
    warning("sent-twice", "a send whose recipients get the same from another rule"),
    warning("short-secret", "a secret that could be found by trying"),
    error("syntax", "a template or condition that cannot be read"),
    warning("test-events", "test events reach people, and the rule does not tell them apart"),
    error("timezone", "no time zone"),
    error("too-deep", "values nested too deep"),
    error("too-large", "a file that is too large"),
    error("too-long", "a template or condition that is too long"),
    error("type", "a value of the wrong type"),
    error("unknown-block", "a `{% … %}` that there is not"),
    error("unknown-filter", "a filter that there is not"),
    error("unknown-function", "a function that there is not"),
    error("unknown-key", "a key that there is not"),
    warning("unknown-kind", "a kind that its sender does not send"),
    error("unknown-method", "a method that there is not"),
    error("unknown-name", "a name that templates do not know"),
    warning("unknown-path", "a path that no built-in event of the sender has"),
    error("unknown-preset", "a preset that there is not"),
    error("unknown-source", "a source that is not configured"),
    error("unknown-test", "a test after `is` that there is not"),
    error("unknown-value", "a word that is not among those allowed"),
    warning("unreadable-file", "a file that cannot be read"),
    warning("unset-variable", "a variable that is not set; an error for `kabari serve`"),
    warning("unsigned-timestamp", "a time that is not under the signature"),
    error("unsupported", "a part of the template language that is not here"),
    warning("unused", "a setting that has no effect here"),
    error("value", "a value that cannot be used"),
    error("variable", "a `${` that begins no variable, or stands where none is filled in"),
    error("wrong-arguments", "a filter or function with the wrong arguments"),
    error("yaml-comment", "a ` #` that cuts a text"),
    error("yaml-key", "a key that is no text"),
    error("yaml-merge", "a `<<` without a mapping"),
    error("yaml-null", "no value where a text is needed"),
    error("yaml-quote", "a quote that is not closed, or closed too early"),
    error("yaml-syntax", "a text that YAML reads as something else"),
    error("yaml-tab", "a tab in front of a line"),
    error("yaml-tag", "a `!` that YAML takes for a tag"),
    error("yaml-template", "a template without quotes"),
    error("yaml-type", "a text that YAML would change"),
];

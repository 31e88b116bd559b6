//! How does an editor know what a pattern may be?

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::Pattern;

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let nested = generator.subschema_for::<Self>();
        json_schema!({
            "description": "Paths into the body, nested or dotted, each with a literal or a list \
                of alternatives of which one has to hold. All paths have to hold; those that go \
                through the same list, in the same element of it.",
            "type": "object",
            "properties": {
                "$or": {
                    "description": "Two patterns or more, of which one has to match beside the \
                        paths next to it. What a branch wants at a path replaces what is wanted \
                        there outside of it.",
                    "type": "array",
                    "items": nested,
                    "minItems": 2,
                },
            },
            "additionalProperties": {
                "anyOf": [
                    literal(),
                    {
                        "description": "Alternatives: one of them has to hold.",
                        "type": "array",
                        "items": { "anyOf": [literal(), operators()] },
                        "minItems": 1,
                    },
                    nested,
                ],
            },
        })
    }
}

fn literal() -> Value {
    json!({
        "description": "Exactly this value; a text never equals a number.",
        "type": ["string", "number", "boolean", "null"],
    })
}

fn operators() -> Value {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    json!({
        "description": "One operator.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
        "properties": {
            "exists": {
                "description": "true: something is there, if only null. false: nothing is.",
                "type": "boolean",
            },
            "prefix": affix("A text that begins so."),
            "suffix": affix("A text that ends so."),
            "equals-ignore-case": text("A text that is this but for its case."),
            "anything-but": anything_but(),
            "numeric": numeric(),
            "wildcard": text("A text that looks so: `*` is anything, `\\*` a star."),
            "shellstyle": text("`wildcard` as Quamina writes it, without `\\`."),
            "cidr": text("A text that is an address of this network, as `10.0.0.0/8`."),
            "regex": text(
                "A text in which this regular expression is found (of the crate `regex`: no \
                 looking around, no back references); `^` and `$` tie it to the ends.",
            ),
        },
    })
}

fn affix(description: &str) -> Value {
    json!({
        "description": description,
        "anyOf": [
            { "type": "string" },
            {
                "description": "In any case.",
                "type": "object",
                "properties": { "equals-ignore-case": { "type": "string" } },
                "required": ["equals-ignore-case"],
                "additionalProperties": false,
            },
        ],
    })
}

fn anything_but() -> Value {
    let one_or_more =
        |one: Value| json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] });
    let texts = one_or_more(json!({ "type": "string" }));
    json!({
        "description": "A value that is none of these. `[null, \"\"]` says: has a value.",
        "anyOf": [
            literal(),
            { "type": "array", "items": literal(), "minItems": 1 },
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "prefix": one_or_more(affix("It does not begin so.")),
                    "suffix": one_or_more(affix("It does not end so.")),
                    "equals-ignore-case": texts,
                    "wildcard": texts,
                    "shellstyle": texts,
                },
            },
        ],
    })
}

fn numeric() -> Value {
    let sign = json!({ "enum": ["<", "<=", "=", ">=", ">"] });
    let number = json!({ "type": "number" });
    json!({
        "description": "A number within one bound or two, compared as exact decimals: \
            `[\">\", 0, \"<=\", 100]`.",
        "type": "array",
        "prefixItems": [sign, number, sign, number],
        "items": false,
        "minItems": 2,
        "maxItems": 4,
    })
}

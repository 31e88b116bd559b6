//! Over what did the first users of the rule file stumble, and which test keeps it mended?

use std::path::{Path, PathBuf};

/// What went wrong once, and the tests of it: a function, or a wrong rule file of `tests/config/bad`.
const STUMBLES: &[(&str, &[&str])] = &[
    (
        "null was printed as `None`",
        &["a_missing_value_is_an_error_that_says_how_far_the_path_exists"],
    ),
    (
        "a chain of defaults gave the number `None`",
        &["every_example_of_the_table_of_filters_prints_what_it_says"],
    ),
    (
        "a default did not help where the path before it ended",
        &["templates_print_what_their_writer_expects"],
    ),
    (
        "no number was a failure without a name",
        &["what_cannot_be_made_says_why", "their_tests_pass"],
    ),
    ("a path that no built-in event has went unseen", &["fields_that_no_sample_has"]),
    ("`exists` was taken for `has a value`", &["exists_asks_whether_a_value_is_there_be_it_null"]),
    ("booleans were printed as Python's", &["templates_print_what_their_writer_expects"]),
    ("` #` cut a caption", &["comment_cuts_a_caption", "comment_in_a_multiline_text"]),
    ("` #` cut a condition", &["comment_cuts_a_condition"]),
    ("`!` made a condition null", &["tag_swallows_a_condition"]),
    (
        "null stood where a text was meant",
        &["null_where_text_is_meant", "empty_where_text_is_meant"],
    ),
    ("WhatsApp's bold is YAML's alias", &["bold_text_is_an_alias"]),
    ("WhatsApp's quote is YAML's block", &["quote_text_is_a_block"]),
    ("a caption began with `` ` ``", &["backtick_starts_a_text"]),
    ("a caption began with `@`", &["at_sign_starts_a_text"]),
    ("a caption began with `%`", &["percent_starts_a_text"]),
    ("a caption began with `-`", &["dash_starts_a_caption"]),
    ("a caption had a colon in it", &["colon_in_a_caption"]),
    ("a template stood without quotes", &["template_without_quotes", "template_in_a_flow_list"]),
    (
        "a template or variable stood inside braces",
        &["template_in_a_flow_mapping", "variable_in_a_flow_mapping"],
    ),
    ("double quotes stood inside double quotes", &["double_quotes_inside_double_quotes"]),
    ("`*` stood alone as a kind", &["star_as_kind", "star_in_a_list_of_kinds"]),
    ("`>` stood without quotes", &["greater_than_without_quotes"]),
    (
        "YAML changed 0812…, +62…, 1e5, no and yes",
        &[
            "leading_zero_and_plus",
            "exponent_where_text_is_meant",
            "no_where_text_is_meant",
            "numbers_that_yaml_changes_in_match",
        ],
    ),
    (
        "a long id lost its digits",
        &["number_too_long_to_keep", "a_number_in_a_pattern_keeps_every_digit"],
    ),
    (
        "a number was wanted where the sender writes text",
        &["fields_that_no_sample_has", "literals_match_values_of_their_own_type_only"],
    ),
    ("one path stood twice, nested and dotted", &["same_path_twice_in_match"]),
    ("a no-break space made another key", &["no_break_space_in_a_key"]),
    ("a test could not take a field away", &["values_are_set_and_removed_by_their_dotted_paths"]),
    ("`match` was written with `event.`", &["match_starts_with_event"]),
    (
        "a bare kind did not take its actions",
        &["kinds_take_globs_and_github_s_take_all_their_actions"],
    ),
    ("a file did not say its kind", &["a_bare_kind_beside_a_file_gets_its_action_from_the_body"]),
    ("published and released both fired", &["the_same_sent_twice"]),
    (
        "a mistyped source became one of its own",
        &[
            "a_mistyped_source_or_preset_is_offered_the_right_one",
            "unknown_preset_and_source_without_a_scheme",
        ],
    ),
    ("one path was written 35 times", &["names_of_a_rule_shorten_its_condition_and_its_templates"]),
    ("nobody knew whether `$or` joins its neighbours", &["one_branch_of_or_is_enough"]),
    (
        "an empty second secret let anyone sign",
        &["empty_secrets", "a_variable_can_never_add_structure"],
    ),
    (
        "money was a hundredth of it",
        &["an_integer_of_unknown_unit_is_no_amount", "amounts_are_written_as_in_their_country"],
    ),
    (
        "a test event reached a customer",
        &[
            "events_of_test_mode_reach_nobody_unless_the_source_says_so",
            "test_events_that_reach_people",
        ],
    ),
    ("strangers wrote bold and links", &["markers_that_could_act_are_replaced_and_others_stay"]),
    ("an included file could read secrets", &["variables_are_not_filled_in_in_included_files"]),
    ("type and mimetype had to be written", &["the_type_follows_from_what_is_written"]),
    ("no text could be sent alone", &["their_tests_pass"]),
    (
        "one bad number took the others with it",
        &["each_recipient_gets_one_message_and_a_bad_one_fails_alone"],
    ),
    ("a missing field failed in `when`", &["conditions_are_judged_by_types"]),
    (
        "the address book came from a spreadsheet",
        &[
            "a_table_is_read_as_spreadsheets_export_it",
            "a_table_that_would_mislead_is_refused_with_its_row",
        ],
    ),
    ("Python's methods were tried", &["names_and_methods_that_there_are_not"]),
    ("a page was attached as a file", &["web_page_as_media"]),
    (
        "a mistake in one file hid those of others",
        &["one_bad_included_file", "many_mistakes_at_once"],
    ),
    (
        "an event that matches nothing was an error",
        &["a_body_is_enough_and_no_match_is_no_failure"],
    ),
    ("loops left empty lines", &["their_tests_pass"]),
];

/// All texts of Rust below a folder.
fn sources(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|it| it == "rs") {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_stumble_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    sources(&root.join("src"), &mut texts);
    sources(&root.join("tests/suite"), &mut texts);
    for (stumble, tests) in STUMBLES {
        assert!(!tests.is_empty(), "{stumble}");
        for test in *tests {
            let function = format!("fn {test}(");
            let is_there = root.join(format!("tests/config/bad/{test}.yaml")).is_file()
                || texts.iter().any(|text| text.contains(&function));
            assert!(is_there, "{stumble}: there is no test `{test}`");
        }
    }
}

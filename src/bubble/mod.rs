//! What will the customer see? WhatsApp markup as HTML, or for a terminal.
//!
//! WhatsApp knows `*bold*`, `_italic_`, `~strike~`, `` `mono` ``, a block between three backticks,
//! `- ` and `* ` bullets, `1. ` numbers and `> ` quotes. Markers act only at the edge of a word and
//! without a space inside, there is no escape character, and nothing spans two lines but a block.

mod blocks;
mod pieces;
mod html;
mod terminal;

pub use html::html;
pub use terminal::terminal;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{html, terminal};

    #[test]
    fn markers_act_at_the_edges_of_words_only() {
        for (message, expected) in [
            ("*bold* _it_ ~no~ `x_y_z`", "<b>bold</b> <i>it</i> <s>no</s> <code>x_y_z</code>"),
            ("*_both_*", "<b><i>both</i></b>"),
            ("(*in brackets*).", "(<b>in brackets</b>)."),
            ("is*Rafael* _ My Name_", "is*Rafael* _ My Name_"),
            ("snake_case_name", "snake_case_name"),
            ("a***b 2 * 3 * 4", "a***b 2 * 3 * 4"),
            ("__init__", "_<i>init</i>_"),
            ("*never closed", "*never closed"),
            ("*two\nlines*", "*two<br>lines*"),
        ] {
            assert_eq!(html(message), expected, "{message}");
        }
    }

    #[test]
    fn lists_quotes_and_blocks_stand_by_themselves() {
        assert_eq!(
            html("Lines:\n- a\n* *b*\n> said\n3. c\n4. d\nend"),
            "Lines:<ul><li>a</li><li><b>b</b></li></ul><blockquote>said</blockquote>\
             <ol start=\"3\"><li>c</li><li>d</li></ol>end"
        );
        assert_eq!(html("x\n```\nlet *a* = 1;\n```\ny"), "x<pre>let *a* = 1;</pre>y");
        assert_eq!(html("```never closed"), "```never closed");
    }

    #[test]
    fn only_https_addresses_become_links_and_their_underscores_survive() {
        assert_eq!(
            html("see https://x.example/a_b_c, now"),
            "see <a href=\"https://x.example/a_b_c\" rel=\"noopener noreferrer\" \
             target=\"_blank\">https://x.example/a_b_c</a>, now"
        );
        for message in ["javascript:alert(1)", "http://x.example/", "https://"] {
            assert!(!html(message).contains("<a"), "{message}");
        }
    }

    #[test]
    fn foreign_tags_are_shown_and_never_act() {
        assert_eq!(
            html("<script>alert('&')</script>*<b>*"),
            "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;<b>&lt;b&gt;</b>"
        );
        assert!(!html("https://x.example/\"onmouseover=alert(1)").contains("\"onmouseover"));
    }

    #[test]
    fn a_terminal_gets_styles_only_with_colour_and_never_the_messages_own_escapes() {
        assert_eq!(terminal("*Paid* `A-1`\n- one", false), "Paid A-1\n• one");
        assert_eq!(
            terminal("*Paid* `A-1`", true),
            "\u{1b}[1mPaid\u{1b}[22m \u{1b}[36mA-1\u{1b}[39m"
        );
        assert_eq!(terminal("\u{1b}[2Jgone\u{7}", false), "[2Jgone");
    }

    #[test]
    fn a_long_line_of_lonely_markers_is_read_in_linear_time() {
        let line = "*a _b ~c `".repeat(20_000);
        assert!(html(&line).len() >= line.len());
    }

    fn without_our_tags(html: &str) -> String {
        let mut rest = html.to_owned();
        for tag in ["b", "i", "s", "code", "pre", "ul", "ol", "li", "blockquote"] {
            rest = rest.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
        }
        for number in 0..1000 {
            rest = rest.replace(&format!("<ol start=\"{number}\">"), "");
        }
        rest = rest.replace("<br>", "").replace("</a>", "");
        while let Some(start) = rest.find("<a href=\"https://") {
            let tail = " rel=\"noopener noreferrer\" target=\"_blank\">";
            let Some(length) = rest[start..].find(tail) else { break };
            let url = &rest[start + "<a href=\"".len()..start + length - 1];
            assert!(!url.contains(['"', '<', '>']), "{url}");
            rest.replace_range(start..start + length + tail.len(), "");
        }
        rest
    }

    proptest! {
        #[test]
        fn no_message_brings_a_tag_of_its_own(
            message in "([*_~`<>&\"' \n#a-c0-9.-]|```|https://|<b>|<script>|> |- |\\PC){0,60}"
        ) {
            let rest = without_our_tags(&html(&message));
            prop_assert!(!rest.contains(['<', '>', '"', '\'']), "{rest}");
        }

        #[test]
        fn a_terminal_never_gets_a_control_character(message in any::<String>()) {
            prop_assert!(!terminal(&message, false).contains(|c: char| c.is_control() && c != '\n'));
        }
    }
}
